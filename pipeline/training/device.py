"""On what a network is trained, and in which precision: how fast, never what."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric

from pipeline.core.devices import pick_device

CPU_BF16 = ("avx512_bf16", "amx_bf16")  # instructions that make bf16 faster than fp32


@dataclass(frozen=True)
class Device:
    """How fast, never what: `device` as Lightning names accelerators (auto, cpu, cuda), `precision` likewise.

    Under torchrun every process takes one device, or on the CPU its share of the work.
    """

    device: str
    precision: str  # "32-true", "bf16-mixed", ...; auto: bf16-mixed where the device computes in bf16
    compile: bool = False

    def __post_init__(self) -> None:
        pick_device(self.device)

    def fabric(self) -> Fabric:
        """The launched Fabric of this process."""
        here, all_of_them = (int(os.environ.get(key, 1)) for key in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
        kind, _, number = self.device.partition(":")
        fabric = Fabric(
            accelerator=kind,
            devices=[int(number)] if number else here,
            num_nodes=all_of_them // here,
            strategy="ddp" if all_of_them > 1 else "auto",
            precision=self.chosen_precision(),  # type: ignore[arg-type]
        )
        fabric.launch()
        return fabric

    def chosen_precision(self) -> str:
        """What `auto` stands for here."""
        if self.precision != "auto":
            return self.precision
        cuda = self.device.startswith("cuda") or (self.device == "auto" and torch.cuda.is_available())
        able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
        return "bf16-mixed" if cuda or any(able.get(name) for name in CPU_BF16) else "32-true"
