"""Which sample comes when, every one once before any twice; and what is drawn for it by numbers of its own."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def nth_sample(seed: int, count: int, items: int) -> int:
    """Which of `items` is the `count`-th sample: every one comes once before any comes twice, in a new order."""
    epoch, position = divmod(count, items)
    return int(_order(seed, epoch, items)[position])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, items: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, 0x0E90C4]).permutation(items)


def generator_of(numbers: Tensor) -> np.random.Generator:
    """A sample's numbers (k) in [0, 1) -> what is drawn by them, the same on every device."""
    return np.random.default_rng((numbers.double().cpu().numpy() * 2**32).astype(np.uint32).tolist())
