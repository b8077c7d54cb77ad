"""Commands on pictures as a user calls them: what is made, told and returned."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pipeline.apps.pictures import work
from pipeline.cli import app
from pipeline.core.errors import UserError
from pipeline.core.image_io import import_photo, read_gray, read_photo, write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.outcome import Refused, Task
from pipeline.core.params import load
from pipeline.core.polarity import Sketch, sketch_of, to_uint8
from pipeline.evaluation.systems import SYSTEMS, Manner
from pipeline.stages.demo.renderer import render_face
from pipeline.stages.simplify import SimplifyParams, redraw
from pipeline.styles import STYLES
from pipeline.weights.registry import shipped

ROOT = Path(__file__).parents[2]
ALONE = ("--jobs", "1")  # processes that another test left are in that test's folder
AS_IS = ("--place", "as-is")  # drawings that are no faces
DETECTOR = ROOT / "data/weights/edge_detector/edge_detector.safetensors"


def cali(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a folder of its own, with no terminal."""
    own = {"PYTHONPATH": str(ROOT), "CALI_SKETCH_CACHE": str(folder / "state"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, env=os.environ | own | environment)


def drawing(path: Path, shift: int = 0) -> None:
    sheet = np.full((128, 128), 255, np.uint8)
    cv2.ellipse(sheet, (64 + shift, 64), (44, 56), 0, 0, 360, 0, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(render_face(256, 1, 3).photo).save(path)


def mirrored(task: Task) -> tuple[list[Path], list[str]]:
    """A stand-in for a command's work; a picture called bad is refused, one called odd fails."""
    picture = import_photo(task.path)
    if "bad" in task.name:
        raise Refused("bad", "be good")
    if "odd" in task.name:
        raise ZeroDivisionError
    write_photo(task.file(".mirrored.png"), picture[:, ::-1])
    return [task.file(".mirrored.png")], []


def run(named: list[Path], out: Path) -> tuple[int, dict[str, int]]:
    code = work("mirror", named, out, (".mirrored.png",), mirrored)
    counts: dict[str, int] = json.loads((out / "summary.json").read_text())["counts"]
    return code, counts


def test_one_bad_picture_costs_itself_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "bad.png", "odd.png", "z.png"):
        drawing(tmp_path / "in" / name)
    (tmp_path / "in/cut.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:60])
    assert run([tmp_path / "in"], tmp_path / "out") == (1, {"made": 2, "refused": 2, "failed": 1})
    told = capsys.readouterr().err
    assert "bad.png: refused: bad; be good" in told
    assert "odd.png: failed: ZeroDivisionError" in told


def test_three_inputs_give_three_results_under_their_names(tmp_path: Path) -> None:
    for i, name in enumerate(("a.bmp", "a.png", "a-2.png")):
        drawing(tmp_path / "in" / name, i)
    assert run([tmp_path / "in"], tmp_path / "out") == (0, {"made": 3})
    for name, source in (("a-bmp", "a.bmp"), ("a-png", "a.png"), ("a-2", "a-2.png")):
        made = read_photo(tmp_path / "out" / f"{name}.mirrored.png")
        assert (made[:, ::-1] == import_photo(tmp_path / "in" / source)).all()


def test_results_are_no_input_of_the_next_run(tmp_path: Path) -> None:
    drawing(tmp_path / "a.png")
    for _ in range(3):
        assert run([tmp_path], tmp_path) == (0, {"made": 1})
        assert run([tmp_path], tmp_path / "below") == (0, {"made": 2})  # what lies in the folder that is named
        (tmp_path / "below/a.mirrored.mirrored.png").unlink()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["a.mirrored.png", "a.png"]


def test_what_cannot_begin(tmp_path: Path) -> None:
    drawing(tmp_path / "a.png")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/summary.json").write_text("{}")
    for out, why in ((tmp_path / "a.png", "no folder can be made"), (tmp_path / "theirs", "not of this program")):
        with pytest.raises(UserError, match=why):
            work("mirror", [tmp_path / "a.png"], out, (".x.png",), mirrored)
    with pytest.raises(UserError, match="--out DIR"):
        work("mirror", [tmp_path / "a.png"], None, (".x.png",), mirrored)
    assert (tmp_path / "theirs/summary.json").read_text() == "{}"


def test_generate_from_any_paper_with_any_name(tmp_path: Path) -> None:
    drawing(tmp_path / "in/[edited] [b] :smile:.png")
    Image.fromarray(255 - np.asarray(Image.open(tmp_path / "in/[edited] [b] :smile:.png"))).save(tmp_path / "in/n.png")
    if sys.platform == "linux":
        drawing(tmp_path / "in" / os.fsdecode(b"\xff.png"))
    Image.new("L", (64, 64), 255).save(tmp_path / "in/blank.png")
    done = cali(tmp_path, "generate", "in", "--out", "out", *AS_IS, COLUMNS="40")
    told = done.stderr.decode()
    assert done.returncode == 1, told
    assert "in/blank.png: refused: blank paper: no ink found" in told
    assert "in/n.png: light on dark: inverted" in told
    assert "Traceback" not in told
    names = {path.name for path in (tmp_path / "out").glob("*.photo.png")}
    assert {"[edited] [b] :smile:.photo.png", "n.photo.png"} <= names
    assert sys.platform != "linux" or "%FF.photo.png" in names
    first, second = (read_photo(tmp_path / "out" / f"{n}.photo.png") for n in ("[edited] [b] :smile:", "n"))
    assert np.abs(first.astype(int) - second).mean() < 1


def test_results_go_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing(tmp_path / "in/a.JPEG")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for out in (Path("../out of here [x]/deep"), tmp_path / "absolute"):
        assert run([Path("../in")], out) == (0, {"made": 1})
        assert (out / "a.mirrored.png").exists()


def test_another_drawing_under_the_same_name_gives_its_own_result(tmp_path: Path) -> None:
    drawing(tmp_path / "a.png")
    before = (tmp_path / "a.png").stat()
    run([tmp_path / "a.png"], tmp_path / "out")
    drawing(tmp_path / "a.png", 9)
    os.utime(tmp_path / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))  # as old as the first
    run([tmp_path / "a.png"], tmp_path / "out")
    assert (read_photo(tmp_path / "out/a.mirrored.png")[:, ::-1] == import_photo(tmp_path / "a.png")).all()


def called(*arguments: str) -> int:
    """The exit code of a command in this process; raises what main() would tell in a line."""
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "state"))
    return tmp_path


def test_layers_of_pictures_of_ones_own(here: Path) -> None:
    photo(here / "p.jpg")
    for arguments, ending in (
        (("equalize",), "equalized"),
        (("edges", "canny"), "canny"),
        (("edges", "hed"), "hed"),
        (("style", "xdog"), "xdog"),
    ):
        assert called(*arguments, "p.jpg", "--out", "made", *ALONE) == 0
        assert read_gray(here / f"made/p-{ending}.png").shape == (256, 256)
    drawing(here / "d.png")
    for style in ((), ("fdog",)):
        assert called("simplify", *style, "d.png", "--out", f"made{len(style)}", "--svg", *ALONE) == 0
        assert (here / f"made{len(style)}/d-simplified.svg").read_text().startswith("<svg")
        assert read_gray(here / f"made{len(style)}/d-simplified.png").min() < 0.3


def test_edges_of_whole_pictures_are_plain_and_say_so_where_crops_have_local_ones(here: Path) -> None:
    photo(here / "p.png")
    text = (ROOT / "params.yaml").read_text()
    drawn, notes = {}, {}
    for choice in ("local", "plain"):
        changed = text.replace("{method: local", f"{{method: {choice}").replace(
            "features: local", f"features: {choice}"
        )
        (here / "params.yaml").write_text(changed)
        for edges in ("canny", "hed"):
            assert called("edges", edges, "p.png", "--out", f"{choice}-{edges}", *ALONE) == 0
            (item,) = json.loads((here / f"{choice}-{edges}/summary.json").read_text())["items"]
            notes[choice, edges] = item.get("notes", [])
            drawn[choice, edges] = (here / f"{choice}-{edges}/p-{edges}.png").read_bytes()
    for edges, key in (("canny", "edges.canny.method"), ("hed", "edges.hed.features")):
        assert drawn["local", edges] == drawn["plain", edges]
        assert notes["local", edges] == [f"drawn plain: {key} is local, which knows where the eyes are in crops alone"]
        assert notes["plain", edges] == []


def test_sketch_takes_the_detector_as_it_stands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(here / "p.png")
    text = (ROOT / "params.yaml").read_text()
    assert "detector: own" in text
    (here / "params.yaml").write_text(text.replace("detector: own", "detector: landmarks"))
    command = ("sketch", "p.png", "--out", "o", "--style", "xdog", "--jobs", "1")
    assert called(*command) == 1
    (item,) = json.loads((here / "o/summary.json").read_text())["items"]
    assert (item["status"], item["reason"][:12]) == ("refused", "no landmarks")
    (here / "p.tem").write_text("2\n96 123\n160 123\n")
    assert called(*command, "--size", "128") == 0
    assert read_gray(here / "o/p-xdog.png").shape == (128, 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", str(DETECTOR)), "holds the edge detector; needs a joint system"),
        (("--model", "mine"), "--model mine: data/trained/joint/weights.safetensors is missing"),
        (("--model", "nowhere"), "--model nowhere: no such file; there are shipped, faces, photo, lite, mine"),
        (("--model", "d.png"), "d.png: not whole"),
        (("--device", "tpu"), "--device tpu: there are auto, cpu"),
        (("--device", "cuda:99"), "--device cuda:99: torch finds"),
        (("gone.png",), "gone.png: no such file"),
    ],
)
def test_wrong_options_stop_before_the_work(here: Path, arguments: tuple[str, ...], message: str) -> None:
    drawing(here / "d.png")
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        called("generate", "d.png", "--out", "o", *arguments)
    assert raised.value.exit_code == 2
    assert not list(here.glob("o/*"))


@pytest.fixture
def drawings_of_the_pipeline() -> dict[str, Sketch]:
    """A drawing of soft tones as simplified, one of lines as an unpractised hand draws it, as large as a system's."""
    simple, face = load(SimplifyParams, "simplify"), render_face(256, 1, 3).photo
    drawn = {}
    for style, kind in (("photocopy", "clean"), ("fdog", "deformed")):
        sketch = STYLES[style].draw(face, load(STYLES[style].params, f"styles.{style}"))
        drawn[f"{style} {kind}"] = getattr(redraw(sketch, style, "a", simple), kind)
    return drawn


def test_generate_gives_what_evaluation_measures(here: Path, drawings_of_the_pipeline: dict[str, Sketch]) -> None:
    """The command on single pictures and the table SYSTEMS on packed ones: the same photos within 1 of 255."""
    weights = here / "data/trained/joint/weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.symlink_to(shipped("cali-sketch-lite"))
    for name, sketch in drawings_of_the_pipeline.items():
        write_gray(here / f"in/{name}.png", sketch)
    assert called("generate", "in", "--out", "out", "--model", "mine", *AS_IS) == 0
    system = SYSTEMS["joint"].open(Layout(here / "data"), torch.device("cpu"), Manner())
    packed = np.stack([to_uint8(sketch) for sketch in drawings_of_the_pipeline.values()])
    photos, strokes = system(packed)
    assert strokes is not None
    for name, expected, refined in zip(drawings_of_the_pipeline, photos, sketch_of(strokes), strict=True):
        assert np.abs(read_photo(here / f"out/{name}.photo.png").astype(int) - expected).max() <= 1
        assert np.abs(read_gray(here / f"out/{name}.refined.png") - refined).max() <= 1.5 / 255


def test_drawings_of_every_mode_and_shape(here: Path) -> None:
    drawing(here / "in/L.png")
    whole = Image.open(here / "in/L.png")
    for mode in ("1", "P", "LA", "RGBA"):
        whole.convert(mode).save(here / f"in/{mode}.png")
    for size in ((127, 64), (33, 201)):
        whole.resize(size).save(here / f"in/{size[0]}.png")
    for size in ((1, 1), (1, 128), (16385, 20)):
        Image.new("L", size, 255).save(here / f"in/bad{size[0]}x{size[1]}.png")
    assert called("generate", "in", "--out", "out", *AS_IS) == 1
    items = json.loads((here / "out/summary.json").read_text())["items"]
    assert {item["source"] for item in items if item["status"] == "refused"} == {
        "in/bad1x1.png",
        "in/bad1x128.png",
        "in/bad16385x20.png",
    }
    photos = {path.name: read_photo(path) for path in (here / "out").glob("*.photo.png")}
    assert len({photo.shape for photo in photos.values()}) == 1
    for mode in ("1", "P", "LA", "RGBA"):
        assert (photos[f"{mode}.photo.png"] == photos["L.photo.png"]).all()


def test_sketches_are_black_on_white_and_edges_white_on_black(here: Path) -> None:
    photo(here / "p.png")
    drawing(here / "light.png")
    Image.fromarray(255 - np.asarray(Image.open(here / "light.png"))).save(here / "dark.png")
    for arguments in (("edges", "canny"), ("edges", "hed")):
        assert called(*arguments, "p.png", "--out", "edges", *ALONE) == 0
    for style in STYLES:
        assert called("style", style, "p.png", "--out", "sketches", *ALONE) == 0
    assert called("simplify", "light.png", "dark.png", "--out", "sketches", *ALONE) == 0
    assert called("generate", "light.png", "dark.png", "--out", "photos", *AS_IS) == 0
    edges = [read_gray(path) for path in (here / "edges").glob("*.png")]
    sketches = [read_gray(path) for path in [*(here / "sketches").glob("*.png"), *(here / "photos").glob("*.refined*")]]
    assert (len(edges), len(sketches)) == (2, len(STYLES) + 4 + 2)
    assert all(edge.mean() < 0.5 < edge.max() for edge in edges)
    assert all(sketch.min() < 0.5 < sketch.mean() for sketch in sketches)
