"""Evaluation on a hand-made data set: known systems in their order, known figures, flat memory."""

import csv
import json
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.evaluation import completion, evaluate, face_scores, feature_sets, figures, pair_nets, systems
from pipeline.evaluation.metrics import features

sys.path.insert(0, str(Path(__file__).parent))
from hand_made import (
    MADE_FEATURES,
    MADE_PAIRS,
    PARAMS,
    SIZE,
    STYLES,
    blurred,
    known,
    somebody_else,
    truth,
    write_data,
    write_drawn_split,
    write_split,
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train, val, test and a further split; features of made nets."""
    monkeypatch.setattr(feature_sets, "FEATURES", MADE_FEATURES)
    monkeypatch.setattr(pair_nets, "PAIRS", MADE_PAIRS)
    return write_data(tmp_path / "data", {"train": 5, "val": 7, "test": 6, "ar": 4})


def add(monkeypatch: pytest.MonkeyPatch, **rows: systems.Row) -> None:
    for name, row in rows.items():
        monkeypatch.setitem(systems.OWN, name, row)


def details(data: Path, system: str, split: str) -> dict:
    return json.loads((data / "evaluation" / system / split / "details.json").read_text())


def metrics(data: Path, system: str, split: str) -> dict:
    return json.loads((data / "evaluation" / system / split / "metrics.json").read_text())


HIGHER = ("psnr", "ssim", "precision", "recall", "identity_face")
LOWER = ("fid", "fd_efficientnet", "lpips_like", "skin_de")


def test_truth_comes_before_blurred_truth_before_somebody_else(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, truth=known(truth), blurred=known(blurred), other=known(somebody_else))
    evaluate.run(PARAMS, ("truth", "blurred", "other"), (), data, "cpu", 1)
    for split, n in (("val", 7), ("test", 6), ("ar", 4)):
        best, middle, worst = (metrics(data, name, split) for name in ("truth", "blurred", "other"))
        assert best["n"] == middle["n"] == worst["n"] == n
        for name in HIGHER:
            assert best[name] > middle[name] > worst[name], (split, name)
        for name in LOWER:
            assert best[name] < middle[name] < worst[name], (split, name)
        assert (best["rank1_face"], worst["rank1_face"]) == (1, pytest.approx(1 / n, abs=1e-5))
        assert best["rank1_face"] >= middle["rank1_face"] >= worst["rank1_face"]
        assert best["sharpness"] == 1 > middle["sharpness"]
        every = [details(data, name, split)["deformed"]["mean"] for name in ("truth", "blurred", "other")]
        for name in ("kid", "fd_identity", "skin_de_darkest", "skin_de_lightest"):
            assert every[0][name] < every[1][name] < every[2][name], (split, name)
        assert every[0]["identity"] > every[1]["identity"] > every[2]["identity"]
        for name in ("psnr", "ssim"):
            assert best["simplified"][name] > middle["simplified"][name] > worst["simplified"][name]
        assert (best["precision"], best["recall"]) == (1, 1), "lines that are Canny's are Canny's"
        assert details(data, "truth", split)["deformed"]["xdog"]["f"] == 1
        assert details(data, "other", split)["deformed"]["xdog"]["recall"] < 0.5


def softened(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The true photo, its lower half so soft that there are no edges left."""
    soft, half = photo.copy(), len(photo) // 2
    soft[half:] = cv2.GaussianBlur(photo, (0, 0), 12)[half:]
    return soft, edges.astype(np.float32) / 255


def test_faithful_are_the_photos_edges_to_the_drawings_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the photo soft: what edges it has are the drawing's, half of the drawing's strokes are missing."""
    monkeypatch.setattr(feature_sets, "FEATURES", {})
    monkeypatch.setattr(pair_nets, "PAIRS", {})
    write_drawn_split(tmp_path / "packed" / "val", 6, 0)
    add(monkeypatch, truth=known(truth, "deformed"), soft=known(softened, "deformed"))
    add(monkeypatch, other=known(somebody_else, "deformed"))
    evaluate.run(PARAMS, ("truth", "soft", "other"), (), tmp_path, "cpu", 1)
    for style in STYLES:
        every = (details(tmp_path, name, "val")["deformed"] for name in ("truth", "soft", "other"))
        best, middle, worst = (found[style] for found in every)
        assert best["faithful_precision"] > 0.99
        assert best["faithful_recall"] > 0.99
        assert middle["faithful_precision"] > 0.8, "one edge more, where the soft half begins"
        assert 0.3 < middle["faithful_recall"] < 0.75
        assert worst["faithful_precision"] < 0.6
        assert worst["faithful_recall"] < middle["faithful_recall"]


def test_sharpness_and_skin_are_medians_over_faces(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One face of seven far off changes neither; every face's own figures are in the table."""

    def one_off(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
        first = np.load(data / "packed" / where.split()[0] / "photo.npy", mmap_mode="r")[0]
        made = np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8) if (photo == first).all() else photo
        return made, edges.astype(np.float32) / 255

    add(monkeypatch, one_off=known(one_off))
    evaluate.run(PARAMS, ("one_off",), ("val",), data, "cpu", 1)
    found = details(data, "one_off", "val")["deformed"]
    with (data / "evaluation/one_off/val/images.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "deformed" and row["style"] == "xdog"]
    for name, best in (("sharpness", 1), ("skin_de", 0)):
        values = [float(row[name]) for row in rows]
        assert (values[0] - best > 2, values[1:]) == (True, [best] * 6)
        assert found["xdog"][name] == found["mean"][name] == best
    assert found["xdog"]["skin_lighter"] == pytest.approx(
        np.mean([float(row["skin_lighter"]) for row in rows]), abs=1e-4
    )
    assert "skin_light" not in found["xdog"]


def lighter_the_darker(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Everybody in the same gray."""
    return np.full_like(photo, 119), edges.astype(np.float32) / 255


def test_skin_of_the_darkest_and_of_the_lightest_fifth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten gray faces, all made L* 50: the darkest two too light, the lightest two too dark."""
    monkeypatch.setattr(feature_sets, "FEATURES", {})
    monkeypatch.setattr(pair_nets, "PAIRS", {})
    folder = tmp_path / "packed" / "val"
    write_drawn_split(folder, 10, 0)
    grays = np.array([250, 30, 230, 60, 80, 100, 140, 36, 170, 200], np.uint8)
    np.save(folder / "photo.npy", np.broadcast_to(grays[:, None, None, None], (10, 64, 64, 3)))
    add(monkeypatch, gray=known(lighter_the_darker, "deformed"))
    evaluate.run(PARAMS, ("gray",), (), tmp_path, "cpu", 1)
    found = details(tmp_path, "gray", "val")["deformed"]["xdog"]
    light = np.array([116 * f - 16 for f in np.cbrt([linear(value) for value in (30, 36, 119, 230, 250)])])
    off = np.abs(light - light[2])
    assert found["skin_de_darkest"] == pytest.approx(off[:2].mean(), abs=0.05)
    assert found["skin_lighter_darkest"] == pytest.approx(off[:2].mean(), abs=0.05)
    assert found["skin_de_lightest"] == pytest.approx(off[3:].mean(), abs=0.05)


def linear(value: int) -> float:
    """sRGB -> linear light."""
    return ((value / 255 + 0.055) / 1.055) ** 2.4


def test_a_system_that_is_told_tones_gets_the_true_photos_and_no_other_does(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that `likes` is measured with each face's own photo beside its drawing, a row of its own."""
    plain = known(blurred).open(Layout(data), None, systems.Manner())

    def told(sketches: np.ndarray, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return photos, plain(sketches)[1]

    add(
        monkeypatch, told=systems.Row(("deformed",), (), lambda *_: told, likes=True), untold=known(blurred, "deformed")
    )
    evaluate.run(PARAMS, ("told", "untold"), (), data, "cpu", 1)
    for split in ("val", "test", "ar"):
        assert metrics(data, "told", split)["psnr"] == float("inf")
        assert metrics(data, "untold", split)["psnr"] < 40
        assert metrics(data, "told", split)["recall"] == metrics(data, "untold", split)["recall"]


def half_completed(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The true lines on the left, on the right nothing."""
    lines = edges.astype(np.float32) / 255
    lines[:, 32:] = 0
    return photo, lines


def test_completion_is_of_the_lines_that_were_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who draws the truth completes all, who copies the drawing nothing, who draws its left half that half."""
    monkeypatch.setattr(feature_sets, "FEATURES", {})
    monkeypatch.setattr(pair_nets, "PAIRS", {})
    write_drawn_split(tmp_path / "packed" / "val", 20, 0)

    def copied(sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(sketches[..., None], 3, 3), 1 - sketches.astype(np.float32) / 255

    def everywhere(sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return copied(sketches)[0], np.ones(sketches.shape, np.float32)

    add(monkeypatch, truth=known(truth, "deformed"), half=known(half_completed, "deformed"))
    add(monkeypatch, copied=systems.Row(("deformed",), (), lambda *_: copied))
    add(monkeypatch, everywhere=systems.Row(("deformed",), (), lambda *_: everywhere))
    names = ("truth", "half", "copied", "everywhere")
    evaluate.run(PARAMS, names, (), tmp_path, "cpu", 1)
    all_, half, none, full = (details(tmp_path, name, "val")["deformed"]["mean"] for name in names)
    assert (all_["completion"], all_["completion_precision"]) == (1, 1)
    assert 0.2 < half["completion"] < 0.8
    assert half["completion_precision"] == 1
    assert (none["completion"], none["completion_precision"]) == (0, None), "nothing is drawn where nothing was left"
    assert full["completion"] == 1
    assert 0.05 < full["completion_precision"] < 0.9
    assert metrics(tmp_path, "half", "val")["completion"] == half["completion"]
    add(monkeypatch, both=known(truth))
    evaluate.run(PARAMS, ("both",), (), tmp_path, "cpu", 1)
    found = details(tmp_path, "both", "val")
    assert found["deformed"]["mean"]["completion"] == found["simplified"]["mean"]["completion"] == 1
    assert metrics(tmp_path, "both", "val")["simplified"]["completion"] == 1


def test_no_photo_is_made_where_strokes_are_all_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a system that gives its strokes alone, the photos are made once a drawing, not for completion again."""
    monkeypatch.setattr(feature_sets, "FEATURES", {})
    monkeypatch.setattr(pair_nets, "PAIRS", {})
    write_drawn_split(tmp_path / "packed" / "val", 20, 0)
    asked = Counter[str]()

    class Copying:
        def strokes(self, sketches: np.ndarray) -> np.ndarray:
            asked["strokes"] += len(sketches)
            return 1 - sketches.astype(np.float32) / 255

        def __call__(self, sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            asked["photos"] += len(sketches)
            return np.repeat(sketches[..., None], 3, 3), self.strokes(sketches)

    add(monkeypatch, alone=systems.Row(("deformed",), (), lambda *_: Copying()))
    add(monkeypatch, together=systems.Row(("deformed",), (), lambda *_: Copying().__call__))
    of = {}
    for name in ("together", "alone"):
        asked.clear()
        evaluate.run(PARAMS, (name,), (), tmp_path, "cpu", 1)
        of[name] = dict(asked)
    assert details(tmp_path, "alone", "val") == details(tmp_path, "together", "val")
    assert of["together"]["photos"] - of["alone"]["photos"] == 20
    assert of["together"]["strokes"] == of["alone"]["strokes"]


def test_what_is_erased_is_the_same_for_every_system_and_paper_after(tmp_path: Path) -> None:
    folder = tmp_path / "packed" / "val"
    write_drawn_split(folder, 8, 0, 128)
    split = read_split(Layout(tmp_path), "val")
    gone = completion.patches(split, 0, 8)
    np.testing.assert_array_equal(gone, completion.patches(split, 0, 8))
    shares = (gone > 0.5).mean((1, 2))
    assert (shares > 0.01).all()
    assert (shares < 0.2).all()
    assert len({part.tobytes() for part in gone}) == 8, "each face its own"
    black = np.zeros(gone.shape, np.uint8)
    left = completion.erased(black, gone)
    assert (left[gone == 1] == 255).all()
    assert (left[gone == 0] == 0).all()
    styles = systems.drawings(split, "deformed")
    turns = completion.by_turns(styles, 3, 2)
    np.testing.assert_array_equal(turns[0], styles["fdog"][3])
    np.testing.assert_array_equal(turns[1], styles["xdog"][4])


def by_split(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """An offset that tells the split and the layer."""
    split, layer = where.split()
    offset = {"val": 4, "test": 10, "ar": 20}[split] + {"sketch/xdog": 0, "sketch/fdog": 6}.get(layer, 1)
    return photo + np.uint8(offset), edges.astype(np.float32) / 255


def db(offset: float) -> float:
    return 20 * np.log10(255 / offset)


def test_each_split_is_measured_on_its_own_faces_and_a_mean_is_over_styles(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, offset=known(by_split))
    evaluate.run(PARAMS, ("offset",), (), data, "cpu", 1)
    for split, offset in (("val", 4), ("test", 10), ("ar", 20)):
        found = details(data, "offset", split)
        assert found["deformed"]["xdog"]["psnr"] == pytest.approx(db(offset), abs=1e-3)
        assert found["deformed"]["fdog"]["psnr"] == pytest.approx(db(offset + 6), abs=1e-3)
        assert found["deformed"]["artist"]["psnr"] == pytest.approx(db(offset + 1), abs=1e-3)
        mean = (db(offset) + db(offset + 6)) / 2
        assert found["deformed"]["mean"]["psnr"] == pytest.approx(mean, abs=1e-3)
        assert metrics(data, "offset", split)["psnr"] == pytest.approx(mean, abs=1e-3)
        assert metrics(data, "offset", split)["simplified"]["psnr"] == pytest.approx(db(offset + 1), abs=1e-3)
        compared = json.loads((data / "evaluation/offset" / split / "compared.json").read_text())
        assert {"psnr", "ssim", "fid"} <= compared.keys()
        assert compared.items() <= metrics(data, "offset", split).items()
        with (data / "evaluation" / "offset" / split / "images.csv").open() as file:
            rows = list(csv.DictReader(file))
        own = [float(row["psnr"]) for row in rows if row["kind"] == "deformed" and row["style"] in STYLES]
        assert np.mean(own) == pytest.approx(mean, abs=1e-3)
        assert {row["id"].split("_")[0] for row in rows} == {split}
        pooled = found["deformed"]["pooled"]
        assert pooled["n"] == 2 * found["deformed"]["mean"]["n"]
        assert min(found["deformed"][s]["fid"] for s in STYLES) < pooled["fid"]
        assert pooled["fid"] < max(found["deformed"][s]["fid"] for s in STYLES)
        assert pooled["kid_deviation"] is not None


def one_in_each_colour(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Gray where it is unlike the photo most: the darker its mean, the worse."""
    level = int(photo.mean())
    return np.full_like(photo, level), edges.astype(np.float32) / 255


def test_best_is_best_and_worst_is_worst_and_only_val_is_shown(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, gray=known(one_in_each_colour))
    evaluate.run(PARAMS, ("gray",), (), data, "cpu", 1)
    shown = sorted(path.relative_to(data / "evaluation" / "gray") for path in (data / "evaluation").rglob("*.png"))
    assert [str(path) for path in shown] == [f"val/sheets/{name}.png" for name in ("best", "median", "worst")]
    with (data / "evaluation/gray/val/images.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "deformed"]
    ranked = sorted(rows, key=lambda row: -float(row["psnr"]))
    photos = np.load(data / "packed/val/photo.npy")
    for name, chosen in (("best", ranked[:2]), ("worst", ranked[-2:])):
        picture = cv2.imread(str(data / "evaluation/gray/val/sheets" / f"{name}.png"))
        for row in chosen:
            level = int(photos[int(row["id"].split("_")[1])].mean())
            assert (picture == level).all(2).sum() >= SIZE * SIZE, (name, level)


def test_one_split_alone_and_unknown_names(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, truth=known(truth))
    evaluate.run(PARAMS, ("truth",), ("val",), data, "cpu", 1)
    assert figures.splits(Layout(data), "truth") == ["val"]
    evaluate.run(replace(PARAMS, systems={"truth": "."}, splits=("test", "val")), (), (), data, "cpu", 1)
    assert figures.splits(Layout(data), "truth") == ["val", "test"]
    with pytest.raises(UserError, match=r"no system 'truht'; there are joint, .*isn_raw, truth"):
        evaluate.run(PARAMS, ("truht",), (), data, "cpu", 1)
    for split in ("tset", "train"):
        with pytest.raises(UserError, match=rf"no split {split} to measure; there are \['ar', 'test', 'val'\]"):
            evaluate.run(PARAMS, ("truth",), (split,), data, "cpu", 1)
    assert figures.splits(Layout(data), "truth") == ["val", "test"], "what was there is still there"


@pytest.mark.parametrize(("mirrored", "level"), [(False, 0.25), (True, 1)])
def test_systems_are_asked_as_params_say(
    data: Path, monkeypatch: pytest.MonkeyPatch, mirrored: bool, level: float
) -> None:
    asked = []

    def opened(layout: Layout, device: object, manner: systems.Manner) -> None:
        asked.append((manner.mirrored, manner.level))
        raise UserError("enough")

    add(monkeypatch, mirror=systems.Row(("deformed",), (), opened))
    with pytest.raises(UserError, match="enough"):
        evaluate.run(replace(PARAMS, mirrored=mirrored, level=level), ("mirror",), (), data, "cpu", 1)
    assert asked == [(mirrored, level)]


def test_the_number_of_processes_does_not_matter(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, blurred=known(blurred))
    made = []
    for jobs in (1, 2):
        evaluate.run(PARAMS, ("blurred",), (), data, "cpu", jobs)
        folder = data / "evaluation" / "blurred"
        made.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert made[0] == made[1]
    assert not list((data / "evaluation").glob(".*")), "no room on the disk is kept"


def test_what_needs_missing_weights_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    add(monkeypatch, truth=known(truth))
    data = write_data(tmp_path / "data", {"train": 2, "val": 3})
    evaluate.run(PARAMS, ("truth",), (), data, "cpu", 1)
    assert details(data, "truth", "val")["deformed"]["xdog"]["fid"] is None
    assert "fid" not in metrics(data, "truth", "val")
    why = json.loads((data / "evaluation/truth/val/not_computed.json").read_text())
    assert "weights 'inception_fid' are missing" in why["fid, kid, kid_deviation"]
    assert "weights 'mobilefacenet' are missing" in why["identity, identity_rank1, fd_identity"]


def peak_bytes(data: Path) -> int:
    """Of evaluation, all arrays and rows included; files mapped into memory not."""
    tracemalloc.start()
    evaluate.run(PARAMS, ("flat",), (), data, "cpu", 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_sets, "FEATURES", MADE_FEATURES)
    monkeypatch.setattr(pair_nets, "PAIRS", MADE_PAIRS)
    monkeypatch.setattr(features, "SUBSET", 50)  # else KID's largest subset is met on the way

    def gray(sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(sketches[..., None], 3, 3), sketches.astype(np.float32) / 255

    monkeypatch.setattr(face_scores, "image_scores", lambda face, *_: {"psnr": float(face.made.mean())})  # soon done
    add(monkeypatch, flat=systems.Row(("deformed",), (), lambda *_: gray))
    for count in (4, 128, 640):
        write_split(tmp_path / str(count) / "packed" / "val", count, 0, artist=False)
    _, few, many = (peak_bytes(tmp_path / str(count)) for count in (4, 128, 640))  # the first: what is imported late
    a_photo = SIZE * SIZE * 3
    assert many < few + (640 - 128) * a_photo / 4
