"""Cali-Sketch: from face photos to human-like sketches, trained nets and metrics; from a drawn face to a photo.

`CaliSketch` and `Face` are what programs use; they are loaded when first asked for, to start fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.apps.cali_sketch import CaliSketch
    from pipeline.apps.faces import Face

__all__ = ["CaliSketch", "Face"]
HOMES = {"CaliSketch": "pipeline.apps.cali_sketch", "Face": "pipeline.apps.faces"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(HOMES[name]), name)
