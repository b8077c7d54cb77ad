"""Figure 8's table: what is erased, which strokes are given, and that better fillings score better."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.apps.edit import Editor
from pipeline.core.dataset import Split
from pipeline.core.params import load
from pipeline.evaluation import edits
from pipeline.evaluation.pair_nets import PairNets
from pipeline.stages.crop.settings import CropParams

SIDE, COUNT = 64, 5


class Gray(nn.Module):
    """A stand-in for the net: gray, strokes black."""

    def forward(self, asked: torch.Tensor) -> torch.Tensor:
        return 0.5 * (1 - asked[:, 3:4]).expand(-1, 3, -1, -1)


class Scn:
    size = SIDE

    def refine(self, sketches: np.ndarray) -> np.ndarray:
        self.seen = sketches
        return np.full(sketches.shape, 0.25, np.float32)


@pytest.fixture
def split() -> Split:
    rng = np.random.default_rng(0)
    lines = (rng.random((COUNT, SIDE, SIDE)) > 0.8).astype(np.uint8) * 255
    paper = 255 - lines
    layers = {"photo": rng.integers(0, 256, (COUNT, SIDE, SIDE, 3), np.uint8), "product": lines}
    layers |= {"clean/xdog": paper, "sketch/xdog": np.roll(paper, 3, 1), "sketch/artist": np.roll(paper, 3, 2)}
    return Split([str(i) for i in range(COUNT)], layers, "digest")


@pytest.fixture
def editor() -> Editor:
    return Editor(Gray(), replace(load(CropParams, "crop"), size=SIDE), torch.device("cpu"))


def test_each_kind_is_given_where_it_is_erased_alone(split: Split) -> None:
    faces = edits.faces_of(split, 4)
    assert list(faces.kinds) == ["clean", "deformed", "people"]
    assert faces.masks.shape == (4, SIDE, SIDE)
    assert (faces.masks.any((1, 2)) & ~faces.masks.all((1, 2))).all()
    np.testing.assert_array_equal(edits.strokes_given(faces, "clean", None), faces.lines * faces.masks)
    assert not np.array_equal(faces.kinds["deformed"], faces.kinds["people"])
    scn = Scn()
    given = edits.strokes_given(faces, "deformed", scn)  # type: ignore[arg-type]
    np.testing.assert_allclose(given, 0.25 * faces.masks)
    shown = 1 - scn.seen / np.float32(255)
    np.testing.assert_allclose(shown[~faces.masks], faces.lines[~faces.masks], atol=1e-2)  # the photo's own lines
    np.testing.assert_allclose(shown[faces.masks], faces.kinds["deformed"][faces.masks], atol=1e-2)


def test_nearer_fillings_score_better_and_the_rest_of_the_photo_counts_for_nothing(split: Split) -> None:
    faces, nets = edits.faces_of(split, COUNT), PairNets({}, {})
    true, other = faces.photos.astype(int), np.roll(faces.photos, 1, 0).astype(int)
    near = np.where(faces.masks[..., None], (3 * true + other) // 4, true).astype(np.uint8)
    far = np.where(faces.masks[..., None], other, true).astype(np.uint8)
    outside = np.where(faces.masks[..., None], true, other).astype(np.uint8)
    found = [edits.scores(faces, made, nets) for made in (faces.photos, near, far)]
    for name in ("erased_psnr", "ssim"):
        assert found[0][name] > found[1][name] > found[2][name]
    assert edits.scores(faces, outside, nets)["erased_psnr"] == found[0]["erased_psnr"]


def test_outside_the_mask_the_photo_stays(split: Split, editor: Editor) -> None:
    faces = edits.faces_of(split, COUNT)
    made = edits.filled(faces, edits.strokes_given(faces, "clean", None), editor)
    np.testing.assert_array_equal(made[~faces.masks], faces.photos[~faces.masks])
    assert set(np.unique(made[faces.masks])) == {0, 128}


def test_a_table_and_a_sheet_are_written(
    split: Split, editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "read_split", lambda *_: split)
    monkeypatch.setattr(edits, "pair_nets", lambda _: PairNets({}, {}))
    edits.run(editor, Scn(), "val", 3, tmp_path, tmp_path / "e.json", tmp_path / "e.png")  # type: ignore[arg-type]
    rows = json.loads((tmp_path / "e.json").read_text())["rows"]
    assert len(rows) == 7
    assert rows["clean, raw"] != rows["clean, calibrated"]
    assert (tmp_path / "e.png").exists()
