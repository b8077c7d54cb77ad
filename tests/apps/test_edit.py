"""Editing: bytes outside the mask stay, hints arrive where they were drawn, what is wrong is one sentence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from pipeline.apps.edit import SHIPPED_EDITOR, Editor, Hints, edit, open_editor, read_hints
from pipeline.cli import app
from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo
from pipeline.core.params import load
from pipeline.core.polarity import Edges, Strokes
from pipeline.stages.crop.settings import CropParams
from pipeline.stages.demo.renderer import render_face
from pipeline.training.checkpoint import prefixed, save_tensors
from pipeline.training.edit import CHANNELS, PROPOSAL
from pipeline.training.nets import GatedParams, make_generator
from pipeline.weights.registry import shipped
from tests.tiny_system import SIZE, write_system

SIDE, PHOTO = 64, 320
FACE = render_face(PHOTO, 1, 3).photo


class Shown(nn.Module):
    """A stand-in for the net: strokes black, colours as given, the rest gray."""

    def forward(self, asked: torch.Tensor) -> torch.Tensor:
        colours = torch.where(asked[:, 4:7] >= 0, asked[:, 4:7], torch.full_like(asked[:, 4:7], 0.5))
        return colours * (1 - asked[:, 3:4])


@pytest.fixture
def editor() -> Editor:
    crop = replace(load(CropParams, "crop"), size=SIDE, detector="haar", border="reflect")
    return Editor(Shown(), crop, torch.device("cpu"))


def hints(**changed: object) -> Hints:
    mask = np.zeros((PHOTO, PHOTO), bool)
    mask[150:210, 120:200] = True
    plain = Hints(mask, Strokes(np.zeros(mask.shape, np.float32)), np.full((*mask.shape, 3), -1, np.float32))
    return replace(plain, **changed)


def test_outside_the_mask_every_byte_stays_and_inside_it_changes(editor: Editor) -> None:
    given = hints()
    made = edit(Path("p.png"), FACE, given, editor, None)
    assert np.array_equal(made[~given.mask], FACE[~given.mask])
    assert (made[given.mask] != FACE[given.mask]).any(-1).mean() > 0.9


def test_the_rim_is_met_without_a_step(editor: Editor) -> None:
    given = hints()
    made = edit(Path("p.png"), FACE, given, editor, None).astype(int)
    inner, outer = made[150, 125:195], FACE[149, 125:195].astype(int)
    assert np.abs(inner - outer).mean() < 12  # the net's gray is some 60 off


def test_a_stroke_lands_where_it_was_drawn(editor: Editor) -> None:
    ink = np.zeros((PHOTO, PHOTO), np.float32)
    ink[175:185, 130:190] = 1
    made, plain = (edit(Path("p.png"), FACE, hints(strokes=Strokes(s)), editor, None) for s in (ink, 0 * ink))
    darker = plain.astype(int).sum(-1) - made.astype(int).sum(-1)
    assert darker[177:183, 140:180].mean() > 200
    assert np.abs(darker[153:162, 140:180]).mean() < 40
    away = np.zeros((PHOTO, PHOTO), np.float32)
    away[20:30, 20:60] = 1
    assert np.array_equal(edit(Path("p.png"), FACE, hints(strokes=Strokes(away)), editor, None), plain)


def test_a_colour_is_taken_where_it_was_painted(editor: Editor) -> None:
    colours = hints().colours.copy()
    colours[160:200, 130:160] = (1, 0, 0)
    made = edit(Path("p.png"), FACE, hints(colours=colours), editor, None).astype(int)
    plain = edit(Path("p.png"), FACE, hints(), editor, None).astype(int)
    off = made - plain
    assert off[170:190, 138:152, 0].mean() > 60
    assert off[170:190, 138:152, 2].mean() < -60
    assert np.abs(off[170:190, 180:195]).mean() < 15


def test_calibrated_strokes_come_from_the_scn_among_the_photo_s_lines(editor: Editor) -> None:
    seen = []

    class Scn:
        size = SIDE

        def refine(self, sketches: np.ndarray) -> np.ndarray:
            seen.append(sketches[0])
            return np.ones(sketches.shape, np.float32)

    made = edit(Path("p.png"), FACE, hints(), editor, Scn())  # type: ignore[arg-type]
    plain = edit(Path("p.png"), FACE, hints(), editor, None)
    assert made[hints().mask].mean() < plain[hints().mask].mean() - 20  # all strokes, so all black
    assert (seen[0] < 128).mean() > 0.01  # the face's own lines


def test_the_net_begins_with_what_the_isn_makes_of_the_lines_left_and_those_drawn(weights: Path) -> None:
    editor = open_editor(str(weights), weights.parent, torch.device("cpu"))
    assert editor.system is not None
    seen = []
    editor = replace(editor, module=Seeing(seen))
    crop, lines = FACE[:SIZE, :SIZE], Edges(np.zeros((SIZE, SIZE), np.float32))
    lines[5] = 1
    mask, ink = np.zeros((SIZE, SIZE), bool), np.zeros((SIZE, SIZE), np.float32)
    mask[20:40, 20:40] = True
    ink[30, 25:35] = 1
    none = np.full((SIZE, SIZE, 3), -1, np.float32)
    editor.fill(crop, Hints(mask, Strokes(ink), none), lines)
    editor.fill(crop, Hints(mask, Strokes(0 * ink), none), lines)
    wanted = editor.system.photos(np.maximum(lines, ink)[None], editor.system.style(crop[None]))[0]
    np.testing.assert_allclose(seen[0][0, PROPOSAL].permute(1, 2, 0), wanted / 255, atol=1e-6)
    blank = editor.system.photos(lines[None], editor.system.style(crop[None]))[0]
    np.testing.assert_allclose(seen[1][0, PROPOSAL].permute(1, 2, 0), blank / 255, atol=1e-6)


class Seeing(nn.Module):
    """A stand-in that keeps what it is given."""

    def __init__(self, seen: list[torch.Tensor]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, asked: torch.Tensor) -> torch.Tensor:
        self.seen.append(asked)
        return asked[:, :3]


def test_a_mask_beyond_the_face_s_crop_is_refused(editor: Editor) -> None:
    mask = hints().mask.copy()
    mask[-20:] = True
    with pytest.raises(UserError, match="beyond the face"):
        edit(Path("p.png"), FACE, hints(mask=mask), editor, None)


def layer(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_layers_are_read_light_or_opaque(tmp_path: Path) -> None:
    gray = np.zeros((PHOTO, PHOTO), np.uint8)
    gray[150:210, 120:200] = 255
    ink = np.dstack([np.zeros((PHOTO, PHOTO, 3), np.uint8), gray])
    found = [
        read_hints(FACE, layer(tmp_path / "m.png", gray), None, None),
        read_hints(FACE, layer(tmp_path / "a.png", ink), None, None),
    ]
    for one in found:
        assert np.array_equal(one.mask, hints().mask)
        assert one.strokes.max() == 0
        assert one.colours.max() == -1
    drawn = read_hints(FACE, tmp_path / "m.png", tmp_path / "a.png", layer(tmp_path / "c.png", FACE))
    assert np.array_equal(drawn.strokes == 1, gray == 255)
    assert (drawn.colours >= 0).mean() > 0.9


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    net = GatedParams("gated", 4, 1, "pixel", True, False)
    torch.manual_seed(0)
    tensors = prefixed("g/", make_generator(net, CHANNELS).state_dict())
    write_system(tmp_path / "system.safetensors")
    made_with = {"edit": {"net": {"generator": vars(net)}}, "propose": {"by": str(tmp_path / "system.safetensors")}}
    save_tensors(tmp_path / "e.safetensors", tensors, {"size": SIDE, "params": made_with})
    return tmp_path / "e.safetensors"


def test_the_command_writes_a_photo(weights: Path, tmp_path: Path) -> None:
    layer(tmp_path / "p.png", FACE)
    layer(tmp_path / "m.png", (255 * hints().mask).astype(np.uint8))
    command = ["edit", str(tmp_path / "p.png"), "--mask", str(tmp_path / "m.png"), "--model", str(weights)]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.exception
    made = read_photo(tmp_path / "out/p.edited.png")
    assert np.array_equal(made[~hints().mask], FACE[~hints().mask])


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((PHOTO, PHOTO), np.uint8), "erases nothing"),
        (np.full((PHOTO, PHOTO), 255, np.uint8), "erases everything"),
        (np.full((PHOTO, 10), 255, np.uint8), "10x320 px, the photo 320x320"),
    ],
)
def test_a_wrong_mask_is_one_sentence(mask: np.ndarray, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        read_hints(FACE, layer(tmp_path / "m.png", mask), None, None)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["strokes", "colour"])
def test_what_is_drawn_beside_the_mask_is_one_sentence(name: str, tmp_path: Path) -> None:
    mask, drawn = layer(tmp_path / "m.png", (255 * hints().mask).astype(np.uint8)), np.full_like(FACE, 255)
    drawn[:20] = 0
    beside = layer(tmp_path / "d.png", drawn)
    with pytest.raises(UserError, match=f"--{name} .*d.png: nothing is drawn where --mask erases"):
        read_hints(FACE, mask, *((beside, None) if name == "strokes" else (None, beside)))


def test_a_photo_without_a_face_and_a_file_without_a_net_are_said(editor: Editor, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no face.*one upright face"):
        edit(Path("p.png"), np.full_like(FACE, 120), hints(), editor, None)
    save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(UserError, match=r"is missing; train it"):
        open_editor("mine", tmp_path, torch.device("cpu"))
    with pytest.raises(UserError, match="no editing net"):
        open_editor(str(tmp_path / "x.safetensors"), tmp_path, torch.device("cpu"))


def test_the_net_that_ships_fills_a_cheek_from_what_is_around(tmp_path: Path) -> None:
    path = shipped(SHIPPED_EDITOR)
    assert path.stat().st_size < 12e6
    assert f"## {SHIPPED_EDITOR}\n" in (path.parents[1] / "README.md").read_text()
    editor = open_editor("shipped", tmp_path, torch.device("cpu"))
    mask = np.zeros((PHOTO, PHOTO), bool)
    mask[190:215, 185:210] = True
    given = hints(mask=mask)
    made = edit(Path("p.png"), FACE, given, editor, editor.system)
    assert np.array_equal(made[~mask], FACE[~mask])
    off = made[mask].astype(float) - FACE[mask]
    assert 10 * np.log10(255**2 / np.mean(off**2)) > 22


def test_the_net_that_ships_heeds_strokes_where_it_is_erased_alone(tmp_path: Path) -> None:
    editor = open_editor("shipped", tmp_path, torch.device("cpu"))
    rows, columns = np.mgrid[:PHOTO, :PHOTO]
    mask = np.hypot(rows - 185, columns - 160) < 28
    mouth = ((np.abs(rows - 185) < 3) & (np.abs(columns - 160) < 18)).astype(np.float32)
    drawn, blank = (
        edit(Path("p.png"), FACE, hints(mask=mask, strokes=Strokes(ink)), editor, editor.system).astype(int).sum(-1)
        for ink in (mouth, 0 * mouth)
    )
    assert np.abs(blank - drawn)[mouth > 0].mean() > 40
    assert np.array_equal(drawn[~mask], blank[~mask])


def test_the_net_that_ships_paints_hair_of_the_colour_given_over_skin(tmp_path: Path) -> None:
    editor = open_editor("shipped", tmp_path, torch.device("cpu"))
    side, brown = editor.crop.size, np.array([0.25, 0.15, 0.1], np.float32)
    crop = np.full((side, side, 3), (214, 170, 145), np.uint8)
    mask, ink, colours = np.zeros((side, side), bool), np.zeros((side, side), np.float32), -np.ones(crop.shape)
    mask[60:140, 60:200] = True
    ink[70:130, 70:190:12] = 1
    colours[70:130, 70:190] = brown
    given = Hints(mask, Strokes(ink), colours.astype(np.float32))
    made = editor.fill(crop, given, Edges(np.zeros_like(ink)))[80:120, 80:180] / 255
    assert np.abs(made.mean((0, 1)) - brown).max() < 0.12
