"""Inception v3 as FID and KID use it, from its published tensors."""

from collections.abc import Mapping
from tempfile import NamedTemporaryFile

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


def inception_fid(tensors: Mapping[str, Tensor]) -> nn.Module:
    """(N, 3, H, W) uint8 -> a tuple with the features (N, 2048). Raises RuntimeError for other tensors."""
    with NamedTemporaryFile(suffix=".pth") as file:  # it reads files only, and would fetch one where none is named
        torch.save(dict(tensors), file.name)
        net: nn.Module = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=file.name
        )
    return net
