"""Sample sheets of a training run: plain grids, a row a face, a column a picture of the trainer's."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.core.polarity import Photo

GAP_PX = 2
SHEET_FACES = 8  # rows


@torch.no_grad()
def sample_sheet(columns: Mapping[str, Tensor]) -> Photo:
    """Column name -> pictures (N, C, H, W) in [0, 1], C 1 or 3 -> one picture of them all, white between."""
    rows = zip(*(_as_photos(images) for images in columns.values()), strict=True)
    return np.concatenate([np.concatenate([_framed(photo) for photo in row], 1) for row in rows], 0)


def _framed(photo: Photo) -> Photo:
    return np.pad(photo, ((0, GAP_PX), (0, GAP_PX), (0, 0)), constant_values=255)


def _as_photos(images: Tensor) -> list[Photo]:
    rgb = images.float().expand(-1, 3, -1, -1).clamp(0, 1).mul(255).round().byte()
    return list(rgb.permute(0, 2, 3, 1).cpu().numpy())
