"""A whole system of tiny untrained nets in a weights file, told a level and a style, with more nets if asked."""

from pathlib import Path

import torch

from pipeline.training.checkpoint import both_nets, prefixed, save_tensors
from pipeline.training.nets import CompactParams, ModulatedParams, RestoringParams, StyledParams, make_generator

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
COMPLETER = CompactParams("compact", width=4, blocks=1, spectral=False, code=0)
RESTORER = RestoringParams("restoring", width=4, blocks=1, spectral=False)


def write_system(path: Path, seed: int = 0, restored: bool = False, completed: bool = False, **card: object) -> None:
    """An untrained system whose level and style matter; `restored`, `completed`: and such a net."""
    torch.manual_seed(seed)
    nets = {"scn": make_generator(SCN, (1, 1)), "isn": make_generator(ISN, (1, 3))}
    for net in nets.values():
        for name, value in net.named_parameters():
            if "by_code" in name:
                torch.nn.init.normal_(value, 0, 0.5)
    torch.nn.init.normal_(nets["isn"].encoder.head.weight, 0, 0.3)
    tensors, params = both_nets(**nets), {"scn": SCN, "isn": ISN}
    if restored:
        net = make_generator(RESTORER, (3, 3))
        torch.nn.init.normal_(net.head.weight, 0, 0.2)
        tensors, params = tensors | prefixed("restorer/g/", net.state_dict()), params | {"restorer": RESTORER}
    if completed:
        completer = make_generator(COMPLETER, (1, 1))
        torch.nn.init.normal_(completer.head.weight, 0, 0.5)
        tensors = tensors | prefixed("completer/g/", completer.state_dict())
        params = params | {"completer": COMPLETER}
    about = {"size": SIZE, "params": {name: {"net": {"generator": vars(of)}} for name, of in params.items()}}
    save_tensors(path, tensors, about | card)
