"""The device that a user asked for, checked before any work."""

from typing import TYPE_CHECKING

from pipeline.core.errors import UserError

if TYPE_CHECKING:  # commands that only name a device start without torch
    import torch

KINDS = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str) -> "torch.device":
    """auto (a GPU where there is one), cpu, cuda, cuda:N or mps. Raises UserError for what is not here."""
    import torch

    kind, _, number = name.partition(":")
    if kind not in KINDS or (number and not (kind == "cuda" and number.isdecimal())):
        raise UserError(f"--device {name}: there are {', '.join(KINDS)} and cuda:N")
    count = torch.cuda.device_count()
    if kind == "cuda" and count <= int(number or 0):
        raise UserError(f"--device {name}: torch finds {count} CUDA devices here; --device auto takes what there is")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: torch finds no such device here; --device auto takes what there is")
    if kind == "auto":
        return torch.device("cuda" if count else "cpu")
    return torch.device(name)
