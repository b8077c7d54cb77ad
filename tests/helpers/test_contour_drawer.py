"""The contour drawer: its loss against a slow version, what it aims at, its data, that it learns, and its score."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.helpers.drawing_alignment import STAY, nearest_drawing, registered, shifts
from models.helpers.line_net import drawer
from pipeline.core.errors import UserError
from pipeline.core.params import load
from pipeline.core.polarity import Sketch
from pipeline.helpers.augment import CropAugment
from pipeline.helpers.contour_drawer import evaluate, fs2k, train
from pipeline.helpers.supervised import NetParams
from pipeline.helpers.values import read_values
from pipeline.styles.photosketch import METHODS, PhotosketchParams, photosketch
from pipeline.training.checkpoint import load_tensors
from pipeline.training.device import Device
from pipeline.training.supervised import OptimizerParams

PARAMS = read_values(train.ContourDrawerParams, "contour_drawer")


def line(x: float, angle: float = 0.0, size: int = 64) -> Tensor:
    """A line of 2 px through (x, size / 2), (1, 1, size, size), 1 = ink."""
    image, tilt = np.zeros((size, size), np.uint8), round(size * np.tan(angle))
    cv2.line(image, (round(x) - tilt, -size // 2), (round(x) + tilt, size + size // 2), 255, 2)
    return torch.from_numpy(image)[None, None].float() / 255


def total(ink: Tensor, drawn: Tensor, reach: int = 3) -> float:
    """Loss of a net that draws `ink` with certainty where the person's drawings are `drawn`."""
    return float(sum(nearest_drawing(ink.clamp(1e-3, 1 - 1e-3).logit(), drawn, 2.0, 0.5, reach, 16).values()))


def test_shifts_are_a_disc_and_the_shortest_come_first() -> None:
    assert shifts(0) == [(0, 0)]
    assert shifts(3)[0] == (0, 0)
    assert len(shifts(3)) == 29
    assert (3, 0) in shifts(3)
    assert (2, 3) not in shifts(3)


def test_registration_equals_the_search_tile_by_tile() -> None:
    """One tile of 3 x 3: all tiles see the same, so the shift is one and whole."""
    generator = torch.Generator().manual_seed(0)
    drawing, drawn = (torch.rand(2, 1, 8, 8, generator=generator) for _ in range(2))
    found = registered(drawing, drawn, 2, 8)
    for n in range(2):
        padded = F.pad(drawing[n : n + 1], (2, 2, 2, 2), mode="replicate")[0, 0]
        best, expected = -1.0, None
        for dx, dy in shifts(2):
            moved = torch.stack([torch.stack([padded[y + dy + 2, x + dx + 2] for x in range(8)]) for y in range(8)])
            dice = float(2 * (moved * drawn[n, 0]).sum() / (moved.sum() + drawn[n, 0].sum()))
            dice *= 1 - STAY * (dx * dx + dy * dy) / 4
            if dice > best:
                best, expected = dice, moved
        torch.testing.assert_close(found[n, 0], expected, atol=1e-4, rtol=0)


def test_loss_equals_the_sum_pixel_by_pixel_where_nothing_may_move() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 16, 16, generator=generator)
    people = torch.rand(2, 3, 16, 16, generator=generator).round()
    terms = nearest_drawing(logits, people, 2.0, 0.5, 0, 8)
    sums = []
    for n in range(2):
        p = torch.sigmoid(logits[n, 0])
        pairs = []
        for t in people[n]:
            entropy = -(2 * torch.log(p[t == 1]).sum() + torch.log(1 - p[t == 0]).sum()) / 256
            dice = 0.5 * (1 - (2 * p[t == 1].sum() + 1) / (p.sum() + t.sum() + 1))
            pairs.append((float(entropy), float(dice)))
        sums.append(min(pairs, key=sum))
    expected = np.mean(sums, axis=0)
    assert [float(terms["cross_entropy"]), float(terms["dice"])] == pytest.approx(list(expected), rel=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_misses_within_reach_cost_nothing_and_beyond_it_more(angle: float) -> None:
    exact = total(line(32, angle), line(32, angle))
    near = [total(line(32, angle), line(32 + miss, angle)) for miss in (-3, 2, 3)]
    assert near == pytest.approx([exact] * 3, abs=0.05)
    far = [total(line(32, angle), line(32 + miss, angle)) for miss in (5, 8)]
    assert min(far) > exact + 0.2


def test_what_is_blurred_or_left_out_costs_more_than_what_is_sharp() -> None:
    ink, person = line(32), line(34)
    blurred = torch.from_numpy(cv2.GaussianBlur(ink[0, 0].numpy(), (0, 0), 3))[None, None]
    assert total(ink, person) + 0.1 < total(blurred, person) < total(torch.zeros_like(ink), person)


def test_the_nearest_of_several_drawings_counts() -> None:
    several = torch.cat([line(10), line(33), line(50)], 1)
    assert total(line(32), several) == pytest.approx(total(line(32), line(33)), abs=1e-6)


def test_every_tile_may_miss_in_its_own_way() -> None:
    ink, person = torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128)
    ink[..., 20:22, :] = ink[..., 100:102, :] = 1
    person[..., 18:20, :] = person[..., 102:104, :] = 1
    torch.testing.assert_close(registered(person, ink, 3, 16), ink, atol=0.01, rtol=0)


def head(shift: int = 0) -> Sketch:
    """Grayish paper, the outline of a face, hatched hair, two eyes; (256, 256)."""
    image = np.full((256, 256), 215, np.uint8)
    cv2.ellipse(image, (128 + shift, 140), (70, 90), 0, 0, 360, 60, 2, cv2.LINE_AA)
    for x in range(70, 190, 4):
        cv2.line(image, (x + shift, 40), (x + shift, 75), 90, 2, cv2.LINE_AA)
    for x in (100, 156):
        cv2.ellipse(image, (x + shift, 130), (11, 5), 0, 0, 360, 80, 2, cv2.LINE_AA)
    return image.astype(np.float32) / 255


def test_line_art_is_clean_lines_and_hatching_is_its_outline() -> None:
    drawn = fs2k.line_art(head())
    assert drawn.shape == (256, 256)
    assert drawn[5:30, 5:250].min() == 1
    assert drawn[50:66, 85:175].mean() > 0.97  # within the hair
    assert min(drawn[38:46, x].min() for x in range(80, 180)) < 0.2  # its border
    assert drawn[226:234, 120:136].min() < 0.1  # the chin
    assert drawn[122:140, 85:115].min() < 0.1  # an eye keeps its lines
    assert drawn[129:132, 95:105].min() > 0.9


def test_blank_paper_has_no_lines() -> None:
    noise = np.random.default_rng(0).normal(0.85, 0.01, (256, 256)).astype(np.float32)
    assert fs2k.line_art(noise).min() == 1


@pytest.fixture
def pairs_folder(tmp_path: Path) -> Path:
    """Twelve drawings of style 0 and two of style 1; every photo is the drawing itself."""
    for part in ("photos", "sketches"):
        (tmp_path / part).mkdir()
    names = [f"photo1_{i:04d}" for i in range(14)]
    for i, name in enumerate(names):
        image = (head(2 * i - 14) * 255).astype(np.uint8)
        for part in ("photos", "sketches"):
            cv2.imwrite(str(tmp_path / part / f"{name}.jpg"), image)
    rows = [{"id": name, "style": int(i >= 12), "hair": 0} for i, name in enumerate(names)]
    (tmp_path / "attributes.json").write_text(json.dumps(rows))
    return tmp_path


def split(folder: Path, styles: tuple[int, ...] = (0,)) -> dict[str, list[str]]:
    return fs2k.split_ids(folder, styles, PARAMS.val_share, PARAMS.test_share)


def test_splits_are_apart_and_more_drawings_move_none(pairs_folder: Path) -> None:
    before = split(pairs_folder)
    assert sorted(name for names in before.values() for name in names) == fs2k.pair_ids(pairs_folder, (0,))
    more = [{"id": f"photo2_{i:04d}", "style": 0} for i in range(1000)]
    attributes = json.loads((pairs_folder / "attributes.json").read_text())
    (pairs_folder / "attributes.json").write_text(json.dumps(attributes + more))
    after = split(pairs_folder)
    assert all(set(before[name]) <= set(after[name]) for name in before)
    assert [len(after[name]) for name in ("train", "val", "test")] == pytest.approx([708, 101, 202], abs=40)


def test_a_split_without_pairs_and_other_folders_are_one_line(pairs_folder: Path) -> None:
    with pytest.raises(UserError, match="falls into the split test"):
        fs2k.split_ids(pairs_folder, (0,), 0.5, 1e-9)
    with pytest.raises(UserError, match=r"no drawings of styles \[2\]"):
        split(pairs_folder, (2,))
    with pytest.raises(UserError, match=r"attributes\.json: no attributes of FS2K"):
        split(pairs_folder / "photos")


def source(folder: Path, count: int) -> train.Source:
    return train.read_faces(folder, split(folder)["train"][:count])


def scenes() -> train.Source:
    """One photo whose three annotators drew three different lines, each one of its channels."""
    ink = np.zeros((80, 100, 3), np.uint8)
    for i in range(3):
        ink[20:60, 20 * i + 20 : 20 * i + 23, i] = 255
    return train.Source([ink], [ink])


def test_photo_and_drawings_move_together_and_depend_on_seed_and_step() -> None:
    augment = CropAugment(48, 20, (0.7, 1.4), 0.0)
    faces = train.Source([np.repeat(scenes().inks[0][..., :1], 3, 2)], [scenes().inks[0][..., :1]])
    made = train.Drawings(faces, scenes(), 0.25, augment, 8, 0)
    batch = made(4)
    assert batch["photo"].shape == batch["drawings"].shape == (8, 3, 48, 48)
    faces_part, scenes_part = slice(2, None), slice(0, 2)
    torch.testing.assert_close(batch["photo"][faces_part], batch["drawings"][faces_part], atol=0.02, rtol=0)
    assert torch.equal(batch["drawings"][faces_part, 0], batch["drawings"][faces_part, 2])
    assert not torch.equal(batch["drawings"][scenes_part, 0], batch["drawings"][scenes_part, 2])
    torch.testing.assert_close(made(4)["photo"], batch["photo"], rtol=0, atol=0)
    assert not torch.equal(made(5)["photo"], batch["photo"])
    assert not torch.equal(replace(made, seed=1)(4)["photo"], batch["photo"])


def test_it_learns_of_train_and_shows_val(pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "read_scenes", lambda folder, annotators: scenes())
    read, original = [], train.read_faces

    def recorded(folder: Path, names: list[str]) -> train.Source:
        read.append(list(names))
        return original(folder, names)

    monkeypatch.setattr(train, "read_faces", recorded)
    schedule = replace(PARAMS.schedule, steps=30, log_every_steps=5, save_every_steps=30, validate_every_steps=30)
    params = replace(
        PARAMS,
        pairs=str(pairs_folder),
        net=NetParams((4, 6, 8), 4),
        optimizer=OptimizerParams(1e-2, 0.0),
        schedule=schedule,
        augment=CropAugment(64, 20, (0.8, 1.4), 0.1),
        batch=4,
    )
    train.train_contour_drawer(params, tmp_path / "data", Device("cpu", "32-true"))
    assert read == [split(pairs_folder)["train"], split(pairs_folder)["val"]]

    folder = tmp_path / "data" / "trained" / "contour_drawer"
    rows = (folder / "history.csv").read_text().splitlines()
    column = rows[0].split(",").index("cross_entropy")
    assert float(rows[-1].split(",")[column]) < 0.7 * float(rows[1].split(",")[column])
    sheet = cv2.imread(str(folder / "samples" / "000030.png"))
    assert sheet.shape == (len(split(pairs_folder)["val"]) * 66, 3 * 66, 3)
    net = drawer(load_tensors(folder / "weights.safetensors")[0], 3)
    photo = torch.from_numpy(head()).expand(1, 3, -1, -1)
    with torch.no_grad():
        drawn = net(photo)[0, 0].numpy()
    assert drawn[head() < 0.4].mean() < drawn[head() > 0.8].mean() - 0.03  # ink where there is ink


def test_lines_score_by_their_distance_and_ink_by_its_share() -> None:
    person = fs2k.line_art(head())
    same = evaluate.held_out_scores([person, person], [person, person])
    assert same["f"] == same["precision"] == same["recall"] == 1
    assert same["n"] == 2
    assert same["ink"] == same["people_ink"] > 0.01
    near = np.roll(person, 3, 1)
    assert evaluate.held_out_scores([near], [person])["f"] > 0.95
    vertical = 1 - line(100, size=256)[0, 0].numpy()
    assert evaluate.held_out_scores([np.roll(vertical, 9, 1)], [vertical])["f"] == 0
    blank = evaluate.held_out_scores([np.ones_like(person)], [person])
    assert [blank[key] for key in ("f", "precision", "recall", "ink")] == [0, 0, 0, 0]


def test_lines_are_judged_by_where_they_are_not_by_how_dark() -> None:
    params = replace(load(PhotosketchParams, "styles.photosketch"), method="contour", pressure_px=1)
    photo = np.full((128, 128, 3), 220, np.uint8)
    photo[:, 64:] = 150
    photo[:20, :20] = 0
    judged, pressed = evaluate.drawer("contour", params)(photo), photosketch(photo, params)
    assert judged[30:].min() < 0.1
    assert pressed[30:].min() > evaluate.BLACK


def test_the_command_writes_scores_and_a_sheet(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "contour", lambda photo, params: fs2k.line_art(photo[..., 0] / np.float32(255)))
    params, trained = load(PhotosketchParams, "styles.photosketch"), replace(PARAMS, pairs=str(pairs_folder))
    evaluate.run("contour", "test", params, trained, tmp_path / "scores.json", tmp_path / "sheet.png", 1)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["method"] == "contour"
    assert scores["split"] == "test"
    assert scores["n"] == len(split(pairs_folder)["test"]) > 0
    assert scores["f"] > 0.95
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[0] > scores["n"] * 256
    with pytest.raises(UserError, match="no method 'x'; there are contour"):
        evaluate.run("x", "test", params, trained, None, None, 1)
    with pytest.raises(UserError, match="no split 'all'; there are train, val, test"):
        evaluate.run("contour", "all", params, trained, None, None, 1)
