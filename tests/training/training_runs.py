"""Not a test: training in processes of their own, for test_reliability.py."""

import itertools
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import baseline_params as baselines
import test_training as tiny
from test_training import CPU, ISN, JOINT, SCN

import pipeline.core.files
from pipeline.training import checkpoint, isn, joint, scn
from pipeline.training.trainers import train_stage

TRAINERS: dict[str, Any] = {"scn": scn.Scn, "isn": isn.Isn, "joint": joint.Joint}
R1 = replace(SCN.loss, adversarial=replace(SCN.loss.adversarial, r1=0.1, r1_every_steps=4))
EMA = {"optimizer": replace(tiny.OPTIMIZER, ema=0.9)}
RUNS: dict[str, Callable[[Path], None]] = {
    "scn": lambda data: scn.run(replace(SCN, loss=R1, **EMA), data, CPU),
    "isn": lambda data: isn.run(replace(ISN, **EMA), data, CPU),
    "joint": lambda data: joint.run(SCN, ISN, replace(JOINT, **EMA), data, CPU),
}

SHARED = {  # a batch that two processes share; no statistics of a batch, and no chance but that of the whole batch
    "pix2pix": replace(
        baselines.PIX2PIX, batch=2, net=replace(baselines.PIX2PIX.net, norm="instance", dropout=0.0), at_test="eval"
    ),
    "cyclegan": replace(baselines.CYCLEGAN, batch=2, pool=0),
    "munit": replace(baselines.MUNIT, batch=2),
    "drit": replace(baselines.DRIT, batch=4),
    "deepfacedrawing": baselines.DEEPFACEDRAWING,
}


def train_baseline(name: str, data: Path) -> None:
    train_stage(name, baselines.ROWS[name][0].TRAINER, {f"baselines.{name}": SHARED[name]}, data, CPU)


class Halting:
    """A file that is half written when `event` happens."""

    def __init__(self, file: Any, event: Callable[[], None]) -> None:
        self.file, self.event = file, event

    def __enter__(self) -> "Halting":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.event()
        self.file.write(data[len(data) // 2 :])


def watch(stage: str, event: Callable[[], None]) -> None:
    """Let `event` happen before and after each step, within each write and around each renaming."""

    def around(function: Callable) -> Callable:
        def watched(*args: Any, **named: Any) -> Any:
            event()
            result = function(*args, **named)
            event()
            return result

        return watched

    TRAINERS[stage].step = around(TRAINERS[stage].step)
    pipeline.core.files.open = lambda *args: Halting(open(*args), event)  # noqa: SIM115
    pipeline.core.files.os.replace = around(os.replace)
    checkpoint.save = around(checkpoint.save)


def in_child(work: Callable[[], None]) -> int:
    """How a forked process that does `work` ended: as os.waitpid tells."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def counted(stage: str, data: Path, count: Path) -> None:
    events = itertools.count()
    watch(stage, lambda: count.write_text(str(next(events))) and None)
    RUNS[stage](data)


def killed(stage: str, data: Path, at: int) -> None:
    events = itertools.count()
    watch(stage, lambda: os.kill(os.getpid(), signal.SIGKILL) if next(events) == at else None)
    RUNS[stage](data)


def outputs(data: Path, stage: str) -> dict[str, bytes]:
    folder = data / "trained" / stage
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kill(data: Path, points: int) -> dict[str, list[int]]:
    """Kill each stage at so many points and let it go on; returns the points after which its files differ."""
    different: dict[str, list[int]] = {}
    for stage in RUNS:
        count = data.parent / "count"
        assert in_child(lambda stage=stage, count=count: counted(stage, data, count)) == 0
        whole, last = outputs(data, stage), int(count.read_text())
        different[stage] = []
        for at in sorted(random.Random(stage).sample(range(last + 1), points)):
            ended = in_child(lambda stage=stage, at=at: killed(stage, data, at))
            assert os.WIFSIGNALED(ended), (stage, at, ended)
            assert in_child(lambda stage=stage: RUNS[stage](data)) == 0, (stage, at)
            different[stage] += [at] if outputs(data, stage) != whole else []
    return different


def main() -> None:
    command, data = sys.argv[1], Path(sys.argv[2])
    if command == "kill":
        print(json.dumps(kill(tiny.write_data(data), int(sys.argv[3]))))
    else:
        for stage in sys.argv[3:]:
            RUNS[stage](data) if stage in RUNS else train_baseline(stage, data)


if __name__ == "__main__":
    main()
