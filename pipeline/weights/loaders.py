"""Weight files -> nets that run."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.batching import ask
from pipeline.core.polarity import unit_tensor
from pipeline.weights.registry import WEIGHTS, WeightsError, weight_file
from pipeline.weights.tensors import load_tensors

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import nn

    from models.helpers.lpips import Lpips


def net(name: str, **options: str) -> "nn.Module":
    """The net of a weight file, ready to run; options are its converter's. Raises WeightsError."""
    return read_net(name, weight_file(name), **options)


def read_net(name: str, path: Path, **options: str) -> "nn.Module":
    """The same from a given file."""
    convert = WEIGHTS[name].convert
    assert convert is not None, name
    try:
        return convert(load_tensors(path), **options).eval()
    except (ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: not the weights of {name}: {' '.join(str(error).split())[:200]}") from error


def lpips(trunk: str = "squeezenet") -> "Lpips":
    """Distance of photos in the features of a trunk, "squeezenet" or "squeezenet_caffe". Raises WeightsError."""
    from models.helpers.lpips import Lpips

    return Lpips(net(trunk), net("lpips_linear")).eval()


GPU_BATCH = 16  # pictures at once, on a GPU


def at_once(nets: bool) -> int:
    """How many pictures to work on side by side: more than one where `nets` draw them and there is a GPU."""
    if not nets:
        return 1
    import torch

    return GPU_BATCH if torch.cuda.is_available() else 1


@cache
def runner(name: str) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """A net that draws, as a function of one picture, on the GPU where there is one. Raises WeightsError.

    Photo (H, W, 3) or Sketch (H, W) -> (H, W) in [0, 1].
    """
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = net(name).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(pictures: NDArray[Any]) -> NDArray[np.float32]:
        images = torch.from_numpy(np.array(pictures)).to(device)
        images = unit_tensor(images.permute(0, 3, 1, 2)) if pictures.ndim == 4 else images[:, None]
        drawn: torch.Tensor = found(images.contiguous(memory_format=torch.channels_last))
        sketches: NDArray[np.float32] = drawn[:, 0].float().cpu().numpy()
        return sketches

    return partial(ask, run)
