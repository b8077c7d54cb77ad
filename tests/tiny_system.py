"""A whole system of tiny untrained nets in a weights file, told a level and a style."""

from pathlib import Path

import torch

from pipeline.training.checkpoint import both_nets, save_tensors
from pipeline.training.nets import ModulatedParams, StyledParams, make_generator

CODE, SIZE = 6, 64
OPTIONS = {
    "width": 4,
    "blocks": 1,
    "dilation": 2,
    "norm": "pixel",
    "up": "resize",
    "padding": "zeros",
    "spectral": False,
}
SCN = ModulatedParams("modulated", **OPTIONS, code=1)
ISN = StyledParams("styled", **OPTIONS, code=CODE, dropped=0.5)


def write_system(path: Path, seed: int = 0, **card: object) -> None:
    """An untrained system whose level and style matter."""
    torch.manual_seed(seed)
    nets = {"scn": make_generator(SCN, (1, 1)), "isn": make_generator(ISN, (1, 3))}
    for net in nets.values():
        for name, value in net.named_parameters():
            if "by_code" in name:
                torch.nn.init.normal_(value, 0, 0.5)
    torch.nn.init.normal_(nets["isn"].encoder.head.weight, 0, 0.3)
    about = {"size": SIZE, "params": {k: {"net": {"generator": vars(p)}} for k, p in {"scn": SCN, "isn": ISN}.items()}}
    save_tensors(path, both_nets(**nets), about | card)
