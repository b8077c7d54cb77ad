"""The drawing styles. A style is one module of this folder, which ends with `STYLE`, and its section of params.yaml."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pipeline.core.allowed import OneOf
from pipeline.core.lazy_table import LazyTable
from pipeline.core.polarity import Photo, Sketch


@dataclass(frozen=True)
class Style:
    """One row of STYLES."""

    params: type  # dataclass of params.yaml's section styles.NAME
    draw: Callable[[Photo, Any], Sketch]  # (H, W, 3) -> (H, W)
    nets: Callable[[Any], bool] = lambda params: False  # whether a net draws


STYLES: LazyTable[Style] = LazyTable("style", "pipeline.styles", "STYLE")
StyleName = Annotated[str, OneOf(lambda: STYLES)]
