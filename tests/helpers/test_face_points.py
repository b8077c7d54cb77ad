"""Sheets are laid as they say, the net's maps mean what they say, and it learns."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.helpers.face_points_net import (
    CELL,
    FINE,
    POINTS,
    SPAN_PX,
    FacePointsNet,
    Places,
    face_points_net,
    heat_loss,
    place_losses,
    points_of,
)
from pipeline.core.image_io import read_photo
from pipeline.helpers.face_points import sheets, train
from pipeline.helpers.face_points.doodles import doodle
from pipeline.helpers.face_points.sources import Known, Sources
from pipeline.helpers.supervised import NetParams
from pipeline.helpers.values import read_values
from pipeline.training.checkpoint import load_tensors
from pipeline.training.device import Device
from pipeline.training.supervised import OptimizerParams
from pipeline.weights.face_finder import LOOK_EYES_PX, LOOK_PX, middle_of

PARAMS = read_values(train.FacePointsParams, "face_points")
FIVE = np.array([[93, 122], [162, 122], [128, 165], [100, 195], [155, 195]], np.float32)


def dotted() -> Known:
    """A face that is five black dots."""
    picture = np.full((256, 256), 255, np.uint8)
    for x, y in FIVE.astype(int).tolist():
        cv2.circle(picture, (x, y), 7, 0, -1)
    return Known(picture, FIVE)


def sources() -> Sources:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (150, 200)).astype(np.uint8)
    known = [Known(*doodle(np.random.default_rng(i))) for i in range(4)]
    return Sources(known, known, [scene], [scene])


def darkest(picture: np.ndarray, point: np.ndarray) -> float:
    """What lies at a point, and 2 px around."""
    x, y = np.rint(point).astype(int)
    return float(picture[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].min())


@pytest.mark.parametrize("eyes_px", [8.0, 36.0, 60.0])
def test_points_go_where_the_picture_goes(eyes_px: float) -> None:
    known = sheets.mirrored(dotted())
    matrix = sheets.placed(known.points, eyes_px, 25.0, np.array([60.0, 50.0]))
    moved = sheets._moved(known.picture, matrix, 255)
    points = known.points @ matrix[:, :2].T + matrix[:, 2]
    inside = (points > 3).all(1) & (points < LOOK_PX - 3).all(1)
    assert inside.sum() >= 4
    assert max(darkest(moved, point) for point in points[inside]) < 128
    across = points[1] - points[0]
    assert np.hypot(*across) == pytest.approx(eyes_px, rel=1e-3)
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(25, abs=0.01)
    np.testing.assert_allclose(middle_of(points[:2]), [60, 50], atol=1e-3)


def test_a_first_look_is_nearly_upright_and_of_one_size() -> None:
    looks = [sheets.first_look(FIVE, np.random.default_rng(i)) for i in range(50)]
    spans = [np.hypot(*(m[:, :2] @ (FIVE[1] - FIVE[0]))) for m in looks]
    assert np.median(spans) == pytest.approx(LOOK_EYES_PX, rel=0.1)
    assert 0.05 < np.std(np.log(spans)) < 0.25


def test_points_of_a_doodle_lie_in_it_in_their_order() -> None:
    for i in range(30):
        picture, points = doodle(np.random.default_rng(i))
        assert picture.min() < 128
        left, right, nose, mouth_left, mouth_right = points
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < max(mouth_left[1], mouth_right[1])


def batch() -> dict[str, torch.Tensor]:
    made = sheets.Sheets(sources(), sources().drawings, PARAMS.sheets, 16, 0)(3)
    assert made["sheet"].shape == (16, 1, LOOK_PX, LOOK_PX)
    return made


def test_a_batch_has_faces_first_and_none_last() -> None:
    made = batch()
    tops = made["faces"].amax((1, 2, 3))
    assert (tops[:12] > 0.5).all()
    assert (tops[12:] == 0).all()
    assert made["asked"].sum(1).tolist() == [5.0] * 6 + [0.0] * 10
    again = sheets.Sheets(sources(), sources().drawings, PARAMS.sheets, 16, 0)(3)
    assert all(torch.equal(made[name], again[name]) for name in made)


def test_exact_places_cost_nothing() -> None:
    made = batch()
    n, _, h, w = made["faces"].shape
    points = made["points"]
    span = torch.linalg.vector_norm(points[:, 1] - points[:, 0], dim=1).clamp_min(1).view(n, 1, 1, 1)
    ys, xs = torch.meshgrid(torch.arange(h) * CELL + 3.5, torch.arange(w) * CELL + 3.5, indexing="ij")
    offsets = (points.flatten(1).view(n, -1, 1, 1) - torch.stack([xs, ys]).repeat(POINTS, 1, 1)) / span
    exact = Places(torch.logit(made["faces"], 1e-6), (span / SPAN_PX).log().expand(n, 1, h, w), offsets)
    terms = place_losses(exact, made["faces"], points, made["known"])
    assert all(float(term) < 1e-4 for term in terms.values())
    worse = exact._replace(offsets=offsets + 0.5)
    assert float(place_losses(worse, made["faces"], points, made["known"])["offsets"]) > 0.5


def test_a_net_finds_in_px_what_its_maps_say() -> None:
    net = FacePointsNet((6, 8, 10), 8).eval()
    sheet = torch.rand(1, 1, 64, 96)
    places, heat = net(sheet)
    logits, points = net.find(sheet)
    assert torch.equal(logits, places.face[0, 0])
    span = SPAN_PX * places.size[0, 0, 2, 5].exp()
    aim = torch.tensor([5 * CELL + 3.5, 2 * CELL + 3.5]) + span * places.offsets[0, :, 2, 5].view(POINTS, 2)
    torch.testing.assert_close(points[2, 5], aim)
    sure, looked = net.look(sheet)
    torch.testing.assert_close(looked, points_of(heat)[0])
    assert float(sure) == float(places.face[0, 0, 2:6, 4:8].max())


def test_points_are_the_means_of_the_heat() -> None:
    points = torch.tensor(FIVE / 256 * LOOK_PX)[None]
    side = LOOK_PX // FINE
    y, x = torch.meshgrid(*[torch.arange(side) * FINE + (FINE - 1) / 2] * 2, indexing="ij")
    heat = torch.stack([-((x - px) ** 2 + (y - py) ** 2) / (2 * FINE**2) for px, py in points[0]])[None]
    torch.testing.assert_close(points_of(heat), points, atol=0.05, rtol=0)
    asked = torch.ones(1, POINTS)
    assert float(heat_loss(heat, points, asked)) < float(heat_loss(heat, points + 6, asked)) - 0.5
    assert float(heat_loss(heat, points + 6, 0 * asked)) == 0


def test_a_net_is_known_by_its_tensors() -> None:
    net = FacePointsNet((6, 8, 10, 12), 8).eval()
    sheet = torch.rand(1, 1, 75, 130)
    places, heat = net(sheet)
    again, again_heat = face_points_net(net.state_dict())(sheet)
    torch.testing.assert_close(again_heat, heat, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(again.face, places.face, atol=1e-4, rtol=1e-4)
    assert places.face.shape[2:] == (10, 17)
    assert heat.shape[2:] == (19, 33)
    with pytest.raises(ValueError, match="no FacePointsNet"):
        face_points_net({"a": torch.zeros(1)})


def test_it_learns_and_its_sheets_show_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    schedule = replace(PARAMS.schedule, steps=40, log_every_steps=5, save_every_steps=20, validate_every_steps=40)
    params = replace(
        PARAMS, net=NetParams((6, 8, 10), 8), schedule=schedule, optimizer=OptimizerParams(1e-2, 0.0), batch=8
    )
    train.train_on(sources(), sources(), params, tmp_path / "data", Device("cpu", "32-true"))
    folder = tmp_path / "data" / "trained" / "face_points"
    with (folder / "history.csv").open() as file:
        rows = [[float(row[name]) for name in train.MEASURES[:3]] for row in csv.DictReader(file)]
    assert sum(rows[-1]) < 0.75 * sum(rows[0])
    assert read_photo(folder / "samples" / "000040.png").shape[1] >= 4 * LOOK_PX
    assert face_points_net(load_tensors(folder / "weights.safetensors")[0])
