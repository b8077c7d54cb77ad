"""A larger system teaches a narrow one: what is taught is what the teacher makes, and it is learnt."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

from pipeline.apps.torch_nets import TorchNet, load_system, open_weights
from pipeline.core.dataset import Split, read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.params import ParamsError, build, load
from pipeline.core.polarity import strokes_of, unit
from pipeline.training import teach
from pipeline.training.checkpoint import below
from pipeline.training.device import Device
from pipeline.training.lessons import open_teacher
from pipeline.training.lite import TRAINER, LiteParams, StudentParams
from pipeline.training.trainers import train_stage
from tests.tiny_system import ISN, SCN, write_system

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


def test_what_is_finer_than_the_blur_comes_from_the_sharper_system(taught: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    write_system(other, seed=1)
    teacher, sharper = open_teacher("mine", taught, "cpu"), open_teacher(str(other), taught, "cpu")
    strokes = np.random.default_rng(0).random((2, SIDE, SIDE), np.float32)
    photos = teacher.isn(strokes, sharper.isn.style(np.zeros((2, SIDE, SIDE, 3), np.uint8)))
    finer = sharper.isn(strokes, sharper.isn.style(teach.rgb(photos)))
    mixed = teach.detailed(sharper, 2.0, strokes, photos)
    coarse, fine = blurred(mixed), mixed - blurred(mixed)
    assert apart(coarse, blurred(photos)) < apart(coarse, blurred(finer)) / 3
    assert apart(fine, finer - blurred(finer)) < apart(fine, photos - blurred(photos)) / 3


def blurred(photos: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = gaussian_filter(photos, (0, 0, 2, 2))
    return smooth


def apart(these: NDArray[np.float32], those: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(these - those))


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


def sections(scn: dict[str, Any], isn: dict[str, Any], lr: float, steps: int, **changed: Any) -> dict[str, Any]:
    params = load(LiteParams, "train_lite")
    schedule = replace(
        params.schedule, steps=steps, validate_every_steps=steps // 2, log_every_steps=1, save_every_steps=steps
    )
    return {
        "train_lite": replace(params, schedule=schedule, optimizer=replace(params.optimizer, lr=lr), **changed),
        "lite_nets.scn": build(StudentParams, {"net": {"generator": scn}}, "lite_nets.scn"),
        "lite_nets.isn": build(StudentParams, {"net": {"generator": isn}}, "lite_nets.isn"),
    }


def history(data: Path) -> list[dict[str, str]]:
    with (data / "trained/lite/history.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_is_learnt_and_opens_as_a_system(taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    code = of(taught, "train").told["style"].shape[1]
    isn = GENERATOR | {"kind": "compact_styled", "code": code, "dropped": 0}
    train_stage("lite", TRAINER, sections(GENERATOR, isn, 0.03, 60), taught, Device("cpu", "32-true"))
    grey = np.abs(unit(of(taught, "val").layers["photo"]) - 0.5).mean()  # what it makes untrained
    assert float(history(taught)[-1]["val_l1"]) < 0.7 * grey
    system = load_system(Layout(taught), "lite", "cpu")
    assert system.takes_levels
    assert system.takes_styles
    assert isinstance(system.isn, TorchNet)
    encoder = below(load_file(taught / TAUGHT / "teacher.safetensors"), "isn/g/encoder.")
    learnt = system.isn.module.encoder.state_dict()
    assert all(torch.equal(learnt[name], value) for name, value in encoder.items())
    assert encoder
    strokes, photo = system.photo(np.full((SIDE, SIDE), 255, np.uint8))
    assert strokes.shape == (SIDE, SIDE)
    assert photo.shape == (SIDE, SIDE, 3)


STILL_SCN = {"strokes": 0.0, "dice": 0.0}


def test_a_student_that_begins_as_its_teacher_keeps_the_strokes_and_goes_on_with_the_photo(
    taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    weights = replace(load(LiteParams, "train_lite").weights, **STILL_SCN)
    asked = sections(vars(SCN), vars(ISN), 1e-5, 2, begins="teacher", weights=weights)
    train_stage("lite", TRAINER, asked, taught, Device("cpu", "32-true"))
    teacher = load_file(taught / TAUGHT / "teacher.safetensors")
    learnt = load_file(taught / "trained/lite/weights.safetensors")
    changed = {name for name, value in teacher.items() if not torch.equal(value, learnt[name])}
    assert changed
    assert all(name.startswith("isn/g/") and not name.startswith("isn/g/encoder.") for name in changed)
    assert all(torch.allclose(value, learnt[name], atol=1e-3) for name, value in teacher.items())
    assert "strokes" not in history(taught)[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"begins": "random", "weights": STILL_SCN}, "strokes or dice above 0, or begins: teacher"),
        ({"begins": "teacher", "weights": STILL_SCN, "plateau_measure": "dice"}, "plateau_measure one of l1, ssim"),
    ],
)
def test_what_cannot_be_learnt_is_said(changed: dict[str, Any], message: str) -> None:
    params = load(LiteParams, "train_lite")
    schedule = replace(params.schedule, plateau_measure=changed.get("plateau_measure", "ssim"))
    weights = replace(params.weights, **changed["weights"])
    with pytest.raises(ParamsError, match=message):
        replace(params, begins=changed["begins"], weights=weights, schedule=schedule)


def test_nets_that_are_not_the_teacher_s_cannot_begin_as_it(
    taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    asked = sections(GENERATOR, vars(ISN), 0.003, 2, begins="teacher")
    with pytest.raises(UserError, match=r"lite_nets\.scn\.net\.generator is not of the teacher's kind"):
        train_stage("lite", TRAINER, asked, taught, Device("cpu", "32-true"))
