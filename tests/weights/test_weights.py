"""Weight files: where they are looked for, and what is refused."""

import pickle
import re
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.helpers.photosketch import PhotoSketchNet, published_names
from models.helpers.simplification import LAYERS, Simplifier
from pipeline.core.params import load
from pipeline.stages import simplify
from pipeline.styles import photosketch
from pipeline.weights import drawing_nets, loaders, registry
from pipeline.weights.intake import identify, import_file
from pipeline.weights.registry import WEIGHTS, WeightsError, weight_file
from pipeline.weights.tensors import load_tensors

SHARED = Path(__file__).parents[3] / "shared" / "weights"
SHARED_NAMES = {
    "vgg19_normalised",
    "vgg19_compressed",
    "yunet",
    "mobilefacenet",
    "pfld",
    "squeezenet_caffe",
    "lpips_linear",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path))
    return tmp_path


def test_missing_says_what_to_get_and_where_to_put_it(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"yunet.*get face_detection.*data/weights/yunet/"):
        weight_file("yunet")


def test_each_place_is_looked_at_in_its_turn(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last to the first: what ships, the working folder's, the chosen folder's, there file beside file."""
    elsewhere, file = tmp_path_factory.mktemp("elsewhere"), WEIGHTS["yunet"].file
    monkeypatch.setattr(registry, "SHIPPED", elsewhere / "shipped")
    (elsewhere / "here").mkdir()
    monkeypatch.chdir(elsewhere / "here")
    ships, here = elsewhere / "shipped" / "data/weights/yunet", Path("data/weights/yunet")
    for place in (ships, here, folder / "yunet", folder):
        place.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(b"x")
        assert weight_file("yunet") == place / file
    (folder / file).rename(Path("data/weights") / file)
    (folder / "yunet" / file).unlink()
    assert weight_file("yunet") == here / file


def test_wrong_hash_is_refused(folder: Path) -> None:
    (folder / registry.WEIGHTS["vgg19"].file).write_bytes(b"cut")
    with pytest.raises(WeightsError, match=r"sha256 differs.*delete it and get it anew \(torchvision"):
        weight_file("vgg19")


def test_cut_and_foreign_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(9)}, tmp_path / "w.safetensors")
    torch.save({"a": torch.ones(9)}, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        path = tmp_path / name
        assert torch.equal(load_tensors(path)["a"], torch.ones(9))
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(WeightsError, match="not a whole weight file"):
            load_tensors(path)


def test_a_file_is_what_it_holds_under_any_name(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(9)}
    save_file(tensors, tmp_path / "w.zip")
    torch.save(tensors, tmp_path / "w.safetensors")
    torch.save(tensors, tmp_path / "w")
    for name in ("w.zip", "w.safetensors", "w"):
        assert torch.equal(load_tensors(tmp_path / name)["a"], tensors["a"])
    with ZipFile(tmp_path / "archive.pth", "w") as archive:
        archive.write(tmp_path / "w.zip", "w.safetensors")
    (tmp_path / "page.pth").write_text("\n<!DOCTYPE html><title>Quota exceeded</title>")
    for name, told in (("archive.pth", "an archive; unpack it"), ("page.pth", "a web page, not weights")):
        with pytest.raises(WeightsError, match=told):
            load_tensors(tmp_path / name)


class Evil:
    def __reduce__(self) -> tuple:
        return (Path("/tmp/cali-sketch-evil").touch, ())


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(WeightsError):
            load_tensors(tmp_path / name)
    assert not Path("/tmp/cali-sketch-evil").exists()


def tiny_photosketch(path: Path) -> None:
    """A file as published, of width 2, random."""
    net = PhotoSketchNet(2)
    names = dict(published_names())
    torch.save({f"{names[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in net.state_dict().items()}, path)


def tiny_simplifier(path: Path) -> None:
    """The port's layout: the net beside its settings, a sixteenth of the filters, random."""
    net = Simplifier([max(1, width // 16) for width, _, _ in LAYERS])
    renamed = {re.sub(r"layers\.(\d+)", lambda m: str(2 * int(m[1])), k): v for k, v in net.state_dict().items()}
    torch.save({"type": "gan", "model": renamed, "mean": 0.97, "std": 0.09}, path)


def test_files_are_identified_by_what_they_hold_and_kept_as_safetensors(folder: Path) -> None:
    tiny_photosketch(folder / "some.pth")
    assert identify(folder / "some.pth") == "photosketch"
    written = import_file(folder / "some.pth", folder)
    assert written == folder / "photosketch" / "photosketch.safetensors"
    assert weight_file("photosketch") == written
    assert identify(written) == "photosketch"
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            loaders.net("photosketch")(photo), loaders.read_net("photosketch", folder / "some.pth")(photo)
        )


def test_a_file_of_no_known_net_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth")
    (tmp_path / "a.onnx").write_bytes(b"no")
    for name, message in (("a.pth", "of no net known"), ("a.onnx", "not a whole ONNX"), ("b", "no such file")):
        with pytest.raises(WeightsError, match=message):
            identify(tmp_path / name)


def test_published_drawing_nets_draw_in_their_stages(folder: Path) -> None:
    """Random weights: the pictures mean nothing, but sizes, ranges and the path through the stages do."""
    drawing_nets.runner.cache_clear()
    tiny_photosketch(folder / "latest_net_G.pth")
    tiny_simplifier(folder / "model_gan.pth")
    photo = np.random.default_rng(0).integers(0, 256, (257, 300, 3), dtype=np.uint8)
    style = replace(load(photosketch.PhotosketchParams, "styles.photosketch"), method="published")
    sketch = photosketch.photosketch(photo, style)
    assert sketch.shape == (257, 300)
    assert 0 <= sketch.min() < sketch.max() <= 1
    simple = replace(load(simplify.SimplifyParams, "simplify"), method="gan")
    assert isinstance(simplify.simplify(sketch, simple), list)
    with pytest.raises(WeightsError, match=r"model_mse\.pth"):
        simplify.simplify(sketch, replace(simple, method="mse"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/weights")
def test_shared_files_are_what_they_are_named() -> None:
    found = {name: SHARED / entry.file for name, entry in registry.WEIGHTS.items() if (SHARED / entry.file).exists()}
    assert set(found) == SHARED_NAMES
    for name, path in found.items():
        assert identify(path) == name


@pytest.mark.parametrize("name", [name for name, entry in WEIGHTS.items() if entry.convert])
def test_every_converter_is_there_and_refuses_other_tensors(name: str) -> None:
    convert = WEIGHTS[name].convert
    assert convert is not None
    with pytest.raises((ValueError, KeyError, RuntimeError)):
        convert({"a": torch.ones(1)})


def test_every_name_has_a_folder_that_git_knows() -> None:
    for name, entry in WEIGHTS.items():
        folder = Path(__file__).parents[2] / "data" / "weights" / name
        assert (folder / ".gitkeep").is_file() or (folder / entry.file).is_file(), name
