"""A fresh copy of the repository with params so small that the whole graph runs in about a minute."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli import main

ROOT = Path(__file__).parents[1]
NET = {"generator": {"width": 4, "blocks": 1}, "discriminator": {"width": 4}}
SCHEDULE = {"steps": 3, "log_every_steps": 1, "save_every_steps": 2, "validate_every_steps": 3}
TINY = {
    "demo": {"faces": 12, "size": 256},
    "crop": {"size": 64, "max_rejected": 0.3},
    "pack": {"min_train": 4},
    "train_scn": {"net": NET, "schedule": SCHEDULE},
    "train_isn": {"net": NET, "schedule": SCHEDULE},
    "train_joint": {"schedule": SCHEDULE},
    "baselines": {"pix2pix": {"net": {"width": 4}, "schedule": SCHEDULE}},
    "robustness": {"faces": 2, "strengths_px": [8]},
    "report": {"faces": 2},
    "evaluate": {"sheet_rows": 2},
}


def make_tiny(file: Path) -> None:
    """params.yaml for a run of about a minute."""
    change_params(file, TINY)


def change_params(file: Path, overlay: Mapping[str, Any], new: bool = False) -> None:
    """Values into a params.yaml; `new` ones, too."""
    yaml = YAML()
    params = yaml.load(file.read_text())
    merge(params, overlay, new)
    with file.open("w") as to:
        yaml.dump(params, to)


class Only(dict[str, Any]):
    """Values whose own groups replace those of the same name, instead of being merged into them."""


def merge(target: Any, overlay: Mapping[str, Any], new: bool) -> None:
    for key, value in overlay.items():
        assert new or key in target, key
        if isinstance(overlay, Only):
            target[key] = value
        elif isinstance(value, Mapping) and isinstance(target.get(key), Mapping):
            merge(target[key], value, new)
        else:
            target[key] = value


@dataclass(frozen=True)
class Checkout:
    """One copy, and commands run in it."""

    folder: Path

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "CALI_SKETCH_CACHE": str(self / "cache"), "PYTHONPATH": str(self.folder)}
        return os.environ | own | {"CALI_SKETCH_JOBS": "1"}  # a process more imports all libraries once more

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=self.environment())
        if check:
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done

    def cali(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pipeline", *arguments, check=check)

    def here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in this process: it has the libraries already. The code is the repository's, not the copy's."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setenv("CALI_SKETCH_CACHE", str(self / "cache"))
            patch.setattr("sys.argv", ["cali-sketch", *arguments])
            try:
                main()
                code: Any = 0
            except SystemExit as end:
                code = end.code or 0
        if isinstance(code, str):  # what Python itself does with it
            err.write(f"{code}\n")
        return subprocess.CompletedProcess(
            arguments, 1 if isinstance(code, str) else code, out.getvalue(), err.getvalue()
        )

    @contextmanager
    def edited(self, name: str, text: str) -> Iterator[None]:
        """A file with other contents while the block runs; one that is not there yet is removed again."""
        file = self / name
        before = file.read_bytes() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        try:
            yield
        finally:
            if before is None:
                file.unlink()
            else:
                file.write_bytes(before)

    def planned(self, *options: str) -> set[str]:
        """Stages that `dvc repro` would run."""
        said = self.run("dvc", "repro", "--dry", *options).stdout
        return {line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")}

    def commit(self, message: str, *paths: str) -> None:
        """Everything, or these paths."""
        self.run("git", "add", "-A", "--", *paths)
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message)

    @contextmanager
    def params(self, overlay: Mapping[str, Any], new: bool = False) -> Iterator[None]:
        """params.yaml with other values while the block runs."""
        with self.edited("params.yaml", (self / "params.yaml").read_text()):
            change_params(self / "params.yaml", overlay, new)
            yield


def copy_checkout(folder: Path) -> Checkout:
    """The repository's files as git lists them, tiny params, committed."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for cached in ROOT.glob("pipeline/**/*.nb[ic]"):  # compiled loops, valid as long as the source is as old
        to = folder / cached.relative_to(ROOT)
        to.parent.mkdir(exist_ok=True)
        shutil.copy2(cached, to)
    make_tiny(folder / "params.yaml")
    checkout = Checkout(folder)
    checkout.run("git", "init", "-q")
    checkout.commit("start")
    return checkout
