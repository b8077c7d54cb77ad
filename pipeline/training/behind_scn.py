"""A baseline as the second stage of ours: trained on the true Canny ⊙ HED, it reads what the SCN drew."""

import torch

from pipeline.apps.system import refined
from pipeline.apps.torch_nets import load_net
from pipeline.core.layout import Layout
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.training.translation import Opened, Pixels, Strokes


def behind_scn(draw: Opened, layout: Layout, device: torch.device) -> Opened:
    """The baseline with the SCN of data/trained/scn before it, whose strokes (N, S, S), 1 = ink, are handed on too."""
    scn = load_net(layout, "scn", device)

    def both(sketches: Pixels) -> tuple[Pixels, Strokes | None]:
        strokes = refined(scn, sketches)
        return draw(to_uint8(sketch_of(strokes)))[0], strokes

    return both
