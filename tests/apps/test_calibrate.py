"""Command calibrate: the SCN alone, into files or from stdin to stdout."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_system import SIZE, write_system
from typer.testing import CliRunner

from pipeline import CaliSketch
from pipeline.cli import app
from pipeline.core.image_io import read_gray


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_system(tmp_path / "s.safetensors")
    drawn = np.full((128, 128), 255, np.uint8)
    drawn[30:34, 20:100] = drawn[20:100, 60:64] = 0
    Image.fromarray(drawn).save(tmp_path / "d.png")
    Image.fromarray(np.full_like(drawn, 255)).save(tmp_path / "blank.png")
    return tmp_path


def options(here: Path) -> list[str]:
    return ["--model", str(here / "s.safetensors"), "--place", "as-is"]


def test_files_hold_what_the_scn_made_ink_on_paper(here: Path) -> None:
    done = CliRunner().invoke(
        app, ["calibrate", str(here / "d.png"), "--out", str(here / "o"), "--svg", *options(here)]
    )
    assert done.exit_code == 0, done.exception
    strokes = CaliSketch(str(here / "s.safetensors")).calibrate(here / "d.png", place="as-is")
    np.testing.assert_allclose(read_gray(here / "o/d.refined.png"), 1 - strokes, atol=1 / 254)
    assert (here / "o/d.refined.svg").read_text().startswith("<svg")


def test_stdin_becomes_the_same_picture_on_stdout(here: Path) -> None:
    CliRunner().invoke(app, ["calibrate", str(here / "d.png"), "--out", str(here / "o"), *options(here)])
    drawing = (here / "d.png").read_bytes()
    piped = CliRunner().invoke(app, ["calibrate", "-", *options(here)], input=drawing)
    assert piped.exit_code == 0, piped.exception
    made = np.asarray(Image.open(io.BytesIO(piped.stdout_bytes)))
    assert made.shape == (SIZE, SIZE)
    assert np.array_equal(made, np.asarray(Image.open(here / "o/d.refined.png")))
    assert CliRunner().invoke(app, ["calibrate", "-", "--svg", *options(here)], input=drawing).stdout.startswith("<svg")


@pytest.mark.parametrize("name", ["blank.png", "s.safetensors"])
def test_what_is_no_drawing_on_stdin_is_one_sentence(here: Path, name: str) -> None:
    done = CliRunner().invoke(app, ["calibrate", "-", *options(here)], input=(here / name).read_bytes())
    assert done.exit_code != 0
    assert str(done.exception).startswith("stdin: ")
    assert "\n" not in str(done.exception)
