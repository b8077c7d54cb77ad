"""How rough a drawing is: whether its lines are single, or bundles of strokes that search for one, smudged, grainy."""

import numpy as np

from pipeline.drawing.pen_width import Lines

# All ours, chosen on clean and on rough drawings of known lines, on the styles' and on people's (docs/drawing-to-photo)
BUNDLED = 0.35  # spread of the widths along the lines, relative: one pen's is less
MASSED = 0.9  # more is no bundle but shaded areas
GRAY = 0.5  # share of the ink that is pale beside the darkest strokes: a clean line's rim is less
PALE = 0.6  # of the darkest strokes' darkness
FAINTEST = 0.06  # paler is paper


def roughness(lines: Lines, widest: float) -> float:
    """0 of clean lines, or of none; from 1 on a drawing is rough.

    `widest`: px, what a pen that draws single lines would draw.
    """
    ink, mask = lines.ink, lines.mask
    if not mask.any():
        return 0.0
    low, middle, high = np.percentile(2 * lines.inner[lines.middle] - 1, [25, 50, 75])
    spread = float((high - low) / middle)
    bundled = spread / BUNDLED if middle > widest and spread < MASSED else 0.0
    pale = (ink > FAINTEST) & (ink < PALE * np.percentile(ink[mask], 90))
    return max(bundled, float(ink[pale].sum() / ink.sum()) / GRAY)
