"""Weight files -> nets that run."""

from pathlib import Path
from typing import TYPE_CHECKING

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
