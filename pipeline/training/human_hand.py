"""What amateurs do to a drawing, done to the packed ones as they are trained on.

Features left out, symbols in their place, wrong proportions, lines that wander, other pens, hatching, parts erased:
each has its own number in section `hand` and its own random numbers, so that switching one on changes nothing else.
With a level (the refinement of DeepPS, Yang et al. 2020) all are in proportion to it, and the net is told. So a drawing
would tell its level by itself; with `stays` it does not: the hand does what it does at every level, and what changes
with the level is the target. At 0 it is what was drawn: no line more, none less, each where the drawing has it. At
USUAL_LEVEL it has every line of the face and no other, still where the drawing has them; at 1 in their true places.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipeline.core.allowed import Pixels, Range, Share
from pipeline.core.dataset import Split
from pipeline.core.errors import UserError
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.params import require
from pipeline.drawing.face_prior import Eyes
from pipeline.training.face_map import BROWS, EARS, EYES, JAW, LIDS, MOUTH, NOSE, NOSTRILS, PUPILS, Box, FaceMap
from pipeline.training.symbols import SYMBOLS, symbols

STREAM = 0x4A4D  # of the random numbers: none else of a batch changes with the hand
LEFT_OUT: tuple[tuple[tuple[Box, ...], float], ...] = (  # ours: how often beside the most often
    (PUPILS, 1.0),
    (LIDS, 0.6),
    *(((eye,), 0.3) for eye in EYES),
    *(((brow,), 0.6) for brow in BROWS),
    ((NOSTRILS,), 0.8),
    ((NOSE,), 0.3),
    ((MOUTH,), 0.3),
    *(((ear,), 0.8) for ear in EARS),
    ((JAW,), 0.4),
)
MOVED = (*EYES, *BROWS, NOSE, MOUTH, JAW)
PLACED = (("eye", EYES[0], 0.42), ("eye", EYES[1], 0.42), ("nose", NOSE, 0.42), ("mouth", MOUTH, 0.56))  # half side
OCTAVES = ((5, 0.75), (12, 0.25))  # of what wanders: knots a side, share of the reach
HELD_PX = 5  # ours: within which a true line and a drawn one are the same, at a 256-px face
FAINT, DARK = 0.15, 2.4  # ours: drawn lines stand for true ones with their ink less the paper's, times so much
WIDEST_PX = 2.5  # ours: by which a thick pen's line grows to either side, at a 256-px face
PENS = ("thick", "thin", "light", "dark")
PATCHES = 3  # at most
FINER = 4096  # ours: the digits of a level below 1/4096 are as good as another number
DRAWS = {  # how many random numbers each takes
    "level": 1,
    "kind": 1,
    "symbols": 4 * len(SYMBOLS),
    "left_out": len(LEFT_OUT) + 2,
    "hair": 64,
    "proportions": 4 * len(MOVED),
    "wander_px": 2 * sum(knots**2 for knots, _ in OCTAVES),
    "pens": 3,
    "pressure": 36,
    "hatching": 7,
    "erased": 2 + 3 * PATCHES,
}
Draws = dict[str, Tensor]  # name -> (N, numbers) in [0, 1)


@dataclass(frozen=True)
class HandParams:
    """Section `hand`. Chances are those of a drawing; 0: never."""

    level: Share  # levels are drawn evenly from 0 to this, and all below goes times them; 0: as it stands, none is told
    symbols: Share  # chance that the eyes, the nose, the mouth are symbols
    left_out: Share  # chance of what is left out most often, the pupils; the others are in proportion
    proportions: Annotated[float, Range(least=0, most=0.5)]  # most that a feature's size and place are wrong, of it
    wander_px: Pixels  # furthest that lines are displaced, smoothly, at a 256-px face
    pens: Share  # chance of another pen: thick, thin, light or dark
    hatching: Share  # chance of a hatched patch
    erased: Share  # chance of one to three erased patches, an eighth to a quarter of the side
    stays: Share  # how far what is learnt stays with the drawing at level 0; 0: it is true at all levels

    def __post_init__(self) -> None:
        require(not self.stays or self.level > 0, "level above 0 where stays is")

    def works(self) -> bool:
        """Whether anything is done or told."""
        return any(getattr(self, field.name) for field in fields(self))


def eyes_of(made_with: Mapping[str, Any]) -> Eyes:
    """Where crop put the eyes of packed faces, by what it wrote. Raises UserError where it wrote nothing."""
    try:
        crop = made_with["photo"]
        return Eyes(crop["eye_y"], crop["eye_distance"])
    except KeyError as error:
        raise UserError(f"training: hand: the packed data does not tell {error}; run: dvc repro pack") from error


def random_numbers(seed: int, step: int, count: int) -> NDArray[np.float32]:
    """(count, numbers) in [0, 1), the same for a seed and a step whatever is switched on."""
    return np.random.default_rng([seed, step, STREAM]).random((count, sum(DRAWS.values())), np.float32)


def named(table: Tensor) -> Draws:
    """What `random_numbers` drew, on any device, by what takes it."""
    return dict(zip(DRAWS, table.split(list(DRAWS.values()), 1), strict=True))


def watched(params: HandParams | None, split: Split, step: int, count: int) -> dict[str, Tensor]:
    """What a batch of complete drawings of val has besides, where there is a hand.

    erased (N, 1, S, S): patches that may be erased, 1 = gone; level (N, 1), where levels are told.
    """
    if params is None or not params.works():
        return {}
    draws = named(torch.from_numpy(random_numbers(0, step, count)))
    always = torch.ones_like(draws["level"])
    patches = Hand(params, eyes_of(split.made_with), split.size, torch.device("cpu")).erased(draws, always)
    return {"erased": patches} | ({"level": USUAL_LEVEL * always} if params.level else {})


class Hand:
    """Strokes (N, 1, S, S), 1 = ink, of aligned crops -> the same as an amateur draws them."""

    def __init__(self, params: HandParams, eyes: Eyes, side: int, device: torch.device) -> None:
        self.params, self.face, self.scale = params, FaceMap.of(eyes, side, device), side / 256
        self.out = [self.face.boxes(boxes).amax(1, keepdim=True) for boxes, _ in LEFT_OUT]
        self.rates = torch.tensor([rate for _, rate in LEFT_OUT] + [1.0, 1.0], device=device)  # neck and hair besides
        self.reach = self.face.reaches(MOVED)
        self.moved = torch.tensor([[box.u, box.v, box.width, box.height] for box in MOVED], device=device).T
        self.rooms = [self.face.boxes([box], 1.15) for _, box, _ in PLACED]

    def levels(self, draws: Any) -> Any:
        """How far each drawing goes, (N, 1) in [0, 1], of its random numbers; 1 for all where no levels are told."""
        return draws["level"] * self.params.level if self.params.level else torch.ones_like(draws["level"])

    def __call__(self, strokes: Tensor, draws: Draws) -> Tensor:
        params, level = self.params, self.extent(draws)
        if params.symbols:
            strokes = self._symbols(strokes, draws["symbols"], params.symbols * level)
        if params.left_out:
            strokes = strokes * self._kept(draws, params.left_out * level)
        if params.proportions or params.wander_px:
            strokes = self._moved(strokes, self._flow(draws, level))
        if params.pens:
            strokes = self._pens(strokes, draws, level)
        if params.hatching:
            strokes = torch.maximum(strokes, self._hatching(draws["hatching"], params.hatching * level))
        if params.erased:
            strokes = strokes * (1 - self.erased(draws, params.erased * level))
        return strokes

    def stay(self, layers: Tensor, draws: Draws) -> Tensor:
        """What is learnt of complete drawings, (N, C, S, S), moved with them as far as the level lets it stay."""
        if not (self.params.proportions or self.params.wander_px):
            return layers
        share = self.params.stays * ((1 - self.levels(draws)) / (1 - USUAL_LEVEL)).clamp(0, 1)
        return self._moved(layers, share[..., None, None] * self._flow(draws, self.extent(draws)), "reflection")

    def hold(self, lines: Tensor, drawn: Tensor, draws: Draws) -> Tensor:
        """True lines (N, C, S, S), 1 = ink, less those that are not drawn and with those that are drawn alone.

        `drawn` (N, 1, S, S): the hand's drawing. As far as the level lets them; from USUAL_LEVEL on they are as given.
        """
        share = self.params.stays * (1 - self.levels(draws) / USUAL_LEVEL).clamp(0, 1)[..., None, None]
        side = 2 * max(1, round(HELD_PX * self.scale)) + 1
        dark = (DARK * (drawn - FAINT)).clamp(0, 1)
        near_drawn, near_true = (F.max_pool2d(ink, side, 1, side // 2) for ink in (dark, lines))
        return torch.maximum(lines * (1 - share * (1 - near_drawn)), share * dark * (1 - near_true))

    def extent(self, draws: Any) -> Any:
        """How much the hand does, (N, 1): as the level; whatever the level where the target stays."""
        return (FINER * draws["level"]) % 1 if self.params.stays else self.levels(draws)

    def erased(self, draws: Draws, chance: Tensor) -> Tensor:
        """Soft patches (N, 1, S, S) in [0, 1], 1 = erased."""
        table = draws["erased"]
        count = 1 + (PATCHES * table[:, 1:2]).floor()
        numbers = table[:, 2:].unflatten(1, (PATCHES, 3))
        there = (table[:, :1] < chance) & (torch.arange(PATCHES, device=table.device) < count)
        half = self.face.side / self.face.unit_px / 2 * (1 + numbers[..., 2]) / 8
        u, v, half = 2.2 * numbers[..., 0] - 1.1, 2.5 * numbers[..., 1] - 0.9, half
        patches = self.face.rounded(*(x[..., None, None] for x in (u, v, half, half)))
        return (patches * there[..., None, None]).amax(1, keepdim=True)

    def _symbols(self, strokes: Tensor, table: Tensor, chance: Tensor) -> Tensor:
        numbers = table.unflatten(1, (len(SYMBOLS), 4))
        for (name, box, half), room in zip(PLACED, self.rooms, strict=True):
            of = numbers[:, list(SYMBOLS).index(name)]
            there = (of[:, :1] < chance)[..., None, None]
            strokes = torch.where(there, strokes * (1 - room), strokes)
            strokes = torch.maximum(strokes, self._symbol(name, box, half, of) * there)
        return strokes

    def _symbol(self, name: str, box: Box, half: float, of: Tensor) -> Tensor:
        """(N, 1, S, S): one of the feature's symbols each, its size and height varied; the right eye's is mirrored."""
        side = max(4, round(2 * half * self.face.unit_px))
        known = torch.from_numpy(symbols(name, side, self.scale)).to(of.device)
        chosen = known[(of[:, 1] * len(known)).long()][:, None]
        size = half * (0.85 + 0.3 * of[:, 2, None, None])
        across = (self.face.u[0] - box.u) / size * (-1 if box.u > 0 else 1)
        down = (self.face.v[0] - box.v - 0.16 * (of[:, 3, None, None] - 0.5)) / size
        grid = torch.stack(torch.broadcast_tensors(across, down), -1)
        return F.grid_sample(chosen, grid, "bilinear", "zeros", align_corners=False)

    def _kept(self, draws: Draws, chance: Tensor) -> Tensor:
        """What is not left out: (N, 1, S, S) in [0, 1]."""
        out = (draws["left_out"] < chance * self.rates).float()[..., None, None]
        kept = torch.ones_like(out[:, :1])
        for i, mask in enumerate(self.out):
            kept = kept * (1 - out[:, i : i + 1] * mask)
        around, low = self.face.outside_face(), self.face.v > 0.9
        strands = (4 * _smooth(draws["hair"], self.face.side)).clamp(0, 1)
        kept = kept * (1 - out[:, -2:-1] * around * low)
        return kept * (1 - out[:, -1:] * around * (self.face.v < 0.5) * strands)

    def _flow(self, draws: Draws, level: Tensor) -> Tensor:
        """Features of wrong size at wrong places, and all lines wandering: (N, 2, S, S), 2 is the side.

        Where each pixel comes from, less where it is.
        """
        shift = torch.zeros(len(level), 2, self.face.side, self.face.side, device=level.device)
        if self.params.proportions:
            shift = shift + 2 * self.face.unit_px / self.face.side * self._misplaced(draws["proportions"], level)
        if self.params.wander_px:
            parts = draws["wander_px"].split([2 * knots**2 for knots, _ in OCTAVES], 1)
            fields_of = [part.unflatten(1, (2, -1)) for part in parts]
            smooth = sum(w * _smooth(f, self.face.side) for f, (_, w) in zip(fields_of, OCTAVES, strict=True))
            reach = 2 * self.params.wander_px / 256 * level[..., None, None]
            shift = shift + reach * torch.as_tensor(smooth).clamp(-1, 1)
        return shift

    def _moved(self, layers: Tensor, flow: Tensor, border: str = "zeros") -> Tensor:
        """Layers (N, C, S, S) along a flow, taken once from what they were."""
        along = (torch.arange(self.face.side, device=layers.device) * 2 + 1) / self.face.side - 1
        place = torch.stack(torch.meshgrid(along, along, indexing="xy"))
        grid = (place + flow).permute(0, 2, 3, 1)
        return F.grid_sample(layers, grid, "bicubic", border, align_corners=False).clamp(0, 1)

    def _misplaced(self, table: Tensor, level: Tensor) -> Tensor:
        """Where each pixel comes from, less where it is: (N, 2, S, S) in distances of the pupils."""
        signed = 2 * table.unflatten(1, (4, len(MOVED))) - 1
        wrong = self.params.proportions * level[..., None] * (signed.sign() + 2 * signed) / 3
        scale = 1 / (1 + wrong[:, :2]) - 1
        moved = 2 * self.moved[2:] * wrong[:, 2:]
        shifts = []
        for axis, at in enumerate((self.face.u, self.face.v)):
            off = (at - self.moved[axis, :, None, None]) * scale[:, axis, :, None, None]
            shifts.append((self.reach * (off - moved[:, axis, :, None, None])).sum(1))
        return torch.stack(shifts, 1)

    def _pens(self, strokes: Tensor, draws: Draws, level: Tensor) -> Tensor:
        chance, kind, strength = (x[..., None, None] for x in draws["pens"].split(1, 1))
        there, pen = chance < self.params.pens * level[..., None, None], (len(PENS) * kind).floor()
        widest = max(1, round(WIDEST_PX * self.scale))
        steps = (strength * level[..., None, None] * widest).ceil()
        pressure = 0.75 + 0.25 * _smooth(draws["pressure"], self.face.side)
        light = strokes * (0.3 + 0.5 * strength) * pressure
        made = {"thick": _thick(strokes, steps, widest), "thin": _thin(strokes), "light": light, "dark": strokes.sqrt()}
        for i, name in enumerate(PENS):
            strokes = torch.where(there & (pen == i), made[name], strokes)
        return strokes

    def _hatching(self, table: Tensor, chance: Tensor) -> Tensor:
        """Parallel thin lines in a patch of cheek, hair or chin: (N, 1, S, S)."""
        there, u, v, size, angle, period, ink = (x[..., None, None] for x in table.split(1, 1))
        turn = torch.pi * angle
        period = 0.07 + 0.1 * period
        phase = (self.face.u * turn.cos() + self.face.v * turn.sin()) / period
        off_px = ((phase - phase.round()).abs() * period) * self.face.unit_px
        room = self.face.rounded(2.4 * u - 1.2, 2.6 * v - 1.1, 0.25 + 0.3 * size, 0.25 + 0.3 * size)
        hatched: Tensor = (1.1 * max(self.scale, 0.7) - off_px).clamp(0, 1) * room * (0.35 + 0.55 * ink)
        hatched = hatched * (there < chance[..., None, None])
        return hatched


class Hands:
    """The same of faces of several framings, as crop.framings has them: a `Hand` for each."""

    def __init__(self, params: HandParams, split: Split, device: torch.device) -> None:
        """Raises UserError where the data does not tell where the eyes are."""
        usual, self.params = eyes_of(split.made_with), params
        self.eyes = [Eyes(*split.eyes[face]) if face in split.eyes else usual for face in split.ids]
        self.hands = {eyes: Hand(params, eyes, split.size, device) for eyes in {*self.eyes, usual}}
        self.levels, self.extent = self.hands[usual].levels, self.hands[usual].extent

    def __call__(self, strokes: Tensor, draws: Draws, faces: Sequence[int]) -> Tensor:
        """`faces`: which face of the split each of the N is."""
        return self._each(Hand.__call__, (strokes,), draws, faces)

    def stay(self, layers: Tensor, draws: Draws, faces: Sequence[int]) -> Tensor:
        """As of `Hand`."""
        return self._each(Hand.stay, (layers,), draws, faces)

    def hold(self, lines: Tensor, drawn: Tensor, draws: Draws, faces: Sequence[int]) -> Tensor:
        """As of `Hand`."""
        return self._each(Hand.hold, (lines, drawn), draws, faces)

    def _each(
        self, done: Callable[..., Tensor], layers: Sequence[Tensor], draws: Draws, faces: Sequence[int]
    ) -> Tensor:
        """The first of `layers` as `done` makes it of all, by the hand of each face's framing."""
        made = torch.empty_like(layers[0])
        for eyes, hand in self.hands.items():
            of = [i for i, face in enumerate(faces) if self.eyes[face] == eyes]
            if of:
                index = torch.tensor(of, device=made.device)
                given = [layer[index] for layer in layers]
                made[index] = done(hand, *given, {name: numbers[index] for name, numbers in draws.items()})
        return made


def _smooth(numbers: Tensor, side: int) -> Tensor:
    """Knots in [0, 1), (N, K²) or (N, C, K²) -> smooth fields in about [-1, 1], (N, 1 or C, side, side)."""
    knots = round(numbers.shape[-1] ** 0.5)
    grid = (2 * numbers - 1).reshape(len(numbers), -1, knots, knots)
    return F.interpolate(grid, (side, side), mode="bicubic", align_corners=True).clamp(-1, 1)


def _thick(strokes: Tensor, steps: Tensor, widest: int) -> Tensor:
    """Grown by `steps` (N, 1, 1, 1) px to either side, `widest` at most."""
    grown = strokes
    for step in range(1, widest + 1):
        strokes = F.max_pool2d(strokes, 3, 1, 1)
        grown = torch.where(steps >= step, strokes, grown)
    return grown


def _thin(strokes: Tensor) -> Tensor:
    """Lines of one pixel: the ridges along rows or columns of the drawing, a little smoothed, at its full ink."""
    smooth = F.avg_pool2d(strokes, 3, 1, 1)
    across, down = F.max_pool2d(smooth, (1, 3), 1, (0, 1)), F.max_pool2d(smooth, (3, 1), 1, (1, 0))
    ridge = (smooth >= across) | (smooth >= down)
    return torch.where(ridge, (1.5 * strokes).clamp(0, 1), 0)
