"""Pictures side by side: batches, order, errors, and the stages' output."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.batching import ask, side_by_side
from pipeline.core.image_io import read_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.core.parallel import map_images
from pipeline.core.params import load
from pipeline.core.workspace import SHIPPED
from pipeline.drawing.face_prior import Eyes
from pipeline.stages import hed
from pipeline.stages.demo import renderer
from pipeline.weights import drawing_nets


class Doubler:
    """A net that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        self.batches.append([float(p.flat[0]) for p in pictures])
        return 2 * pictures


def picture(value: float, side: int = 4) -> np.ndarray:
    return np.full((side, side), value, np.float32)


def test_alone_a_net_is_asked_at_once() -> None:
    net = Doubler()
    assert (ask(net, picture(3)) == 6).all()
    assert net.batches == [[3.0]]


def test_all_ask_together_in_the_order_of_the_items() -> None:
    net = Doubler()

    def work(value: int) -> float:
        time.sleep(0.02 * (5 - value))  # the last comes first
        return float(ask(net, picture(value))[0, 0])

    assert side_by_side(work, range(5)) == [0, 2, 4, 6, 8]
    assert net.batches == [[0, 1, 2, 3, 4]]


def test_those_who_never_ask_or_fail_are_not_waited_for() -> None:
    net = Doubler()

    def work(value: int) -> float:
        if value == 1:
            raise ValueError("no face")
        return 0.0 if value == 2 else float(ask(net, picture(value))[0, 0])

    with pytest.raises(ValueError, match="no face"):
        side_by_side(work, range(5))
    assert net.batches == [[0, 3, 4]]


def test_two_nets_and_two_sizes_have_their_own_batches() -> None:
    first, second = Doubler(), Doubler()

    def work(value: int) -> float:
        net = first if value % 2 else second
        return float(ask(second, ask(net, picture(value, 4 if value < 4 else 8)))[0, 0])

    assert side_by_side(work, range(6)) == [4 * v for v in range(6)]
    assert first.batches == [[1, 3], [5]]
    assert second.batches == [[0, 2], [4], [0, 2, 4, 6], [8, 10]]


def test_a_net_that_fails_fails_for_all_who_asked() -> None:
    def broken(pictures: np.ndarray) -> np.ndarray:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        side_by_side(lambda value: ask(broken, picture(value)), range(3))


def test_map_images_works_in_groups() -> None:
    net, threads = Doubler(), set()

    def work(value: int) -> float:
        threads.add(threading.get_ident())
        return float(ask(net, picture(value))[0, 0])

    assert map_images(work, range(7), 2, "x", at_once=3) == [2 * v for v in range(7)]
    assert net.batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert threading.get_ident() not in threads


def test_a_stage_draws_the_same_with_a_gpu_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on the CPU, but grouped as on a GPU."""
    params = load(hed.HedParams, "edges.hed", SHIPPED / "params.yaml")
    layout = Layout(tmp_path)
    for i in range(3):
        for folder in (layout.equalized, layout.photos):
            write_photo(folder / f"f{i}.png", renderer.render_face(96, 1, i).photo)
    faces = [Face(f"f{i}", f"f{i}.jpg", "", f"f{i}", "train", "none", (1, 0, 0, 0, 1, 0)) for i in range(3)]
    write_faces(layout.faces, faces, [])
    drawn = {}
    for batch in (1, 16):
        monkeypatch.setattr(drawing_nets, "at_once", lambda nets, batch=batch: batch)
        hed.run(params, Eyes(0.48, 0.27), tmp_path, 1)
        drawn[batch] = [read_gray(layout.edges("hed") / f"f{i}.png") for i in range(3)]
    np.testing.assert_allclose(drawn[16], drawn[1], atol=1.5 / 255)
    assert np.std(drawn[1]) > 0.02
