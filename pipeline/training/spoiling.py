"""True photos made like those of a system that learnt from drawings: no texture, blurred, with the ghosts of strokes.

So blind face restoration learns (GFPGAN, Wang et al. 2021: blur, smaller, noise, JPEG). ours: the filter, the ghosts.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from pipeline.core.allowed import Pixels, Share
from pipeline.core.params import require
from pipeline.training.sample_order import generator_of

NEAR_PX = (2.0, 5.0)  # ours: sigma in the plane of the filter that takes texture, least and greatest
ALIKE = (0.06, 0.25)  # ours: its sigma in the colours
SOFT_PX = (0.6, 1.8)  # ours: blur of a ghost
DARKEST = 0.25  # ours: the lightest colour of a ghost, of each channel
PATCHES = 4  # ours: cells along the side, each with its own share of the ghost


@dataclass(frozen=True)
class SpoilingParams:
    """How a true photo is spoilt; lengths are px at 256."""

    smoothed: Share  # of the samples lose their texture and keep their edges (bilateral filter, Tomasi, Manduchi 1998)
    blur_px: tuple[Pixels, Pixels]  # sigma of a Gaussian, least and greatest
    ghosted: Share  # of the samples show ghosts of the strokes
    ghost: Share  # how dark they are at most; 1: as ink

    def __post_init__(self) -> None:
        require(0 < self.blur_px[0] <= self.blur_px[1], "blur_px above 0, the first not the greater")


def spoilt(photo: Tensor, strokes: Tensor, numbers: Tensor, params: SpoilingParams, scale: float) -> Tensor:
    """Photos (N, 3, S, S) and strokes (N, 1, S, S), 1 = ink -> photos; `numbers` (N, k) in [0, 1) say how each.

    `scale`: px of a px at 256.
    """
    made = []
    for one, lines, number in zip(photo.split(1), strokes.split(1), numbers, strict=True):
        rng = generator_of(number)
        soft = smoothed(one, rng, scale) if rng.random() < params.smoothed else one
        soft = blurred(soft, rng.uniform(*params.blur_px) * scale)
        if rng.random() < params.ghosted:
            ghost = _ghost(lines, rng, scale) * float(rng.uniform(0, params.ghost))
            colour = torch.from_numpy(rng.uniform(0, DARKEST, (1, 3, 1, 1)).astype(np.float32)).to(one)
            soft = torch.lerp(soft, colour.expand_as(soft), ghost.expand_as(soft))
        made.append(soft)
    return torch.cat(made)


def smoothed(photo: Tensor, rng: np.random.Generator, scale: float) -> Tensor:
    """(1, 3, S, S) -> the same without what is fine and faint, once or twice."""
    pixels = np.ascontiguousarray(photo[0].permute(1, 2, 0).cpu().numpy())
    for _ in range(int(rng.integers(1, 3))):
        pixels = cv2.bilateralFilter(pixels, -1, rng.uniform(*ALIKE), rng.uniform(*NEAR_PX) * scale)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(photo)


def _ghost(strokes: Tensor, rng: np.random.Generator, scale: float) -> Tensor:
    """(1, 1, S, S) -> the same, soft and here and there gone."""
    cells = torch.from_numpy(rng.random((1, 1, PATCHES, PATCHES), np.float32)).to(strokes)
    there = F.interpolate(cells, strokes.shape[-2:], mode="bilinear", align_corners=False)
    return blurred(strokes, rng.uniform(*SOFT_PX) * scale) * there


def blurred(images: Tensor, sigma: float) -> Tensor:
    """(N, C, H, W) -> the same, by a Gaussian of so many px, the border reflected."""
    side = 2 * min(max(1, round(3 * sigma)), images.shape[-1] // 2 - 1) + 1
    made: Tensor = gaussian_blur(images, [side, side], [sigma, sigma])
    return made
