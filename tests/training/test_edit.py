"""What is erased in training: masks by shares and numbers, hints only where they are asked for; and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.drawing.face_prior import Eyes
from pipeline.training.edit import PROPOSAL as PROPOSED
from pipeline.training.edit import windowed
from pipeline.training.erasing import (
    FAR,
    NEAR,
    NO_COLOUR,
    PAINTS,
    Eraser,
    ErasingParams,
    coloured,
    composed,
    given,
    painted,
)

EYES, SIDE = Eyes(0.48, 0.27), 64
PROPOSAL = torch.full((16, 3, SIDE, SIDE), 0.4)
BRUSHED = ErasingParams(feature=0, hair=0, box=0, brush_px=30, strokes=1, colours=0)


def batch(count: int = 16) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    numbers = torch.Generator().manual_seed(3)
    photo = torch.rand(count, 3, SIDE, SIDE, generator=numbers)
    strokes = (torch.rand(count, 1, SIDE, SIDE, generator=numbers) > 0.8).float()
    return photo, strokes, torch.rand(count, 7, generator=numbers)


def erased(**changed: float) -> torch.Tensor:
    return Eraser(ErasingParams(**(vars(BRUSHED) | changed)), EYES, SIDE)(*batch(), PROPOSAL)


def test_the_photo_is_whole_outside_the_mask_and_gone_inside() -> None:
    photo, strokes, _ = batch()
    asked = erased(colours=1)
    mask = asked[:, 7:8]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(asked[:, :3], photo * (1 - mask))
    torch.testing.assert_close(asked[:, 3:4], strokes * mask)
    assert (asked[:, 4:7][(1 - mask).bool().expand(-1, 3, -1, -1)] == NO_COLOUR).all()
    assert (asked[:, 8:9] * (1 - mask)).abs().max() == 0
    torch.testing.assert_close(composed(photo, torch.zeros_like(photo), mask), asked[:, :3])


def test_every_sample_loses_something_and_none_loses_all() -> None:
    area = erased(feature=1, hair=1, box=1)[:, 7].mean((1, 2))
    assert area.min() > 0.01
    assert area.max() < 0.99
    assert area.mean() > erased()[:, 7].mean() + 0.2


def test_a_feature_erases_where_features_are() -> None:
    plain, more = erased(brush_px=1)[:, 7], erased(brush_px=1, feature=1)[:, 7]
    gained = (more - plain).clamp_min(0).mean(0)
    rows = np.arange(SIDE)[:, None] * np.ones(SIDE)
    place = float((gained.numpy() * rows).sum() / gained.numpy().sum()) / SIDE
    assert 0.4 < place < 0.8  # from the brows to the mouth
    assert gained[: SIDE // 4].max() == 0


def test_hair_is_erased_above_and_beside_the_face_and_where_a_beard_grows() -> None:
    blank, numbers = torch.zeros(64, 3, SIDE, SIDE), torch.rand(64, 7, generator=torch.Generator().manual_seed(1))
    params = ErasingParams(**(vars(BRUSHED) | {"brush_px": 1, "hair": 1}))
    mask = Eraser(params, EYES, SIDE)(blank, blank[:, :1], numbers, blank)[:, 7]
    for row, column in [(2, 32), (32, 2), (32, 62), (53, 32)]:  # top, sides, chin
        assert 0.1 < mask[:, row, column].mean() < 0.9
    assert mask[:, 36:40, 30:34].mean() < 0.1  # the nose stays


@pytest.mark.parametrize(("name", "channels"), [("strokes", slice(3, 4)), ("colours", slice(4, 7))])
def test_hints_are_given_in_the_share_asked_for(name: str, channels: slice) -> None:
    none, all_ = erased(**{name: 0.0})[:, channels], erased(**{name: 1.0})[:, channels]
    assert len(none.unique()) == 1
    assert (all_ != none).flatten(1).any(1).float().mean() > 0.8


def test_a_sample_without_strokes_has_no_proposal_either() -> None:
    assert torch.equal(erased(strokes=0.0)[:, 9:].unique(), torch.tensor([0.5]))
    assert torch.equal(erased(strokes=1.0)[:, 9:], PROPOSAL)


def test_colours_are_those_of_the_photo_there() -> None:
    photo, strokes, noise = batch()
    photo = torch.full_like(photo, 0.25)
    asked = Eraser(ErasingParams(0, 0, 1, 30, 1, 1), EYES, SIDE)(photo, strokes, noise, photo)
    assert set(asked[:, 4:7].unique().tolist()) == {NO_COLOUR, 0.25}


def test_a_photo_is_painted_in_few_colours_each_the_mean_of_its_part() -> None:
    parts = torch.tensor([[0.1, 0.1, 0.1], [0.9, 0.5, 0.4], [0.2, 0.6, 0.9]])
    where = torch.arange(SIDE)[:, None].expand(-1, SIDE) * 3 // SIDE
    noise = 0.02 * torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    made = painted(parts[where].permute(2, 0, 1)[None] + noise)[0].flatten(1)
    assert len(made.unique(dim=1).T) <= PAINTS
    truth = parts[where].permute(2, 0, 1).flatten(1)
    assert (made - truth).abs().max() < 0.06  # no colour is of two parts
    assert (made - truth).abs().mean() < noise.abs().mean()


@pytest.mark.parametrize("over", [NEAR, FAR])
def test_what_takes_a_colour_on_keeps_its_lines(over: int) -> None:
    photo, wanted = torch.full((1, 3, 128, 128), 0.6), torch.tensor([0.3, 0.5, 0.7])
    photo[..., ::3] = 0.3  # lines, two px apart
    colours = torch.full_like(photo, NO_COLOUR)
    colours[:, :, 48:] = wanted[:, None, None]
    made = coloured(photo, colours, over)
    inside = made[0, :, 80:110, 30:90]
    torch.testing.assert_close(inside.mean((1, 2)), wanted, atol=0.02, rtol=0)
    torch.testing.assert_close(inside[..., 1::3] - inside[..., ::3], torch.full((3, 30, 20), 0.3), atol=0.02, rtol=0)
    assert torch.equal(made[:, :, :40], photo[:, :, :40])
    assert torch.equal(coloured(photo, torch.full_like(photo, NO_COLOUR), over), photo)


def test_a_proposal_has_the_colours_that_are_given_where_it_is_erased_alone() -> None:
    photo, strokes, _ = batch(1)
    mask, red = torch.zeros(1, 1, SIDE, SIDE), torch.zeros_like(photo)
    mask[..., 16:48, 16:48], red[:, 0] = 1, 1
    begun = given(photo, strokes, red, mask, torch.zeros(1, SIDE, SIDE), PROPOSAL[:1])[:, PROPOSED]
    torch.testing.assert_close(begun[0, :, 24:40, 24:40].mean((1, 2)), torch.tensor([1.0, 0, 0]))
    assert (begun == 0.4).all(1)[mask[:, 0] == 0].all()


def test_the_same_numbers_erase_the_same_and_others_other_parts() -> None:
    photo, strokes, noise = batch()
    eraser = Eraser(ErasingParams(0.5, 0.5, 0.5, 30, 0.5, 0.5), EYES, SIDE)
    assert torch.equal(eraser(photo, strokes, noise, photo), eraser(photo, strokes, noise, photo))
    alone = eraser(photo[3:4], strokes[3:4], noise[3:4], photo[3:4])
    assert torch.equal(alone[0], eraser(photo, strokes, noise, photo)[3])
    assert not torch.equal(
        eraser(photo, strokes, noise, photo)[:, 7], eraser(photo, strokes, noise.flip(0), photo)[:, 7]
    )


def test_of_hints_what_is_erased_alone_counts() -> None:
    photo, strokes, _ = batch(1)
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., 20:30, 20:30] = 1
    asked = given(photo, strokes, torch.full_like(photo, 0.5), mask, torch.ones(1, SIDE, SIDE), photo)
    assert asked.shape == (1, 12, SIDE, SIDE)
    assert torch.equal((asked[:, 9:] - photo) * (1 - mask), 0 * photo)  # whole, to compare with what is left
    assert (asked[:, 4] == 0.5).sum() == 100
    assert asked[:, 8].sum() == 100


def test_a_window_lies_around_what_is_erased_and_shows_photo_and_hints_alike() -> None:
    photo, strokes, noise = batch()
    mask = torch.zeros(16, 1, SIDE, SIDE)
    mask[:, :, 2, 60] = 1  # one pixel, near a corner
    asked = given(photo, strokes, torch.zeros_like(photo), mask, noise.new_zeros(16, SIDE, SIDE), photo)
    part, truth = windowed(asked, photo, noise, 0.5)
    assert torch.equal(truth, photo[..., :32, 32:])
    assert torch.equal(part, asked[..., :32, 32:])
    assert windowed(asked, photo, noise, 1)[0] is asked


def test_it_learns_to_fill_from_strokes(tmp_path: Path) -> None:
    from lightning_fabric import Fabric

    from pipeline.core.params import load
    from pipeline.training.edit import Edit, EditParams

    params = load(EditParams, "train_edit")
    trainer = Edit(Fabric(accelerator="cpu", devices=1), params, EYES)
    torch.manual_seed(0)
    strokes = torch.zeros(4, 1, SIDE, SIDE)
    photo = torch.full((4, 3, SIDE, SIDE), 0.7)
    for i in range(4):
        strokes[i, :, :, 12 + 10 * i] = 1
        photo[i, :, :, 12 + 10 * i :] = 0.2
    given_ = {"photo": photo, "product": strokes, "proposal": torch.full_like(photo, 0.5)}
    noise = torch.rand(60, 4, 7)
    before = trainer.measure(given_ | {"noise": noise[0]})["erased_l1"]
    for step in range(1, 60):
        terms = trainer.step(given_ | {"noise": noise[step]})
    assert {"l1", "perceptual", "adversarial", "discriminator", "accuracy"} <= set(terms)
    assert trainer.measure(given_ | {"noise": noise[0]})["erased_l1"] < 0.5 * before
