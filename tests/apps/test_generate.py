"""Command generate of a system that is told a level of refinement and a style, and the tones that export finds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_system import CODE, SIZE, write_system
from typer.testing import CliRunner

from pipeline.apps import tones
from pipeline.apps.faces import Style, look
from pipeline.apps.look import NEUTRAL
from pipeline.apps.torch_nets import read_system
from pipeline.cli import app
from pipeline.core.image_io import read_photo, write_gray, write_photo
from pipeline.drawing.face_prior import Eyes
from pipeline.stages.demo.renderer import render_face

PLACED = ("--model", "s.safetensors", "--place", "as-is")  # a drawing that is no face


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "state"))
    draws = np.random.default_rng(0).uniform(-1, 1, (3, CODE)).tolist()
    write_system(
        tmp_path / "s.safetensors", tones={"light-fair": [1.0] * CODE, "dark-black": [-1.0] * CODE}, draws=draws
    )
    drawing = np.ones((SIZE, SIZE), np.float32)
    drawing[20:22, 10:50] = drawing[10:50, 30:32] = 0
    write_gray(tmp_path / "d.png", drawing)
    face = render_face(256, 1, 3).photo
    write_photo(tmp_path / "p.jpg.png", face)
    write_photo(tmp_path / "gray.png", np.repeat(face.mean(-1, keepdims=True), 3, -1).astype(np.uint8))
    return tmp_path


def made(here: Path, *options: str) -> np.ndarray:
    done = CliRunner().invoke(app, ["generate", "d.png", "--out", "out", *PLACED, *options])
    assert done.exit_code == 0, done.output
    return read_photo(here / "out/d.photo.png").astype(int)


def test_each_choice_gives_another_photo_and_the_same_one_again(here: Path) -> None:
    choices = [[], ["--refine", "0"], ["--refine", "1"], ["--tone", "light-fair"], ["--tone", "dark-black"]]
    choices += [["--seed", "0"], ["--seed", "1"], ["--like", "p.jpg.png"]]
    photos = [made(here, *options) for options in choices]
    for i, photo in enumerate(photos):
        assert all(np.abs(photo - other).max() > 2 for other in photos[:i]), choices[i]
    assert np.array_equal(photos[5], made(here, "--seed", "0"))
    assert np.array_equal(photos[0], made(here, "--refine", "0.5"))
    made(here, "--refine", "0.25", "--like", "p.jpg.png")
    settings = json.loads((here / "out/summary.json").read_text())["settings"]
    assert (settings["refine"], settings["like"]) == (0.25, "p.jpg.png")


def test_a_tone_is_the_code_that_the_file_names_and_like_is_the_photo_s(here: Path) -> None:
    path = here / "s.safetensors"
    system = read_system(path, torch.device("cpu"))
    assert look(system, Style()) is NEUTRAL
    np.testing.assert_array_equal(look(system, Style(tone="light-fair")).code, np.ones(CODE))
    np.testing.assert_allclose(look(system, Style(seed=4)).code, system.card["draws"][1], atol=1e-6)
    assert look(system, Style(seed=4)).skin is None
    face = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    found = look(system, Style(like=here / "p.jpg.png"))
    assert np.abs(found.code - system.style(face)[0]).max() > 0.01
    assert 0.2 < found.skin[2] < found.skin[1] < found.skin[0] < 1  # the rendered face's


def test_the_strip_has_five_levels_beside_the_drawing(here: Path) -> None:
    made(here, "--strip")
    assert read_photo(here / "out/d.strip.png").shape[1] > 6 * SIZE


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--tone", "green"], "no tone 'green'; there are light-fair, dark-black"),
        (["--tone", "light-fair", "--seed", "1"], "one of --like, --tone, --seed"),
        (["--like", "d.png"], "--like d.png: "),
        (["--like", "gray.png"], "--like gray.png: its skin has no colour"),
    ],
)
def test_what_cannot_be_chosen_is_said_before_any_work(here: Path, options: list[str], word: str) -> None:
    command = ["-m", "pipeline", "generate", "d.png", "--out", "out", "--model", "s.safetensors", *options]
    done = CliRunner().invoke(app, command[2:])
    assert done.exit_code != 0
    assert word in done.output + str(done.exception)
    assert not (here / "out").exists()


def test_a_plain_system_takes_no_style_but_the_skin_s_and_says_so(here: Path) -> None:
    done = CliRunner().invoke(app, ["generate", "d.png", "--out", "out", "--model", "lite.none", "--tone", "x"])
    assert "no such file" in str(done.exception)
    plain = Path(__file__).parents[2] / "data/weights/cali-sketch-faces/cali-sketch-faces.safetensors"
    command = ["generate", "d.png", "--out", "out", "--model", str(plain)]
    wrong = str(CliRunner().invoke(app, [*command, "--tone", "x"]).exception)
    assert "no tone 'x'; there are light, medium, dark" in wrong
    assert "--seed goes with --model photo" in str(CliRunner().invoke(app, [*command, "--seed", "1"]).exception)


def test_tones_are_named_by_skin_and_hair_and_are_codes_of_photos() -> None:
    def face(skin: int, hair: int) -> np.ndarray:
        photo = np.full((100, 100, 3), skin, np.uint8)
        photo[:20] = hair
        return photo

    photos = [face(200, 30)] * 6 + [face(90, 20)] * 5 + [face(130, 200)] * 4
    names = [tones.tone_name(photo, Eyes(0.48, 0.27)) for photo in photos]
    assert names == ["light-black"] * 6 + ["dark-black"] * 5 + ["medium-fair"] * 4
    codes = np.random.default_rng(0).uniform(-1, 1, (15, 3)).round(3).astype(np.float32)
    found = tones.tones(codes, names)
    assert list(found) == ["light-black", "dark-black"]
    assert any(np.allclose(found["dark-black"], code) for code in codes[6:11])
    drawn = tones.draws(codes)
    assert len(drawn) == len({tuple(code) for code in drawn}) == 15
