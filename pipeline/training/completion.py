"""How much of what a drawing lacks the calibrated strokes bring back, and how much of that is true."""

from torch import Tensor
from torch.nn import functional as F

LINE = 0.5  # of strokes, above which there is a line
TOLERANCE_PX = 2  # within which a line counts as found


def near(lines: Tensor) -> Tensor:
    """Where a line is within TOLERANCE_PX: bool (N, 1, H, W)."""
    return F.max_pool2d(lines.float(), 2 * TOLERANCE_PX + 1, 1, TOLERANCE_PX) > 0


def counts(refined: Tensor, sketch: Tensor, truth: Tensor, erased: Tensor) -> dict[str, Tensor]:
    """Pixels of lines within the erased parts, away from what the drawing has there: int64 (N,) each.

    All (N, 1, H, W) in [0, 1], 1 = ink; `sketch`: the drawing without its erased parts; `erased`: 1 = erased.
    missing: true lines; found: those of them near R's; drawn: R's lines; right: those of them near true ones.
    """
    made, true = refined > LINE, truth > LINE
    gone = (erased > LINE) & ~near(sketch > LINE)
    parts = {"missing": true & gone, "found": true & gone & near(made)}
    parts |= {"drawn": made & gone, "right": made & gone & near(true)}
    return {name: part.sum((1, 2, 3)) for name, part in parts.items()}


def completed(refined: Tensor, sketch: Tensor, truth: Tensor, erased: Tensor) -> dict[str, Tensor]:
    """Of `counts` over a batch: completion, the share of missing lines found, and completion_precision."""
    of = {name: count.sum() for name, count in counts(refined, sketch, truth, erased).items()}
    found, right = of["found"] / of["missing"].clamp_min(1), of["right"] / of["drawn"].clamp_min(1)
    return {"completion": found, "completion_precision": right}
