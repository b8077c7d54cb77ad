"""Two nets as one: a third net of a system goes on with what its SCN or its ISN makes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAPER, DARK = 0.1, 4.0  # ours: ink less than this is paper; so many times of what is more, a pencil's line counts whole
WIDTH = 0.25  # ours: a line is whole so much above the ink from which it is added; an ISN sees the faintest gray


class Restored(nn.Module):
    """An ISN and the restorer of its photos: (N, 1, S, S), style (N, code) -> (N, 3, S, S), all in [0, 1]."""

    def __init__(self, isn: nn.Module, restorer: nn.Module) -> None:
        super().__init__()
        self.isn, self.restorer = isn, restorer

    def forward(self, strokes: Tensor, style: Tensor | None = None) -> Tensor:
        photo: Tensor = self.restorer(self.isn(strokes) if style is None else self.isn(strokes, style))
        return photo


@dataclass(frozen=True)
class Bounds:
    """How much is added to strokes; ours."""

    reach_px: int  # nothing this near to a line that is drawn
    sure: float  # nothing of less ink


class Completed(nn.Module):
    """An SCN, and a net that adds lines to its strokes where nothing is drawn.

    (N, 1, S, S), level (N, 1) -> (N, 1, S, S), all in [0, 1], 1 = ink. At level 0 the strokes are the SCN's own, at
    `usual` lines are added within the bounds `few`, at 1 within `many`; in between in proportion.
    """

    code = 1

    def __init__(self, scn: nn.Module, completer: nn.Module, usual: float, few: Bounds, many: Bounds) -> None:
        super().__init__()
        self.scn, self.completer = scn, completer
        self.usual, self.few, self.many = usual, few, many

    def forward(self, strokes: Tensor, level: Tensor | None = None) -> Tensor:
        level = strokes.new_zeros(len(strokes), 1) if level is None else level
        more = ((level - self.usual) / (1 - self.usual)).clamp(0, 1)[:, :, None, None]
        ink = (DARK * (strokes - PAPER)).clamp(0, 1)
        far, near = (_grown(ink, of.reach_px) for of in (self.few, self.many))
        sure = self.few.sure + more * (self.many.sure - self.few.sure)
        lines = ((_told(self.completer, strokes, level) - sure) / WIDTH).clamp(0, 1)
        share = (level / self.usual).clamp(0, 1)[:, :, None, None]
        added = share * (1 - torch.lerp(far, near, more)) * lines
        return torch.maximum(_told(self.scn, strokes, level), added)


def _grown(ink: Tensor, reach_px: int) -> Tensor:
    """The most ink in a square around each pixel: by rows, then by columns, which is quicker."""
    across = F.max_pool2d(ink, (1, 2 * reach_px + 1), 1, (0, reach_px))
    return F.max_pool2d(across, (2 * reach_px + 1, 1), 1, (reach_px, 0))


def _told(net: nn.Module, strokes: Tensor, level: Tensor) -> Tensor:
    made: Tensor = net(strokes, level) if getattr(net, "code", 0) else net(strokes)
    return made
