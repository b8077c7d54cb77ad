"""pix2pix behind our SCN: trained on the true Canny ⊙ HED, used on what the SCN draws. Params: as pix2pix's own."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric

from pipeline.core.layout import Layout
from pipeline.training.baselines.pix2pix import Pix2Pix, Pix2PixParams, open_as
from pipeline.training.behind_scn import behind_scn
from pipeline.training.trainers import Needs, TrainingStage
from pipeline.training.translation import PRODUCT, Opened, needs


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.pix2pix"], PRODUCT, paired=True)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Pix2Pix:
    return Pix2Pix(fabric, sections["baselines.pix2pix"], PRODUCT)


TRAINER = TrainingStage({"baselines.pix2pix": Pix2PixParams}, _needs, _build)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3) and the SCN's strokes (N, S, S), 1 = ink."""
    return behind_scn(open_as("pix2pix_refined", layout, device), layout, device)
