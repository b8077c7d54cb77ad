"""Nets that are two: what a drawing lacks is added to it before its SCN; a photo is restored after its ISN."""

import pytest
import torch
from torch import Tensor, nn

from models.pairs import Completed, Restored

SIDE = 64


class Draws(nn.Module):
    """A completer that draws one line across, as dark as it is told to be, whatever it sees."""

    def __init__(self, ink: float) -> None:
        super().__init__()
        self.ink = ink

    def forward(self, strokes: Tensor) -> Tensor:
        lines = torch.full_like(strokes, 0.45)
        lines[..., 32, :] = self.ink
        return lines


def drawing() -> Tensor:
    """A line down, and the gray paper of a scan."""
    strokes = torch.full((2, 1, SIDE, SIDE), 0.08)
    strokes[..., 20] = 0.5
    return strokes


def completed(level: float | None, ink: float = 1.0, reach_px: int = 4) -> Tensor:
    told = None if level is None else torch.full((2, 1), level)
    made: Tensor = Completed(Draws(ink), nn.Identity(), reach_px, 0.5)(drawing(), told)
    return made


@pytest.mark.parametrize("reach_px", [1, 4])
def test_lines_are_added_where_nothing_is_drawn(reach_px: int) -> None:
    """None near a line, none that is not sure, and the drawing itself stays."""
    made = completed(0.5, reach_px=reach_px)
    added = made - drawing()
    assert (added[..., 32, 20 + reach_px + 1 :] > 0.9).all()
    assert not added[..., 20 - reach_px : 20 + reach_px + 1].any()
    added[..., 32, :] = 0
    assert not added.any()
    assert not (completed(0.5, ink=0.5) - drawing()).any()


def test_they_are_as_dark_as_the_level_says() -> None:
    dark = [float(completed(level)[0, 0, 32, 50]) for level in (0, 0.25, 0.5, 1)]
    assert dark == pytest.approx([0.08, 0.5, 1, 1])
    assert torch.equal(completed(None), drawing())


class Told(nn.Module):
    """A net that is told a level."""

    code = 1

    def forward(self, strokes: Tensor, level: Tensor) -> Tensor:
        return strokes * 0 + level[:, :, None, None]


def test_nets_that_are_told_a_level_are_told_it() -> None:
    levels = torch.tensor([[0.2], [0.7]])
    as_scn = Completed(Draws(1), Told(), 4, 0.5)(drawing(), levels)
    assert as_scn[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.7])
    as_completer = Completed(Told(), nn.Identity(), 4, 0.5)(drawing(), levels)
    assert as_completer[:, 0, 0, 50].tolist() == pytest.approx([0.08, 0.8])


def test_a_restorer_goes_on_with_the_photo() -> None:
    isn, twice = nn.Conv2d(1, 3, 1), nn.Hardtanh(0, 0.1)
    assert torch.equal(Restored(isn, twice)(drawing()), twice(isn(drawing())))
