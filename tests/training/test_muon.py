"""Muon: its orthogonal matrices, what it takes, and that it learns what AdamW learns slowly."""

import pytest
import torch
from torch import nn

from pipeline.training.muon import Muon, orthogonal, split


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (9, 9)])
def test_an_update_has_singular_values_of_about_one_and_the_same_directions(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = orthogonal(matrix)
    values = torch.linalg.svdvals(made)
    assert 0.5 < values.min() <= values.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    signs = torch.diag(u.T @ made @ v.T)
    assert (signs > 0.5).all()


def test_kernels_between_hidden_channels_are_its_own_and_nothing_is_left_out() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 1, 1))
    hidden, rest = split(net)
    assert [tuple(p.shape) for p in hidden] == [(8, 8, 3, 3)]
    assert {id(p) for p in [*hidden, *rest]} == {id(p) for p in net.parameters()}


def test_it_finds_a_badly_scaled_map_sooner_than_plain_descent() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=generator) * torch.logspace(0, -2, 8)
    truth = torch.randn(8, 8, generator=generator)

    def left(make: object) -> float:
        weight = nn.Parameter(torch.zeros(8, 8))
        optimizer = make([weight])  # type: ignore[operator]
        for _ in range(200):
            loss = ((x @ (weight - truth)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(((x @ (weight - truth)) ** 2).mean().detach())

    assert left(lambda p: Muon(p, 0.05, 0.0)) < 0.5 * left(lambda p: torch.optim.SGD(p, 0.05))
