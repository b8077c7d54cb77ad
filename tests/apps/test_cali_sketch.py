"""The Python interface: what may be given, what comes back, and that threads do not disturb each other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_system import CODE, SIZE, write_system

from pipeline import CaliSketch, Face
from pipeline.core.errors import UserError
from pipeline.core.polarity import to_uint8
from pipeline.stages.demo.renderer import render_face

AS_IS = "as-is"


@pytest.fixture(scope="module")
def cali(tmp_path_factory: pytest.TempPathFactory) -> CaliSketch:
    path = tmp_path_factory.mktemp("api") / "s.safetensors"
    draws = np.random.default_rng(0).uniform(-1, 1, (3, CODE)).tolist()
    write_system(path, tones={"light-fair": [1.0] * CODE, "dark-black": [-1.0] * CODE}, draws=draws)
    return CaliSketch(str(path))


def pixels(shift: int = 0) -> np.ndarray:
    drawn = np.full((128, 128), 255, np.uint8)
    drawn[30:34, 20 + shift : 100 + shift] = drawn[20:100, 60:64] = 0
    return drawn


def same(a: Face, b: Face) -> bool:
    return all(np.array_equal(x, y) for x, y in ((a.drawing, b.drawing), (a.strokes, b.strokes), (a.photo, b.photo)))


def test_a_file_a_picture_and_arrays_are_the_same_drawing(cali: CaliSketch, tmp_path: Path) -> None:
    drawn = pixels()
    Image.fromarray(drawn).save(tmp_path / "d.png")
    rgb = np.repeat(drawn[..., None], 3, 2)
    given = [tmp_path / "d.png", str(tmp_path / "d.png"), Image.fromarray(drawn), drawn, drawn[..., None], rgb]
    faces = [cali.generate(one, place=AS_IS) for one in [*given, np.dstack([rgb, np.full_like(drawn, 255)])]]
    for face in faces:
        assert same(face, faces[0])
    assert faces[0].drawing.shape == faces[0].strokes.shape == (cali.size, cali.size) == (SIZE, SIZE)
    assert faces[0].photo.shape == (SIZE, SIZE, 3)
    assert faces[0].photo.dtype == np.uint8
    assert faces[0].drawing.max() == 1
    assert faces[0].drawing.min() < 0.5  # 1 = paper
    assert np.array_equal(cali.calibrate(drawn, place=AS_IS), faces[0].strokes)


def test_each_choice_matters(cali: CaliSketch, tmp_path: Path) -> None:
    Image.fromarray(render_face(256, 1, 3).photo).save(tmp_path / "p.png")
    assert cali.tones == ("light-fair", "dark-black")
    made = [
        cali.generate(pixels(), place=AS_IS),
        cali.generate(pixels(), place=AS_IS, refine=0.0),
        cali.generate(pixels(), place=AS_IS, tone="dark-black"),
        cali.generate(pixels(), place=AS_IS, seed=1),
        cali.generate(pixels(), place=AS_IS, like=tmp_path / "p.png"),
    ]
    for i, face in enumerate(made):
        assert not any(same(face, other) for other in made[:i]), i


def test_many_drawings_and_many_threads_give_what_one_at_a_time_gives(cali: CaliSketch) -> None:
    drawn = [pixels(shift) for shift in range(6)]
    alone = [cali.generate(one, place=AS_IS) for one in drawn]
    assert all(map(same, cali.generate_many(drawn, place=AS_IS), alone))
    with ThreadPoolExecutor(4) as pool:
        assert all(map(same, pool.map(lambda one: cali.generate(one, place=AS_IS), drawn), alone))


@pytest.mark.parametrize(
    ("drawing", "how", "sentence"),
    [
        (np.full((64, 64), 255, np.uint8), {}, "the drawing: blank paper"),
        (np.zeros((64, 64), np.float32), {}, "needs uint8"),
        (np.zeros((64, 64, 2), np.uint8), {}, "needs uint8"),
        (np.zeros((0, 64), np.uint8), {}, "needs uint8"),
        ("none.png", {}, "none.png: no such file"),
        (pixels(), {"refine": 2.0}, "from 0 to 1"),
        (pixels(), {"tone": "green"}, "no tone 'green'"),
        (pixels(), {"tone": "light-fair", "seed": 1}, "one of"),
        (pixels(), {"clean": "perhaps"}, "there are auto, always, never"),
    ],
)
def test_what_is_wrong_is_one_sentence(cali: CaliSketch, drawing: object, how: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        cali.generate(drawing, **how)
    assert "\n" not in str(raised.value)


def test_a_model_that_there_is_not_is_said() -> None:
    with pytest.raises(UserError, match="no such file"):
        CaliSketch("nowhere.safetensors")


def test_the_shipped_system_makes_a_face_of_a_drawn_one() -> None:
    from pipeline.core import params
    from pipeline.styles import STYLES

    xdog = STYLES["xdog"]
    drawn = to_uint8(xdog.draw(render_face(256, 1, 3).photo, params.load(xdog.params, "styles.xdog")))
    face = CaliSketch("lite").generate(drawn, place=AS_IS)
    middle = face.photo[110:170, 100:156].reshape(-1, 3).mean(0)
    assert middle[0] > middle[2] + 10  # skin is warm
