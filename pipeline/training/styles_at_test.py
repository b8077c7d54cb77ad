"""Codes that photos are made with where a drawing has many: drawn from stored seeds, the same for all drawings."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from pipeline.core.allowed import Items, Seed

TestSeeds = Annotated[tuple[Seed, ...], Items()]  # of several photos a drawing; the first is measured


def code_of_seed(seed: int, size: int, like: Tensor) -> Tensor:
    """N(0, 1) from a seed: (1, size), where `like` is. The same on every machine."""
    return torch.randn(1, size, generator=torch.Generator().manual_seed(seed)).to(like)


def told_all(seed: int, size: int, images: Tensor) -> Tensor:
    """One seed's code for each of (N, ...): (N, size)."""
    return code_of_seed(seed, size, images).expand(len(images), -1)


def named(seeds: Sequence[int], made: Sequence[Tensor]) -> dict[str, Tensor]:
    """Columns of a sample sheet: a photo of each seed."""
    return {f"seed {seed}": photo for seed, photo in zip(seeds, made, strict=True)}
