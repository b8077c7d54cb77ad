"""A compact net that finds faces on a sheet and five points in each: eyes, nose, corners of the mouth."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.helpers import feature_pyramid
from models.helpers.feature_pyramid import PyramidBlock, enlarged, ready

POINTS = 5  # left eye, right eye, nose, left and right corner of the mouth, as they lie in the picture
CELL, FINE = 8, 4  # px of the picture a cell of the maps of `places` and of `heat`
SPAN_PX = 16.0  # distance of the eyes, px, that size 0 stands for
RARE = 0.02  # ours: share of cells that hold a face, as the untrained net believes


class Places(NamedTuple):
    """Of every cell of CELL px, rounded up: whether a face has its middle there, how large it is, where its points are.

    The middle is the mean of the four outer points' two pairs: of eyes and of mouth.
    """

    face: Tensor  # (N, 1, h, w) logits
    size: Tensor  # (N, 1, h, w) log of the eyes' distance in SPAN_PX
    offsets: Tensor  # (N, 2 * POINTS, h, w) x, y of each from the cell's middle, in distances of the eyes


class FacePointsNet(nn.Module):
    """(N, 1, H, W) gray in [0, 1] -> Places and, at a quarter of the resolution, logits of where each point is.

    `widths`: channels at 1/2, 1/4, 1/8, … ; from the coarsest on, each scale adds what it knows to the finer one, with
    `side` channels (Lin et al. 2017). Any H and W of at least 16.
    """

    def __init__(self, widths: Sequence[int], side: int) -> None:
        super().__init__()
        last = len(widths) - 2  # the finest and the coarsest have one block, those between two
        self.stem = _conv(1, widths[0], 5)
        self.downs = nn.ModuleList(
            nn.Sequential(_conv(a, b, 3), *(PyramidBlock(b, 1) for _ in range(1 if i in (0, last) else 2)))
            for i, (a, b) in enumerate(pairwise(widths))
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, side, 1) for width in widths[1:])
        self.mix = nn.Conv2d(side, side, 3, padding=1)
        says = nn.Conv2d(side, 2 + 2 * POINTS, 1)
        self.places_head = nn.Sequential(nn.ReLU(), says)
        self.heat_head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(side, side, 3, padding=1), nn.ReLU(), nn.Conv2d(side, POINTS, 1)
        )
        nn.init.zeros_(says.bias)  # type: ignore[arg-type]
        nn.init.constant_(says.bias[:1], math.log(RARE / (1 - RARE)))  # type: ignore[index]

    def forward(self, gray: Tensor) -> tuple[Places, Tensor]:
        coarse, fine = self._maps(gray)
        return self._places(coarse), self._heat(coarse, fine)

    def find(self, sheet: Tensor) -> tuple[Tensor, Tensor]:
        """One sheet (1, 1, H, W) -> how sure each cell is of a face there, logits (h, w), and that face's points.

        Points are px of the sheet, x and y, (h, w, POINTS, 2).
        """
        places = self._places(self._maps(sheet)[0])
        spans = SPAN_PX * places.size.clamp(-3, 3).exp()
        points = _middles(places.face) + (spans * places.offsets).view(POINTS, 2, *places.face.shape[2:])
        return places.face[0, 0], points.permute(2, 3, 0, 1)

    def look(self, face: Tensor) -> tuple[Tensor, Tensor]:
        """A picture (1, 1, H, W) with a face in its middle -> how sure it is of that, a logit, and its points.

        Points are px, (POINTS, 2); sure counts the best cell within CELL of the middle.
        """
        places, heat = self(face)
        h, w = places.face.shape[2:]
        near = places.face[0, 0, max(0, (h - 3) // 2) : h // 2 + 2, max(0, (w - 3) // 2) : w // 2 + 2]
        return near.amax((0, 1)), points_of(heat)[0]

    def _places(self, coarse: Tensor) -> Places:
        made = self.places_head(coarse)
        return Places(made[:, :1], made[:, 1:2], made[:, 2:])

    def _heat(self, coarse: Tensor, fine: Tensor) -> Tensor:
        heat: Tensor = self.heat_head(self.laterals[0](fine) + enlarged(coarse, fine))
        return heat

    def _maps(self, gray: Tensor) -> tuple[Tensor, Tensor]:
        """What is known at 1/8, and the trunk's map at 1/4."""
        maps = [self.stem((gray - 0.5) / 0.25)]
        for down in self.downs:
            maps.append(down(maps[-1]))
        known: Tensor = self.laterals[-1](maps[-1])
        for trunk, lateral in reversed(list(zip(maps[2:-1], self.laterals[1:-1], strict=True))):
            known = lateral(trunk) + enlarged(known, trunk)
        return self.mix(F.relu(known)), maps[1]


def _conv(channels: int, made: int, kernel: int) -> nn.Sequential:
    """Half the resolution."""
    return nn.Sequential(nn.Conv2d(channels, made, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU())


def _middles(maps: Tensor) -> Tensor:
    """x, y of each cell's middle, px, (2, h, w)."""
    h, w = ((torch.arange(k, device=maps.device) + 0.5) * CELL - 0.5 for k in maps.shape[2:])
    return torch.stack([w.expand(h.shape[0], -1), h[:, None].expand(-1, w.shape[0])])  # not len(): fixed in ONNX


def points_of(heat: Tensor) -> Tensor:
    """Logits (N, POINTS, h, w) of a picture with one face -> x, y of its points, px of the picture, (N, POINTS, 2).

    The mean of the softmax (Sun et al. 2018).
    """
    n, count, h, w = heat.shape
    share = heat.flatten(2).softmax(2).view(n, count, h, w)
    x = (torch.arange(w, device=heat.device) + 0.5) * FINE - 0.5
    y = (torch.arange(h, device=heat.device) + 0.5) * FINE - 0.5
    return torch.stack([(share.sum(2) * x).sum(2), (share.sum(3) * y).sum(2)], 2)


def face_points_net(tensors: Mapping[str, Tensor]) -> FacePointsNet:
    """From its state dict, of any precision, to run and not to train. Raises ValueError where it is none."""
    return ready(_sized_as(tensors), tensors)


def unfused(tensors: Mapping[str, Tensor]) -> FacePointsNet:
    """The same with its batch norms as they are in the file. Raises ValueError."""
    return feature_pyramid.unfused(_sized_as(tensors), tensors)


def _sized_as(tensors: Mapping[str, Tensor]) -> FacePointsNet:
    """An untrained net that these are the tensors of. Raises ValueError."""
    try:
        downs = len({key.split(".")[1] for key in tensors if key.startswith("downs.")})
        widths = [tensors["stem.0.weight"].shape[0]]
        widths += [tensors[f"downs.{i}.0.0.weight"].shape[0] for i in range(downs)]
        side = tensors["mix.weight"].shape[0]
        if tensors["heat_head.3.weight"].shape[0] != POINTS:
            raise ValueError("not five points")
    except KeyError as error:
        raise ValueError(f"no FacePointsNet: no tensor {error}") from error
    return FacePointsNet(widths, side)


def place_losses(places: Places, faces: Tensor, points: Tensor, known: Tensor) -> dict[str, Tensor]:
    """Of sheets: whether (cross-entropy, focal: Lin et al. 2017), size and points (L1, where there is a face).

    `faces`: (N, 1, h, w) how near the cell is to a face's middle, 1 at it, 0 far; `points`: (N, POINTS, 2), px, of
    the one face; `known`: (N, POINTS) which of them are.
    """
    n = len(faces)
    share = places.face.sigmoid()
    wrong = F.binary_cross_entropy_with_logits(places.face, faces, reduction="none") * (faces - share).abs().square()
    near = (faces > NEAR).float()  # cells that answer for the face
    spans = torch.linalg.vector_norm(points[:, 1] - points[:, 0], dim=1).clamp_min(1).view(n, 1, 1, 1)
    weight = near / near.sum().clamp_min(1)
    size = ((places.size - (spans / SPAN_PX).log()).abs() * weight).sum()
    aim = (points.flatten(1).view(n, -1, 1, 1) - _middles(faces).repeat(POINTS, 1, 1)) / spans
    asked = known.repeat_interleave(2, 1).view(n, -1, 1, 1) * weight
    offsets = ((places.offsets - aim).abs() * asked).sum() / (2 * POINTS)
    return {"face": FACE_WEIGHT * wrong.sum() / faces.sum().clamp_min(1), "size": size, "offsets": OFFSETS * offsets}


NEAR = 0.5
FACE_WEIGHT, OFFSETS = 2.0, 4.0  # ours: so that the terms weigh alike


def heat_loss(heat: Tensor, points: Tensor, asked: Tensor) -> Tensor:
    """Cross-entropy of each point's softmax with a Gaussian of one cell about its place; mean over the asked ones.

    `heat`: (N, POINTS, h, w) logits; `points`: (N, POINTS, 2), px; `asked`: (N, POINTS).
    """
    h, w = heat.shape[2:]
    at = (points + 0.5) / FINE - 0.5
    x, y = (torch.arange(k, device=heat.device).view(1, 1, -1) for k in (w, h))
    across, down = (torch.exp(-0.5 * (axis - at[..., i : i + 1]) ** 2) for i, axis in enumerate((x, y)))
    aim = (down[..., :, None] * across[..., None, :]).flatten(2)
    aim = aim / aim.sum(2, keepdim=True).clamp_min(1e-6)
    entropy = -(aim * heat.flatten(2).log_softmax(2)).sum(2)
    return (entropy * asked).sum() / asked.sum().clamp_min(1)
