"""Two nets as one: a third net of a system goes on with what its SCN or its ISN makes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAPER, DARK = 0.1, 4.0  # ours: ink less than this is paper; so many times of what is more, a pencil's line counts whole
SURE, WIDTH = (
    0.5,
    0.25,
)  # ours: what is added begins at so much ink, and is whole so much above: an ISN sees the faintest


class Restored(nn.Module):
    """An ISN and the restorer of its photos: (N, 1, S, S), style (N, code) -> (N, 3, S, S), all in [0, 1]."""

    def __init__(self, isn: nn.Module, restorer: nn.Module) -> None:
        super().__init__()
        self.isn, self.restorer = isn, restorer

    def forward(self, strokes: Tensor, style: Tensor | None = None) -> Tensor:
        photo: Tensor = self.restorer(self.isn(strokes) if style is None else self.isn(strokes, style))
        return photo


class Completed(nn.Module):
    """A net that draws what a drawing lacks, and the SCN that calibrates both.

    (N, 1, S, S), level (N, 1) -> (N, 1, S, S), all in [0, 1], 1 = ink. Nothing is added within `reach_px` of what is
    drawn. Lines are added in proportion to the level, whole from `whole_at` on; none at 0.
    """

    code = 1

    def __init__(self, completer: nn.Module, scn: nn.Module, reach_px: int, whole_at: float) -> None:
        super().__init__()
        self.completer, self.scn = completer, scn
        self.side, self.whole_at = 2 * reach_px + 1, whole_at

    def forward(self, strokes: Tensor, level: Tensor | None = None) -> Tensor:
        level = strokes.new_zeros(len(strokes), 1) if level is None else level
        lines = ((_told(self.completer, strokes, level) - SURE) / WIDTH).clamp(0, 1)
        near = F.max_pool2d((DARK * (strokes - PAPER)).clamp(0, 1), self.side, 1, self.side // 2)
        share = (level / self.whole_at).clamp(0, 1)[:, :, None, None]
        return _told(self.scn, torch.maximum(strokes, share * (1 - near) * lines), level)


def _told(net: nn.Module, strokes: Tensor, level: Tensor) -> Tensor:
    made: Tensor = net(strokes, level) if getattr(net, "code", 0) else net(strokes)
    return made
