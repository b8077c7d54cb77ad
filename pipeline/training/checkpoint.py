"""Weights that last (safetensors with a JSON header) and the state that lets a killed run go on.

A run's state lies outside the outs, in $CALI_SKETCH_CACHE or ~/.cache/cali-sketch, under a key made of
its params, data and code: the same run finds it again, from any workspace; a changed run starts afresh.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.state import state_folder


class CheckpointError(UserError):
    """A weights or state file that is missing, cut short or of another net."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Tensors and their JSON description in one file, written atomically."""
    plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    write_bytes(path, save(plain, metadata={"about": json.dumps(about)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_tensors` wrote. Raises CheckpointError for a missing, foreign or cut file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: missing; train first (dvc repro) or name another folder") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not whole ({error}); delete it and run the training stage again") from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments of an optimizer, "INDEX/SLOT"."""
    slots = optimizer.state_dict()["state"].items()
    return {f"{index}/{key}": torch.as_tensor(value) for index, of in slots for key, value in of.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`."""
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, slot = key.split("/")
        slots.setdefault(int(index), {})[slot] = _laid_out_as(parameters[int(index)], value)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """Moments in the memory layout of their parameter: fused Adam walks both as flat memory."""
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value) if value.shape == parameter.shape else value


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in tensors.items()}


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Inverse of `prefixed`, of what has that prefix."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def both_nets(scn: nn.Module, isn: nn.Module) -> dict[str, Tensor]:
    """Tensors of generators, named as a joint system's file names them."""
    return prefixed("scn/g/", scn.state_dict()) | prefixed("isn/g/", isn.state_dict())


def run_key(params: Any, data_digest: str, files: Sequence[Path]) -> str:
    """Hash of all that decides a run's result; `files`: the code it is made of and the weights it reads."""
    digest = hashlib.sha256(f"{params!r}\n{data_digest}\n{torch.__version__}\n".encode())
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def tensors_digest(starts: Mapping[str, Mapping[str, Tensor]]) -> str:
    """Of several nets, for `run_key`."""
    digest = hashlib.sha256()
    for name, tensors in sorted(starts.items()):
        for key, value in sorted(tensors.items()):
            digest.update(f"{name}/{key}".encode() + value.numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Resume:
    """The state of one unfinished run."""

    folder: Path
    writes: bool = True  # of several processes the first alone does
    made_on: str = ""  # device, precision, number of processes: elsewhere a run goes on, but not to the same bytes

    @property
    def file(self) -> Path:
        return self.folder / "state.safetensors"

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Replace the state, in one piece. Raises UserError for a tensor that is not finite: the state stays."""
        bad = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
        if bad:
            raise UserError(f"training: {bad[0]} is not finite at step {about['step']}; the last state stays")
        if self.writes:
            try:
                save_tensors(self.file, tensors, {**about, "made_on": self.made_on})
            except OSError as error:
                raise UserError(f"training: {self.file}: {error.strerror}; the state saved before stays") from error

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What `save` wrote last; None where it never did."""
        return load_tensors(self.file) if self.file.exists() else None


def resume_path(key: str) -> Path:
    """Where the state of a run lies."""
    return state_folder() / "resume" / key


@contextmanager
def resume_folder(key: str) -> Iterator[Resume]:
    """The run's state folder, locked while the block runs and removed when it ends well.

    Raises UserError where another process trains the very same run.
    """
    folder = resume_path(key)
    with locked(folder / "lock", f"{folder}: another process trains this very run"):
        yield Resume(folder)
        rmtree(folder)


@contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """Hold a lock file. Raises UserError that begins with `taken` where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"{taken}; wait for it or stop it") from error
    try:
        yield
    finally:
        lock.release()


def workspace_lock(folder: Path) -> Path:
    """The lock file of what trains into `folder`; outside of it, where DVC does not look."""
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:32]
    return state_folder() / "workspaces" / f"{name}.lock"
