"""Nets that are two: lines that a drawing lacks are added to its SCN's strokes; a photo is restored after its ISN."""

import pytest
import torch
from torch import Tensor, nn

from models.pairs import Bounds, Completed, Restored

SIDE = 64
FEW, MANY = Bounds(8, 0.4), Bounds(4, 0.2)


class Draws(nn.Module):
    """A completer that draws one line across on grayish paper, as dark as it is told to be, whatever it sees."""

    def __init__(self, ink: float) -> None:
        super().__init__()
        self.ink = ink

    def forward(self, strokes: Tensor) -> Tensor:
        lines = torch.full_like(strokes, 0.3)
        lines[..., 32, :] = self.ink
        return lines


def drawing() -> Tensor:
    """A line down, and the gray paper of a scan."""
    strokes = torch.full((2, 1, SIDE, SIDE), 0.08)
    strokes[..., 20] = 0.5
    return strokes


def completed(level: float | None, ink: float = 1.0) -> Tensor:
    told = None if level is None else torch.full((2, 1), level)
    made: Tensor = Completed(nn.Identity(), Draws(ink), 0.5, FEW, MANY)(drawing(), told)
    return made


@pytest.mark.parametrize(("level", "reach_px"), [(0.25, 8), (0.5, 8), (1, 4)])
def test_lines_are_added_where_nothing_is_drawn(level: float, reach_px: int) -> None:
    """None near a line, and the drawing itself stays."""
    added = completed(level) - drawing()
    assert (added[..., 32, 20 + reach_px + 1 :] > 0.4).all()
    assert not added[..., 20 - reach_px : 20 + reach_px + 1].any()


def test_at_the_usual_level_only_lines_that_are_sure_are_added() -> None:
    added = completed(0.5) - drawing()
    added[..., 32, :] = 0
    assert not added.any()
    assert not (completed(0.5, ink=0.4) - drawing()).any()
    assert float(completed(1)[0, 0, 10, 50]) == pytest.approx(0.4)  # grayish paper, of which it is half sure
    assert float(completed(0.75)[0, 0, 10, 50]) == pytest.approx(0.08)


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
    as_scn = Completed(Told(), Draws(1), 0.5, FEW, MANY)(drawing(), levels)
    assert as_scn[:, 0, 0, 20].tolist() == pytest.approx([0.2, 0.7])
    as_completer = Completed(nn.Identity(), Told(), 0.5, FEW, MANY)(drawing(), levels)
    assert as_completer[:, 0, 0, 50].tolist() == pytest.approx([0.08, 1])


def test_a_restorer_goes_on_with_the_photo() -> None:
    isn, twice = nn.Conv2d(1, 3, 1), nn.Hardtanh(0, 0.1)
    assert torch.equal(Restored(isn, twice)(drawing()), twice(isn(drawing())))
