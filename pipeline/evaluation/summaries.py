"""From the figures of each face to those of all: means, medians where a few faces would rule the mean, fifths."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = dict[str, float | None]

MEDIANS = ("sharpness", "skin_de")  # over faces; all others are means
FIFTHS = {"skin_de_darkest": 0, "skin_de_lightest": -1}  # name -> fifth of the faces by the true skin's lightness
UNSUMMED = ("skin_light",)  # tells of the photo alone


class Columns:
    """The figures of every face that passed by: a number each, its pictures gone."""

    def __init__(self) -> None:
        self.n, self.of = 0, dict[str, "array[float]"]()

    def add(self, scores: Iterable[Mapping[str, float]]) -> None:
        for one in scores:
            self.n += 1
            for key, value in one.items():
                self.of.setdefault(key, array("d")).append(value)

    def summary(self) -> Scores:
        """With N; means and MEDIANS over faces, then skin by fifths."""
        found: Scores = {"n": self.n}
        for key, values in self.of.items():
            if key not in UNSUMMED:
                found[key] = float(np.median(values) if key in MEDIANS else np.mean(values))
        return found | self._fifths()

    def _fifths(self) -> Scores:
        """Median ΔE of the darkest and of the lightest fifth; how much too light the darkest is made, median L*."""
        if "skin_light" not in self.of:
            return {}
        light, off, lighter = (np.asarray(self.of[key]) for key in ("skin_light", "skin_de", "skin_lighter"))
        parts = fifths(light)
        found: Scores = {name: float(np.median(off[parts[place]])) for name, place in FIFTHS.items()}
        return found | {"skin_lighter_darkest": float(np.median(lighter[parts[0]]))}


def fifths(values: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Which faces are in each fifth from the lowest value up, at least one in each; with fewer than five they share."""
    order = np.argsort(values, kind="stable")
    size = -(-len(order) // 5)
    starts = np.linspace(0, len(order) - size, 5).round().astype(int)
    return [order[start : start + size] for start in starts]


def mean_of(styles: Sequence[Scores]) -> Scores:
    """Means over styles of what was computed, medians too; n: of one style."""
    keys = dict.fromkeys(key for scores in styles for key in scores if key != "n")
    known = {key: [value for scores in styles if (value := scores.get(key)) is not None] for key in keys}
    return {"n": styles[0]["n"]} | {key: float(np.mean(values)) if values else None for key, values in known.items()}


def rounded(styles: Mapping[str, Scores]) -> dict[str, Scores]:
    """To six digits."""
    return {
        style: {key: value if value is None or key == "n" else float(f"{value:.6g}") for key, value in scores.items()}
        for style, scores in styles.items()
    }
