"""What is exported computes what was trained, in fewer multiplications."""

import pytest
import torch
from torch import nn

from models.blocks import UPSAMPLINGS, convolution
from models.cheaper import DoubledConv, SpreadConv, with_cheap_convolutions


@pytest.mark.parametrize("shape", [(1, 5, 4, 4), (2, 5, 8, 12)])
def test_a_convolution_of_a_doubled_map_is_the_same(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(UPSAMPLINGS["resize"](5, 3)), torch.randn(shape)
    wanted = net(x)
    assert isinstance(with_cheap_convolutions(net)[0], DoubledConv)
    torch.testing.assert_close(net(x), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("outputs", "kernel"), [(1, 7), (3, 7), (2, 5)])
def test_a_wide_convolution_with_few_outputs_is_the_same(outputs: int, kernel: int) -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(convolution(6, outputs, kernel, "zeros")), torch.randn(2, 6, 12, 8)
    wanted = net(x)
    assert isinstance(with_cheap_convolutions(net)[0], SpreadConv)
    torch.testing.assert_close(net(x), wanted, atol=1e-5, rtol=0)


def test_others_stay() -> None:
    others = [
        convolution(6, 1, 7, "reflect"),
        convolution(6, 4, 7, "zeros"),
        convolution(6, 1, 3, "zeros"),
        nn.Conv2d(6, 1, 7, 2, 3),
        UPSAMPLINGS["transposed"](6, 2),
        nn.Sequential(nn.Upsample(scale_factor=3), nn.Conv2d(6, 2, 3, padding=1)),
        nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(6, 2, 3, padding=1)),
    ]
    net = nn.Sequential(*others)
    assert all(kept is other for kept, other in zip(with_cheap_convolutions(net), others, strict=True))
