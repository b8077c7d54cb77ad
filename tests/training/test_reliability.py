"""Training that is killed, stopped, doubled, spread over processes or out of disk."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_training import write_data

from pipeline.training.checkpoint import load_tensors

STEPS, RATE = 6, 1e-3  # of test_training's params: no weight can be further off
RUNNER = Path(__file__).with_name("training_runs.py")
TWO = ("-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone")  # processes


def run(*command: str, cache: Path, **env: str) -> subprocess.CompletedProcess:
    checkout = os.pathsep.join(str(RUNNER.parents[up]) for up in (2, 1))
    settings = os.environ | {"CALI_SKETCH_CACHE": str(cache), "PYTHONPATH": checkout, "OMP_NUM_THREADS": "1"} | env
    return subprocess.run([sys.executable, *command], env=settings, capture_output=True, text=True)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("points", ["5", pytest.param("20", marks=pytest.mark.slow)])
def test_kill_9_anywhere_in_a_stage_changes_no_byte(tmp_path: Path, points: str) -> None:
    done = run(str(RUNNER), "kill", str(tmp_path / "data"), points, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"scn": [], "isn": [], "joint": []}


def history(folder: Path) -> np.ndarray:
    with (folder / "history.csv").open() as file:
        return np.array([[float(v or "nan") for v in row.values()] for row in csv.DictReader(file)])


@pytest.mark.usefixtures("patience")
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Same global batch; the losses are those of one process, and of two only the first writes."""
    write_data(tmp_path / "one")
    write_data(tmp_path / "two")
    alone = run(str(RUNNER), "train", str(tmp_path / "one"), "scn", "isn", "joint", cache=tmp_path / "c1")
    assert alone.returncode == 0, alone.stderr[-2000:]
    both = run(*TWO, str(RUNNER), "train", str(tmp_path / "two"), "scn", "isn", "joint", cache=tmp_path / "c2")
    assert both.returncode == 0, both.stderr[-2000:]
    for stage in ("scn", "isn", "joint"):
        one, two = (tmp_path / name / "trained" / stage for name in ("one", "two"))
        alike, expected = history(two), history(one)
        np.testing.assert_allclose(alike[:1], expected[:1], rtol=1e-3, atol=1e-5)
        rtol = 0.25 if stage == "joint" else 1e-3  # what two such trainings differ by grows with every step
        np.testing.assert_allclose(alike, expected, rtol=rtol, atol=1e-5)
        a, b = (load_tensors(folder / "weights.safetensors")[0] for folder in (one, two))
        assert a.keys() == b.keys()
        off = np.concatenate([(a[key].float() - b[key].float()).abs().flatten().numpy() for key in a])
        # Adam takes a whole step where a gradient is near to nothing; joint starts from two such trainings
        assert np.quantile(off, 0.99) < (4 * RATE if stage == "joint" else 1e-4), stage
        assert off.max() < 2 * STEPS * RATE, stage
        assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
