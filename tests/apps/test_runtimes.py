"""A system run by ONNX Runtime is the same system: values, sizes of batches, what it can be told, what is refused."""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from tiny_system import CODE, SIZE, write_system
from typer.testing import CliRunner

from pipeline.apps import onnx_export, onnx_graphs
from pipeline.apps.model import open_model
from pipeline.apps.onnx_nets import CARD, ISN, PARTS, SCN, STYLE, OnnxNet, read_onnx
from pipeline.apps.system import BATCH, Halted, System
from pipeline.apps.torch_nets import read_system
from pipeline.cli import app
from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo, write_gray
from pipeline.training.checkpoint import load_tensors, save_tensors
from pipeline.weights.graphs import graph_file

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with s.safetensors and what it is as ONNX, in s and in s8."""
    folder = tmp_path_factory.mktemp("exported")
    more = {"restored": True, "completed": True}
    write_system(folder / "s.safetensors", **more, tones={"light-fair": [1.0] * CODE}, draws=[[0.5] * CODE])
    onnx_export.export(folder / "s.safetensors", folder / "s", int8=False)
    onnx_export.export(folder / "s.safetensors", folder / "s8", int8=True)
    return folder


def sketches(count: int) -> np.ndarray:
    drawn = np.full((count, SIZE, SIZE), 255, np.uint8)
    for i in range(count):
        drawn[i, 10 : 50 - i, 30 + i : 32 + i] = drawn[i, 20:22, 10:50] = 0
    return drawn


@pytest.fixture(scope="module")
def beside(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same system in half precision, its graphs beside it."""
    tensors, about = load_tensors(exported / "s.safetensors")
    path = tmp_path_factory.mktemp("beside") / "s.safetensors"
    save_tensors(path, {key: value.half() for key, value in tensors.items()}, about)
    onnx_graphs.run([path])
    return path


def test_a_run_is_ended_from_another_thread_and_the_next_is_not(exported: Path) -> None:
    net = read_onnx(exported / "s").scn
    assert isinstance(net, OnnxNet)
    many = np.zeros((200 * BATCH, SIZE, SIZE), np.float32)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(net, many)
        while not net.runs and not running.done():
            time.sleep(0.001)
        net.halt()
        with pytest.raises(Halted):
            running.result()
    assert net(many[:1]).shape == (1, 1, SIZE, SIZE)


def drawn_face() -> np.ndarray:
    """A face by a few strokes, (300, 300), 255 = paper."""
    sheet = np.full((300, 300), 255, np.uint8)
    for size, at in (((75, 100), (150, 160)), ((12, 6), (115, 145)), ((12, 6), (185, 145)), ((22, 8), (150, 220))):
        cv2.ellipse(sheet, at, size, 0, 0, 360, 0, 2, cv2.LINE_AA)
    for start, end in (
        ((98, 128), (130, 126)),
        ((170, 126), (202, 128)),
        ((150, 150), (144, 185)),
        ((144, 185), (156, 187)),
    ):
        cv2.line(sheet, start, end, 0, 2, cv2.LINE_AA)
    return sheet


def both(exported: Path) -> tuple[System, System]:
    return open_model(exported / "s.safetensors", "cpu"), read_onnx(exported / "s")


@pytest.mark.parametrize("count", [1, 3, 10])
def test_any_number_of_drawings_gives_what_torch_gives(exported: Path, count: int) -> None:
    codes = np.linspace(-1, 1, count * CODE, dtype=np.float32).reshape(count, CODE)
    for mirrored in (False, True):
        made = []
        for system in both(exported):
            told = replace(system.mirrored() if mirrored else system, level=0.25)
            strokes = told.refine(sketches(count))
            made.append((strokes, told.isn(strokes, codes), told.isn(strokes)))
        for ours, theirs in zip(*made, strict=True):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.abs(made[0][1] - made[0][2]).max() > 0.01  # the code matters


def test_the_style_of_a_photo_is_the_same(exported: Path) -> None:
    photos = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    torch_s, onnx_s = (system.style(photos) for system in both(exported))
    np.testing.assert_allclose(torch_s, onnx_s, atol=1e-4)


@pytest.mark.parametrize("name", [SCN, ISN, STYLE])
def test_the_batch_of_every_input_and_output_is_open_and_the_rest_is_not(exported: Path, name: str) -> None:
    session = onnxruntime.InferenceSession(str(exported / "s" / name))
    for value in [*session.get_inputs(), *session.get_outputs()]:
        assert isinstance(value.shape[0], str), value
        assert all(isinstance(side, int) for side in value.shape[1:]), value


def test_int8_is_smaller_and_near(exported: Path) -> None:
    whole, small = read_onnx(exported / "s"), read_onnx(exported / "s8")
    assert json.loads((exported / "s8" / CARD).read_text())["int8"] is True
    difference = whole.refine(sketches(2)) - small.refine(sketches(2))
    assert 0 < np.sqrt((difference**2).mean()) < 0.05


def test_generate_takes_the_folder_and_makes_one_of_its_own_when_asked(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "state"))
    write_gray(tmp_path / "d.png", sketches(1)[0] / np.float32(255))
    photos = []
    for name, options in {
        "torch": ["--model", str(exported / "s.safetensors")],
        "folder": ["--model", str(exported / "s")],
        "asked": ["--model", str(exported / "s.safetensors"), "--runtime", "onnx"],
        "again": ["--model", str(exported / "s.safetensors"), "--runtime", "onnx"],
    }.items():
        command = ["generate", str(tmp_path / "d.png"), "--out", str(tmp_path / name), "--place", "as-is"]
        done = CliRunner().invoke(app, [*command, "--tone", "light-fair", *options])
        assert done.exit_code == 0, (name, done.output, done.exception)
        assert ("exported to ONNX, once" in done.output) == (name == "asked")
        photos.append(read_photo(tmp_path / name / "d.photo.png").astype(int))
    for photo in photos[1:]:
        assert np.abs(photo - photos[0]).max() <= 1


def test_graphs_beside_the_weights_are_the_system_and_are_taken(beside: Path) -> None:
    ours, theirs = open_model(beside, "auto"), open_model(beside, "cpu", "torch")
    assert (ours.runtime, theirs.runtime) == ("onnx", "torch")
    codes = np.linspace(-1, 1, 3 * CODE, dtype=np.float32).reshape(3, CODE)
    made = []
    for system in (ours, theirs):
        strokes = replace(system, level=0.25).refine(sketches(3))
        made.append((strokes, system.isn(strokes, codes), system.style(np.full((2, SIZE, SIZE, 3), 90, np.uint8))))
    for a, b in zip(*made, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert ours.card["tones"] == theirs.card["tones"]
    assert all(graph_file(beside, part).stat().st_size < 40e3 for part in PARTS)


def test_graphs_read_the_weights_of_the_file_and_of_no_other(beside: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(beside.parent, tmp_path / "copied")) / beside.name
    tensors, about = load_tensors(beside)
    save_tensors(copied, tensors | {"isn/g/head.weight": -tensors["isn/g/head.weight"]}, about)
    retrained = open_model(copied, "auto")
    assert retrained.runtime == "onnx"
    assert (
        np.abs(
            retrained.photo(sketches(1)[0])[1].astype(int) - open_model(beside, "auto").photo(sketches(1)[0])[1]
        ).max()
        > 3
    )
    save_tensors(copied, tensors, about | {"size": SIZE * 2})
    assert open_model(copied, "auto").runtime == "torch"
    copied.write_bytes(beside.read_bytes())
    graph_file(copied, PARTS[0]).write_bytes(b"no graph")
    assert open_model(copied, "auto").runtime == "torch"


@pytest.mark.parametrize("rough", [False, True], ids=["plain", "rough"])
def test_a_typed_generate_of_what_ships_loads_no_torch(tmp_path: Path, rough: bool) -> None:
    """A rough drawing's lines are traced, which takes numba."""
    cv2.imwrite(str(tmp_path / "d.png"), drawn_face())
    code = "import sys; from pipeline.cli import app; app(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    command = ["generate", str(tmp_path / "d.png"), "--out", str(tmp_path / "out"), "--model", "lite"]
    command += ["--clean", "always"] if rough else []
    done = subprocess.run([sys.executable, "-c", code, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {"torch", "scipy", "numba", "joblib", "onnxruntime"} & set(done.stdout.split())
    assert loaded == ({"onnxruntime", "numba", "scipy"} if rough else {"onnxruntime"})
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["runtime"] == "onnx"
    notes = " ".join(summary["items"][0]["notes"])
    assert "face found" in notes
    assert ("drawn anew by the line cleaner" in notes) is rough


def test_what_cannot_be_run_is_said(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are auto, torch, onnx"):
        open_model(exported / "s", "auto", "tensorrt")
    with pytest.raises(UserError, match="an ONNX system"):
        open_model(exported / "s", "auto", "torch")
    with pytest.raises(UserError, match="runs on the CPU"):
        open_model(exported / "s", "cuda", "onnx")
    (tmp_path / CARD).write_text((exported / "s" / CARD).read_text())
    for content in (b"", b"no onnx"):
        (tmp_path / SCN).write_bytes(content)
        with pytest.raises(UserError, match="no whole ONNX system"):
            read_onnx(tmp_path)
    done = CliRunner().invoke(app, ["export", str(tmp_path.parent), "--onnx", "--model", "lite"])
    assert "holds something else" in str(done.exception)
    assert "goes with --onnx" in str(CliRunner().invoke(app, ["export", "x.safetensors", "--int8"]).exception)


def test_torch_folds_spectral_norm_before_it_exports(exported: Path) -> None:
    import onnx

    kinds = {node.op_type for node in onnx.load(exported / "s" / ISN).graph.node}
    assert "Div" not in kinds
    assert read_system(exported / "s.safetensors", __import__("torch").device("cpu")).size == SIZE
