"""The table FEATURES, and the features of many photos: on disk while they are compared, so that memory stays flat."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.dataset import Split
from pipeline.core.errors import UserError
from pipeline.evaluation.metrics.features import EfficientNet, Features, Inception, distances, frechet_scores
from pipeline.evaluation.metrics.identity import Identity, IdentityFace, identity_face_scores, identity_scores

BATCH = 64  # faces at once
Scores = dict[str, float | None]


class FeatureNet(Protocol):
    """Photos (N, S, S, 3) uint8 -> features (N, size) float32."""

    size: int

    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class FeatureRow:
    """A net in whose features sets of photos are compared, and what is computed of them."""

    open: Callable[[torch.device], FeatureNet]  # raises WeightsError where its file is missing
    scores: Callable[[Features, Features], Scores]  # real (N, D), generated (M, D), M a multiple of N
    names: tuple[str, ...]  # of the scores


FEATURES = {
    "inception": FeatureRow(Inception, distances, ("fid", "kid", "kid_deviation")),
    "efficientnet": FeatureRow(EfficientNet, partial(frechet_scores, "fd_efficientnet"), ("fd_efficientnet",)),
    "identity": FeatureRow(Identity, identity_scores, ("identity", "identity_rank1", "fd_identity")),
    "identity_face": FeatureRow(IdentityFace, identity_face_scores, ("identity_face", "identity_face_rank1")),
}


class FeatureNets:
    """The nets that could be opened, once for all systems; why the others could not; the real photos' features."""

    def __init__(self, device: torch.device, scratch: Path) -> None:
        self.scratch, self.nets, self.missing = scratch, dict[str, FeatureNet](), dict[str, str]()
        self.real: dict[str, dict[str, Features]] = {}
        for name, row in FEATURES.items():
            try:
                self.nets[name] = row.open(device)
            except UserError as error:
                self.missing[", ".join(row.names)] = str(error)

    def of_photos(self, split_name: str, split: Split) -> Mapping[str, Features]:
        """Net -> features of a split's photos; computed when first asked for."""
        if split_name not in self.real:
            photos, n = split.layers["photo"], len(split.ids)
            made = {name: self.room(f"real_{split_name}_{name}", (n, net.size)) for name, net in self.nets.items()}
            for i in range(0, n, BATCH):
                for name, found in self.embedded(np.asarray(photos[i : i + BATCH])).items():
                    made[name][i : i + BATCH] = found
            self.real[split_name] = dict(made)
        return self.real[split_name]

    def embedded(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Net -> features of a batch."""
        return {name: net(photos) for name, net in self.nets.items()}

    def rooms(self, kind: str, styles: int, faces: int) -> dict[str, NDArray[np.float32]]:
        """Net -> room on disk for (styles, faces, D) of one kind of drawing; what lay there goes."""
        return {name: self.room(f"{kind}_{name}", (styles, faces, net.size)) for name, net in self.nets.items()}

    def room(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        path = self.scratch / f"{name}.npy"
        path.unlink(missing_ok=True)
        return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)

    def scores(self, real: Mapping[str, Features], generated: Mapping[str, Features]) -> Scores:
        """All scores of generated photos (M, D) by net beside the real ones; None where not computed."""
        found: Scores = dict.fromkeys(name for row in FEATURES.values() for name in row.names)
        for name in self.nets:
            found |= FEATURES[name].scores(real[name], generated[name])
        return found


@contextmanager
def feature_nets(device: torch.device, beside: Path) -> Iterator[FeatureNets]:
    """The nets, with room on the disk of the folder `beside` that is given back at the end."""
    beside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=beside, prefix=".features.") as scratch:
        yield FeatureNets(device, Path(scratch))
