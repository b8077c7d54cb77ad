"""A larger system teaches a narrow one: what is taught is what the teacher makes, and it is learnt."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.apps.torch_nets import TorchNet, load_system, open_weights
from pipeline.core.dataset import Split, read_split
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.params import build, load
from pipeline.core.polarity import strokes_of, unit
from pipeline.training import teach
from pipeline.training.device import Device
from pipeline.training.lite import TRAINER, LiteParams, StudentParams
from pipeline.training.trainers import train_stage
from tests.tiny_system import write_system

SIDE = 32
CPU = torch.device("cpu")
GENERATOR = {"kind": "compact", "width": 4, "blocks": 1, "code": 1, "spectral": False}


def packed(data: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 2)):
        folder = data / "packed" / split
        (folder / "clean").mkdir(parents=True)
        sketches = np.where(rng.random((count, SIDE, SIDE)) < 0.2, 0, 255).astype(np.uint8)
        np.save(folder / "photo.npy", rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8))
        np.save(folder / "clean/xdog.npy", sketches)
        ids = [f"{split}{i}" for i in range(count)]
        made_with = {"photo": {"eye_y": 0.48, "eye_distance": 0.27}}
        index = {"ids": ids, "layers": {"photo": "1", "clean/xdog": "2"}, "made_with": made_with}
        (folder / "index.json").write_text(json.dumps(index))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("taught") / "data"
    packed(data)
    write_system(data / "trained/joint/weights.safetensors")
    teach.run(lesson(), data, "cpu")
    return data


def lesson(**changed: object) -> teach.TeachParams:
    params = load(teach.TeachParams, "teach")
    return replace(params, drawings=11, val_drawings=2, told=0.5, drawn=("simplified",), **changed)


def of(data: Path, split: str) -> Split:
    return read_split(replace(Layout(data), packed_as=TAUGHT), split)


def test_what_is_taught_is_what_the_teacher_makes(taught: Path) -> None:
    split = of(taught, "train")
    assert len(split.ids) == 11
    system = open_weights(taught / "trained/joint/weights.safetensors", CPU)
    strokes = strokes_of(unit(split.layers["sketch/drawn"]))
    refined = system.scn(strokes, split.told["level"] if system.scn.code else None)[:, 0]
    np.testing.assert_allclose(unit(split.layers["strokes"]), refined, atol=0.003)
    photos = system.isn(refined, split.told["style"]).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(unit(split.layers["photo"]), photos, atol=0.003)
    told = split.told["style"].any(1)
    assert told.any()
    assert not told.all()


def test_it_is_taught_the_same_again_and_goes_on_where_it_was_killed(
    taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    packed(data)
    write_system(data / "trained/joint/weights.safetensors")
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    asked, lessons = 0, teach.lessons

    def stopping(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise KeyboardInterrupt
        return lessons(*given)

    monkeypatch.setattr(teach, "lessons", stopping)
    with pytest.raises(KeyboardInterrupt):
        teach.run(lesson(), data, "cpu")
    assert not (data / TAUGHT).exists()
    teach.run(lesson(), data, "cpu")
    assert asked == 4  # two of train, one of them twice, and one of val
    for split in ("train", "val"):
        assert of(data, split).digest == of(taught, split).digest


def test_it_is_learnt_and_opens_as_a_system(taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    code = of(taught, "train").told["style"].shape[1]
    params = load(LiteParams, "train_lite")
    schedule = replace(params.schedule, steps=60, validate_every_steps=30, log_every_steps=30, save_every_steps=30)
    isn = GENERATOR | {"kind": "compact_styled", "code": code, "dropped": 0}
    sections = {
        "train_lite": replace(params, schedule=schedule, optimizer=replace(params.optimizer, lr=0.03)),
        "lite_nets.scn": build(StudentParams, {"net": {"generator": GENERATOR}}, "lite_nets.scn"),
        "lite_nets.isn": build(StudentParams, {"net": {"generator": isn}}, "lite_nets.isn"),
    }
    train_stage("lite", TRAINER, sections, taught, Device("cpu", "32-true"))
    rows = (taught / "trained/lite/history.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), map(float, rows[-1].split(",")), strict=True))
    grey = np.abs(unit(of(taught, "val").layers["photo"]) - 0.5).mean()  # what it makes untrained
    assert last["val_l1"] < 0.7 * grey
    system = load_system(Layout(taught), "lite", "cpu")
    assert system.takes_levels
    assert system.takes_styles
    assert isinstance(system.isn, TorchNet)
    encoder = load_file(taught / TAUGHT / "teacher.safetensors")
    learnt = system.isn.module.encoder.state_dict()
    assert all(torch.equal(learnt[name], value) for name, value in encoder.items())
    assert encoder
    strokes, photo = system.photo(np.full((SIDE, SIDE), 255, np.uint8))
    assert strokes.shape == (SIDE, SIDE)
    assert photo.shape == (SIDE, SIDE, 3)
