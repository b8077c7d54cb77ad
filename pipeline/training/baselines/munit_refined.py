"""MUNIT behind our SCN: trained on the true Canny ⊙ HED, used on what the SCN draws. Params: as MUNIT's own."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric

from pipeline.core.layout import Layout
from pipeline.training.baselines.munit import Munit, MunitParams, open_as
from pipeline.training.behind_scn import behind_scn
from pipeline.training.trainers import Needs, TrainingStage
from pipeline.training.translation import PRODUCT, Opened, needs


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.munit"], PRODUCT, paired=False)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Munit:
    return Munit(fabric, sections["baselines.munit"], PRODUCT)


TRAINER = TrainingStage({"baselines.munit": MunitParams}, _needs, _build)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3) and the SCN's strokes (N, S, S), 1 = ink."""
    return behind_scn(open_as("munit_refined", layout, device), layout, device)
