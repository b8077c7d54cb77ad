"""A further style and a further system, as docs say: one file and one section each, and nothing else is changed."""

import json
import re
from pathlib import Path

from tiny_checkout import Checkout

from pipeline.core.image_io import read_sketch

SYSTEMS = ("joint", "restored")


def test_nothing_else_was_written(checkout: Checkout) -> None:
    added = checkout.run("git", "diff", "--name-only", "HEAD~2", "HEAD~1").stdout.split()
    assert set(added) == {
        "params.yaml",
        "pipeline/styles/plain_canny.py",
        "pipeline/training/baselines/regression.py",
    }
    assert "plain_canny" in checkout.cali("params").stdout


def test_the_style_is_drawn_simplified_packed_and_learned_from(checkout: Checkout) -> None:
    index = json.loads((checkout / "data/packed/train/index.json").read_text())
    assert {"sketch/plain_canny", "clean/plain_canny"} <= set(index["layers"])
    assert len(list((checkout / "data/styles/plain_canny").glob("*.png"))) > 8
    assert "style@plain_canny" in checkout.run("dvc", "stage", "list").stdout


def test_the_style_is_measured_and_reported(checkout: Checkout) -> None:
    details = (checkout / "data/evaluation/joint/val/details.json").read_text()
    assert "plain_canny" in details
    assert "plain_canny" in (checkout / "data/report/index.html").read_text()
    assert "plain_canny" in checkout.here("summary", "--all").stdout


def test_the_style_is_on_the_command_line(checkout: Checkout) -> None:
    photo = "data/demo/photos/face_000.png"
    checkout.cali("sketch", photo, "--out", "out/drawn", "--style", "plain_canny", "--size", "128")
    assert len(list((checkout / "out/drawn").glob("*plain_canny*.png"))) == 1
    checkout.cali("style", "plain_canny", photo, "--out", "out/whole")
    assert list((checkout / "out/whole").glob("*.png"))


def test_the_system_is_trained_measured_and_reported(checkout: Checkout) -> None:
    assert (checkout / "data/trained/regression/weights.safetensors").exists()
    metrics = json.loads((checkout / "data/evaluation/regression/val/metrics.json").read_text())
    assert metrics
    assert "regression" in (checkout / "data/report/index.html").read_text()
    assert "regression" in checkout.here("summary").stdout
    assert {"baseline@regression", "evaluate@regression"} <= set(
        re.findall(r"^\S+", checkout.run("dvc", "stage", "list").stdout, re.MULTILINE)
    )


def test_a_restorer_is_trained_measured_and_handed_on(checkout: Checkout) -> None:
    scores = [json.loads((checkout / f"data/evaluation/{name}/val/metrics.json").read_text()) for name in SYSTEMS]
    assert scores[0] != scores[1]
    checkout.cali("export", "out/mine.safetensors", "--restorer", "mine")
    sketch = str(next(Path(checkout / "data/styles/xdog").glob("*.png")))
    made = ["--out", "out/made", "--model", "out/mine.safetensors", "--place", "as-is"]
    checkout.cali("generate", sketch, *made)
    assert list((checkout / "out/made").glob("*.photo.png"))


def test_the_style_of_the_docs_is_a_drawing(checkout: Checkout) -> None:
    file = next(Path(checkout / "data/styles/plain_canny").glob("*.png"))
    assert 0.001 < (read_sketch(file) < 0.5).mean() < 0.4
