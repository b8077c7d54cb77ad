"""SYSTEMS: each row is made of the nets it names, on the drawings it names; a further one is a file."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.blocks import without_parametrizations
from pipeline.apps.torch_nets import open_weights
from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.params import ParamsError, build
from pipeline.evaluation import evaluate, figures, report, systems
from pipeline.evaluation.systems import SYSTEMS, Manner, drawings
from pipeline.training.checkpoint import load_tensors, save_tensors
from pipeline.training.nets import ModulatedParams, ResnetParams, StyledParams, make_generator
from tests.tiny_system import write_system

sys.path.insert(0, str(Path(__file__).parent))
from hand_made import PARAMS, SIZE, write_data

ROOT = Path(__file__).parents[2]
NET = {"kind": "resnet", "width": 2, "blocks": 1, "dilation": 1, "norm": "pixel", "up": "resize", "padding": "zeros"}
NET |= {"spectral": False}
CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", {"train": 3, "val": 4})


@pytest.fixture
def nets(data: Path) -> dict[str, nn.Module]:
    """scn, isn as trained alone; joint_scn, joint_isn: all four different, and written where training writes them."""
    torch.manual_seed(0)
    channels = {"scn": (1, 1), "isn": (1, 3)}
    made = {
        f"{of}{name}": make_generator(ResnetParams(**NET), channels[name]) for of in ("", "joint_") for name in channels
    }
    header = {"size": SIZE, "params": {name: {"net": {"generator": NET}} for name in channels}}
    for name in channels:
        tensors = {f"g/{key}": value for key, value in made[name].state_dict().items()}
        save_tensors(Layout(data).trained(name) / "weights.safetensors", tensors, header)
    both = {f"{name}/g/{key}": value for name in channels for key, value in made[f"joint_{name}"].state_dict().items()}
    save_tensors(Layout(data).trained("joint") / "weights.safetensors", both, header)
    return {name: without_parametrizations(net).eval() for name, net in made.items()}


def ran(net: nn.Module, strokes: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(strokes.astype(np.float32))[:, None]).numpy()


def photos(net: nn.Module, strokes: np.ndarray) -> np.ndarray:
    return (ran(net, strokes) * 255).transpose(0, 2, 3, 1)


@pytest.mark.parametrize(("name", "scn", "isn"), [("joint", "joint_scn", "joint_isn"), ("apart", "scn", "isn")])
def test_both_nets_of_a_system_are_its_own(
    data: Path, nets: dict[str, nn.Module], name: str, scn: str, isn: str
) -> None:
    sketches = read_split(Layout(data), "val").layers["sketch/xdog"]
    made, strokes = SYSTEMS[name].open(Layout(data), CPU, Manner())(sketches)
    refined = ran(nets[scn], 1 - sketches / 255)[:, 0]
    np.testing.assert_allclose(strokes, refined, atol=1e-4)
    assert np.abs(made - photos(nets[isn], refined)).max() <= 0.6
    other = {"scn": "joint_scn", "joint_scn": "scn"}[scn]
    assert np.abs(refined - ran(nets[other], 1 - sketches / 255)[:, 0]).max() > 0.01, "the nets differ"


def test_isn_true_sees_the_true_edges_and_isn_raw_the_sketch(data: Path, nets: dict[str, nn.Module]) -> None:
    split = read_split(Layout(data), "val")
    (product,) = drawings(split, "product").values()
    np.testing.assert_array_equal(product[0:2], 255 - split.layers["product"][0:2])
    made, strokes = SYSTEMS["isn_true"].open(Layout(data), CPU, Manner())(product[:])
    assert strokes is None
    assert np.abs(made - photos(nets["isn"], split.layers["product"] / 255)).max() <= 0.6
    assert np.abs(made - photos(nets["joint_isn"], split.layers["product"] / 255)).max() > 2
    sketches = split.layers["sketch/fdog"]
    raw, strokes = SYSTEMS["isn_raw"].open(Layout(data), CPU, Manner())(sketches)
    assert strokes is None
    assert np.abs(raw - photos(nets["isn"], 1 - sketches / 255)).max() <= 0.6


def test_rows_read_what_they_are_for() -> None:
    read = {name: row.reads for name, row in systems.OWN.items()}
    both = ("deformed", "simplified")
    own = {
        "joint": both,
        "joint_like": both,
        "lite": both,
        "lite_like": both,
        "restored": both,
        "restored_like": both,
        "shipped_faces": both,
        "shipped_faces_like": both,
        "shipped_photo": both,
        "shipped_photo_like": both,
        "shipped_lite": both,
        "shipped_lite_like": both,
        "apart": both,
        "isn_true": ("product",),
        "isn_raw": ("deformed",),
    }
    assert read == own
    assert {name for name, row in systems.OWN.items() if row.likes} == {name for name in own if name.endswith("_like")}


def test_what_ships_is_measured_on_faces_of_its_size(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs nothing of data/trained; evaluate.level reaches it."""
    split = read_split(Layout(data), "val")
    with pytest.raises(UserError, match=f"faces is for faces of 256 px, those packed have {SIZE}; see crop.size"):
        SYSTEMS["shipped_faces"].system(Layout(data), CPU)
    small = data / "small.safetensors"
    write_system(small)
    tensors, about = load_tensors(small)
    save_tensors(small, tensors, about | {"size": SIZE})
    monkeypatch.setattr(systems, "model_file", lambda model, _: {"lite": small}[model])
    sketches, true = split.layers["sketch/fdog"], split.layers["photo"]
    for level in (0.0, 1.0):
        made, strokes = SYSTEMS["shipped_lite"].system(Layout(data), CPU, Manner(level=level))(sketches, true)
        of = replace(open_weights(small, CPU), level=level)
        np.testing.assert_array_equal(strokes, of.refine(sketches))
        np.testing.assert_array_equal(made, of.photos(strokes))
    told, _ = SYSTEMS["shipped_lite_like"].system(Layout(data), CPU)(sketches, true)
    assert not np.array_equal(told, made)
    assert replace(PARAMS, systems={"shipped_lite": "."})


def test_joint_has_the_neutral_style_and_joint_like_each_photos_own(data: Path) -> None:
    options = NET | {"kind": "styled", "code": 4, "dropped": 0.5}
    made = {"scn": make_generator(ResnetParams(**NET), (1, 1)), "isn": make_generator(StyledParams(**options), (1, 3))}
    torch.manual_seed(0)
    for name, value in made["isn"].named_parameters():
        if "by_code" in name or "head.weight" in name:
            nn.init.normal_(value, 0, 0.5)
    header = {"size": SIZE, "params": {"scn": {"net": {"generator": NET}}, "isn": {"net": {"generator": options}}}}
    both = {f"{name}/g/{key}": value for name, net in made.items() for key, value in net.state_dict().items()}
    save_tensors(Layout(data).trained("joint") / "weights.safetensors", both, header)
    split = read_split(Layout(data), "val")
    sketches, photos = (np.array(split.layers[name]) for name in ("sketch/xdog", "photo"))
    plain, told = (SYSTEMS[name].system(Layout(data), CPU) for name in ("joint", "joint_like"))
    (neutral, strokes), (own, same), (others, _) = (
        plain(sketches, photos),
        told(sketches, photos),
        told(sketches, photos[::-1]),
    )
    np.testing.assert_array_equal(strokes, same)
    np.testing.assert_array_equal(neutral, plain(sketches, photos[::-1])[0])
    assert (neutral != own).any((1, 2, 3)).all()
    assert (own != others).any((1, 2, 3)).all()
    np.testing.assert_array_equal(own[1:2], told(sketches[1:2], photos[1:2])[0])
    with pytest.raises(TypeError):
        SYSTEMS["joint_like"].open(Layout(data), CPU, Manner())(sketches)


def test_an_scn_that_knows_levels_is_told_the_one_asked_for(data: Path) -> None:
    told = NET | {"kind": "modulated", "code": 1}
    made = {"scn": make_generator(ModulatedParams(**told), (1, 1)), "isn": make_generator(ResnetParams(**NET), (1, 3))}
    torch.manual_seed(0)
    for name, value in made["scn"].named_parameters():
        if "by_code" in name:
            nn.init.normal_(value, 0, 0.5)
    header = {"size": SIZE, "params": {"scn": {"net": {"generator": told}}, "isn": {"net": {"generator": NET}}}}
    both = {f"{name}/g/{key}": value for name, net in made.items() for key, value in net.state_dict().items()}
    save_tensors(Layout(data).trained("joint") / "weights.safetensors", both, header)
    sketches = np.array(read_split(Layout(data), "val").layers["sketch/xdog"])
    asked = (Manner(), Manner(level=0.5), Manner(level=0), Manner(level=1, mirrored=True))
    usual, same, low, high = (SYSTEMS["joint"].system(Layout(data), CPU, how)(sketches, sketches)[1] for how in asked)
    np.testing.assert_array_equal(usual, same)
    assert min(np.abs(low - usual).max(), np.abs(high - usual).max(), np.abs(high - low).max()) > 0.001


def test_kinds_of_drawings_are_the_packed_layers(data: Path) -> None:
    split = read_split(Layout(data), "val")
    assert list(drawings(split, "deformed")) == ["xdog", "fdog", "artist"]
    assert list(drawings(split, "simplified")) == ["xdog", "fdog"]
    np.testing.assert_array_equal(drawings(split, "deformed")["fdog"][1:3], split.layers["sketch/fdog"][1:3])
    assert "fdog" not in drawings(replace(split, only={"sketch/fdog": split.ids[:1]}), "deformed")
    np.testing.assert_array_equal(drawings(split, "simplified")["fdog"][1:3], split.layers["clean/fdog"][1:3])


@pytest.mark.parametrize("mirrored", [False, True])
def test_mirrored_is_the_mirror_image_of_the_mirror_image(
    data: Path, nets: dict[str, nn.Module], mirrored: bool
) -> None:
    sketches = np.array(read_split(Layout(data), "val").layers["sketch/xdog"])
    for name in ("joint", "isn_raw"):
        system = SYSTEMS[name].open(Layout(data), CPU, Manner(mirrored=mirrored))
        plain, turned = (system(pixels)[0].astype(int) for pixels in (sketches, sketches[..., ::-1].copy()))
        assert (np.abs(plain - turned[:, :, ::-1]).max() <= 1) == mirrored


BASELINE = """
import numpy as np

def open_system(layout, device):
    return lambda sketches: (np.repeat(sketches[..., None], 3, 3), None)
"""


def test_a_further_system_is_a_file(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed without being imported; measured, mirrored, and refused where it does not exist."""
    package = tmp_path / "made_baselines"
    package.mkdir()
    (package / "grayish.py").write_text(BASELINE)
    (package / "broken.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(systems.BASELINES, "package", "made_baselines")
    monkeypatch.setattr(
        systems.BASELINES, "_modules", lambda: {n: f"made_baselines.{n}" for n in ("grayish", "broken")}
    )
    assert list(SYSTEMS) == [*systems.OWN, "grayish", "broken"]
    assert SYSTEMS["grayish"].needs == ("grayish",)
    evaluate.run(PARAMS, ("grayish",), (), data, "cpu", 1)
    heads, rows = figures.headline_table(Layout(data), "val")
    assert (heads[:3], [row[:2] for row in rows]) == (["system", "n", "psnr"], [["grayish", "4"]])
    (section,) = report.sections(Layout(data))
    assert section["name"] == "grayish"
    assert [name for name, _ in section["pictures"]] == ["best", "median", "worst"]
    assert ["val", "simplified", "fdog"] in [row[:3] for row in section["rows"]]
    sheet = report.system_sheet(
        read_split(Layout(data), "val"), SYSTEMS["grayish"].system(Layout(data), CPU), "deformed", 2
    )
    assert sheet.shape[1] > 7 * SIZE, "three styles, drawn and generated, and the photo"
    sketches = np.array(read_split(Layout(data), "val").layers["sketch/xdog"])
    made, strokes = SYSTEMS["grayish"].open(Layout(data), CPU, Manner(mirrored=True))(sketches)
    assert strokes is None
    assert np.abs(made[..., 0] - sketches.astype(float)).max() <= 0.5
    own = ", ".join(systems.OWN)
    with pytest.raises(UserError, match=f"no system 'nope'; there are {own}, grayish, broken"):
        systems.row("nope")


def test_what_a_system_reads_is_checked_in_params() -> None:
    section = {"splits": [], "threshold": 0.5, "tolerance_px": 2, "sheet_rows": 2, "mirrored": False, "level": 0.5}
    build(evaluate.EvaluateParams, section | {"systems": {"joint": "joint", "apart": "."}}, "evaluate")
    for wrong in ({"joint": "isn"}, {"apart": "scn"}, {"jiont": "joint"}, {"joint": 3}, {}, ["joint"], None):
        with pytest.raises(ParamsError, match=r"^evaluate(\.systems|: systems|: need)"):
            build(evaluate.EvaluateParams, section | {"systems": wrong}, "evaluate")
