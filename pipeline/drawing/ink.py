"""Ink from paper: a drawing as people scan, photograph or export it -> dark strokes on white, their pressure kept.

A sheet is light times paper times ink. What the light and the paper are follows from the sheet itself: strokes are
closed over, and from the brightest paper on everything counts as paper that is reached without a sharp edge. A dark
filled shape has sharp edges, a shadow has none.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.image_io import Picture
from pipeline.core.outcome import Refused
from pipeline.core.polarity import Gray, Photo, Sketch, luminance, sketch_of, strokes_of, unit

# All of these are ours, chosen on the drawings of tests/drawing/test_ink.py; lengths are shares of the longer side.
LARGEST_PX = 1536  # a larger sheet is reduced first
SURFACE_PX = 384  # light and paper are found at this size
STROKE = 0.03  # wider is no stroke but a filled shape
SHARP = 14.0  # change of log brightness per side: shadows change less, edges of shapes more
LIT = 0.93  # of the brightest paper: certainly paper
EVEN = 0.96  # paper this near to the brightest is lit evenly
MARGIN = 0.08  # the sheet's edge, where no face is
UNEVEN_SHARE = 0.04  # of the margin's paper, from which on the light is uneven
FLAT_SHARE = 0.7  # of the bare paper with one value: no scan, no photo
SHADOW = 0.08  # on paper of one value, dim paper no nearer to that value: tones of a drawing lie near bare paper
SHADE_LEFT = 0.03  # ours: of a shadow, once evened out; the nets that ship see fainter shades than people do
BARE = 0.1  # darker than the paper around: ink
DARK = 0.35  # of the brightest: black as a scanner's lid
FAINTEST = 0.06  # ink; less is the paper's texture
BLANK_SHARE = 2e-4  # of the sheet with ink, below which it is blank
RULE_DARKEST = 0.5  # a darker line is drawn
FULL = 0.5  # what the strongest strokes are brought to, where they are fainter
SMALL = 0.7  # ink that spans less of the sheet is cut out
AROUND = 0.03  # paper left around what is cut out, a share of it
MOST_FRAME = 0.8  # of the sheet; more is a black picture
LEAST_PX = 16  # side
NARROW = 6.0  # px, standard deviation of a blur that is done as it is
NEAR = 0.04  # strokes nearer than this belong to each other

LEVELS = unit(np.arange(256, dtype=np.uint8))
BLANK = ("blank paper: no ink found", "draw darker, or scan with more contrast")


@dataclass(frozen=True)
class Inked:
    """A drawing on white paper, and what was done to it."""

    sketch: Sketch
    notes: tuple[str, ...]


def ink_from_paper(picture: Picture, invert: bool = False, cut: bool = True) -> Inked:
    """Any picture of a drawing -> Inked. `invert`: the drawing is light on dark, whatever it looks like; `cut`: a small
    drawing is cut out of its sheet.

    Raises Refused for blank paper and for what is too small to hold a drawing.
    """
    notes = list(picture.notes)
    sheet, light = _polarity(picture, invert)
    if light:
        notes.append("light on dark: inverted")
    sheet = _reduced(sheet)
    if min(sheet.shape[:2]) < LEAST_PX:
        h, w = picture.rgb.shape[:2]
        raise Refused(f"a drawing of {w}x{h} px is too small or too narrow", "scan it larger")
    frame = _frame(sheet)
    if frame.mean() > MOST_FRAME:
        raise Refused(*BLANK)
    if frame.any():
        notes.append("a dark border was left out")
    paper, uneven = _paper(sheet, frame)
    if uneven:
        notes.append("uneven light was evened out")
    darkness = _darkness(sheet, paper, frame, SHADE_LEFT if uneven else 0.0)
    darkness, ruled = _without_rules(darkness)
    if ruled:
        notes.append("ruled lines were left out")
    if float((darkness > FAINTEST).mean()) < BLANK_SHARE:
        raise Refused(*BLANK)
    strongest = float(np.percentile(darkness[darkness > FAINTEST], 95))
    if strongest < FULL:
        darkness = np.minimum(darkness * np.float32(FULL / strongest), 1)
        notes.append("faint strokes were darkened")
    square, share = _cut_to_ink(darkness) if cut else (darkness, 1.0)
    if share < SMALL:
        notes.append(f"the drawing fills {share:.0%} of the sheet: cut to its ink")
    return Inked(sketch_of(square), tuple(notes))


def _polarity(picture: Picture, invert: bool) -> tuple[Photo, bool]:
    """The sheet with dark ink on light paper, and whether it was turned; white ink on transparency lies on black."""
    sheet = picture.on_white()
    if picture.alpha is not None:
        black = (picture.rgb * unit(picture.alpha)[..., None]).astype(np.uint8)
        sheet = black if 3 * _contrast(sheet) < _contrast(black) else sheet
    light = invert or _is_light_on_dark(sheet)
    return (255 - sheet if light else sheet), light


def _contrast(sheet: Photo) -> float:
    gray = luminance(sheet)
    return float(np.abs(gray - np.median(gray)).mean())


def _is_light_on_dark(sheet: Photo) -> bool:
    """Whether strokes stand out light: of the middle, so that a border or a frame does not count."""
    h, w = sheet.shape[:2]
    gray = luminance(_reduced(sheet[h // 8 : h - h // 8, w // 8 : w - w // 8], SURFACE_PX))
    around = cv2.medianBlur((gray * 255).astype(np.uint8), _odd(0.15 * SURFACE_PX))
    off = gray - unit(np.asarray(around, np.uint8))
    return float((np.maximum(off, 0) ** 2).sum()) > 2 * float((np.maximum(-off, 0) ** 2).sum())


def _reduced(sheet: Photo, largest: int = LARGEST_PX) -> Photo:
    shrink = largest / max(sheet.shape[:2])
    if shrink >= 1:
        return sheet
    return np.asarray(cv2.resize(sheet, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)


def _odd(length: float) -> int:
    return max(3, round(length) | 1)


def _frame(sheet: Photo) -> NDArray[np.bool_]:
    """Dark areas wider than strokes that run along most of a side: a scanner's lid, a frame, the table."""
    gray = luminance(sheet)
    dark = (gray <= DARK * np.percentile(gray, 95)).astype(np.uint8)
    sides = [(slice(0, 1), slice(None)), (slice(-1, None), slice(None))]
    sides += [(slice(None), slice(0, 1)), (slice(None), slice(-1, None))]
    found, wide = np.zeros(gray.shape, bool), _opened(dark)
    if not wide.any():
        return found
    _, labels = cv2.connectedComponents(wide)
    for side in sides:
        along = labels[side]
        for label in np.unique(along[along > 0]):
            if (along == label).mean() > 0.6:
                found |= labels == label
    soft = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 7))
    return np.asarray(cv2.dilate(found.astype(np.uint8), soft)) > 0


def _opened(dark: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without what is narrower than a hundredth of the side; beyond the sheet counts as dark."""
    around = _odd(0.01 * max(dark.shape))
    padded = cv2.copyMakeBorder(dark, around, around, around, around, cv2.BORDER_CONSTANT, value=1)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((around, around), np.uint8))
    return np.asarray(opened[around:-around, around:-around], np.uint8)


def _paper(sheet: Photo, frame: NDArray[np.bool_]) -> tuple[NDArray[np.float32], bool]:
    """What the bare sheet would look like, (H, W, 3) or one colour (3,), in [0, 1], and whether its light is uneven.

    Paper of one value, as programs draw on, is that value; else it is what lies around the ink.
    """
    small = _reduced(sheet, SURFACE_PX)
    h, w = small.shape[:2]
    inside = cv2.resize(frame.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) == 0
    around = _odd(STROKE * max(h, w))
    closed = np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((around, around), np.uint8)), np.uint8)
    gray = np.asarray(cv2.cvtColor(cv2.GaussianBlur(unit(closed), (0, 0), 1.5), cv2.COLOR_RGB2GRAY), np.float32)
    lit = (gray >= LIT * np.percentile(gray[inside], 95)) & inside
    reached = _reached(gray, lit, inside)
    bare = reached & _all(small >= cv2.LUT(closed, _darkest_paper()))
    uneven = _is_uneven(gray, lit, reached)
    level = _median(small, bare & lit)
    exact = _all(cv2.LUT(small, (np.abs(LEVELS[:, None] - level) <= 1.5 / 255)[None].view(np.uint8)) > 0)
    if float(exact[bare & lit].mean()) > FLAT_SHARE and not (uneven and _is_shaded(exact, bare & ~lit)):
        return np.maximum(level, 1 / 255).astype(np.float32), False
    surface = cv2.resize(_filled(unit(small), bare), sheet.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(surface, np.float32), uneven


def _all(channels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of three, (H, W, 3) -> (H, W)."""
    return np.asarray(channels[..., 0] & channels[..., 1] & channels[..., 2])


@cache
def _darkest_paper() -> NDArray[np.uint8]:
    """Of each level of the paper around, 0 to 255: the darkest level that is no ink."""
    is_bare = np.abs(LEVELS[:, None] / np.maximum(LEVELS, 1 / 255) - 1) < BARE
    return np.asarray(is_bare.argmax(0), np.uint8)


def _median(photo: Photo, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of each channel where the mask is, (3,) in [0, 1]."""
    chosen = mask.view(np.uint8)
    count = cv2.countNonZero(chosen)
    ordered = [np.cumsum(cv2.calcHist([photo], [channel], chosen, [256], [0, 256])) for channel in range(3)]
    middle = [
        [np.searchsorted(one, place, side="right") for one in ordered] for place in ((count - 1) // 2, count // 2)
    ]
    return np.asarray(unit(np.array(middle, np.uint8)).mean(0), np.float32)


def _is_uneven(gray: Gray, lit: NDArray[np.bool_], reached: NDArray[np.bool_]) -> bool:
    """Whether paper in the margin, where no face is, is darker than the lit."""
    edge = round(MARGIN * max(gray.shape))
    margin = reached.copy()
    margin[edge:-edge, edge:-edge] = False
    return bool(margin.any()) and float((gray[margin] < EVEN * np.median(gray[lit])).mean()) > UNEVEN_SHARE


def _is_shaded(exact: NDArray[np.bool_], dim: NDArray[np.bool_]) -> bool:
    """Whether dim paper lies far from all paper of the exact value."""
    away = cv2.distanceTransform((~exact).astype(np.uint8), cv2.DIST_L2, 3)
    return bool(dim.any()) and float(away[dim].max()) > SHADOW * max(exact.shape)


def _reached(gray: Gray, lit: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Paper: what is connected with lit paper without a sharp edge between."""
    logs = np.log(np.maximum(gray, 1 / 255)).astype(np.float32)
    dx, dy = (
        cv2.Sobel(logs, cv2.CV_32F, *order, scale=1 / 8, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1))
    )
    smooth = (cv2.magnitude(dx, dy) * max(gray.shape) < SHARP) & inside
    count, labels = cv2.connectedComponents(smooth.astype(np.uint8), connectivity=4)
    seeds = np.zeros(count, bool)
    seeds[labels[lit & smooth]] = True
    return np.asarray(seeds[labels])


def _filled(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Means of the known pixels around each: of near ones where there are any, else of farther ones."""
    side = max(values.shape[:2])
    weight = known.astype(np.float32)
    result = np.zeros_like(values)
    missing = np.ones(known.shape, np.float32)
    weighed = np.dstack([values * weight[..., None], weight])
    for spread in (0.015, 0.05, 0.15, 0.5):
        blurred = _blurred(weighed, spread * side)
        sums, share = blurred[..., :3], blurred[..., 3]
        mean = sums / np.maximum(share, 1e-6)[..., None]
        trust = np.clip(share / 0.3, 0, 1) if spread < 0.5 else np.ones_like(share)
        result += mean * (missing * trust)[..., None]
        missing = missing * (1 - trust)
    return np.maximum(result, 1 / 255).astype(np.float32)


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """By a Gaussian; a wide one in a reduced copy, where nothing is lost to it."""
    h, w = values.shape[:2]
    shrink = max(1, int(sigma / NARROW))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
    size = max(1, w // shrink), max(1, h // shrink)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma * size[0] / w, sigmaY=sigma * size[1] / h)
    return np.asarray(cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def _darkness(sheet: Photo, paper: NDArray[np.float32], frame: NDArray[np.bool_], left: float) -> Gray:
    """How dark the ink is, [0, 1], 1 = black, beyond the noise of the bare paper and what is `left` of a shadow."""
    ratio = np.minimum(cv2.cvtColor(_shares(sheet, paper), cv2.COLOR_RGB2GRAY), 1)
    darkness = np.array(strokes_of(np.asarray(ratio, np.float32)))
    darkness[frame] = 0
    bare = darkness[(darkness < 2 * FAINTEST) & ~frame]
    spread = float(np.percentile(bare, 75)) / 0.6745 if bare.size else 0.0  # half of a normal distribution is cut off
    noise = np.float32(np.clip(max(3 * spread, left), 1e-6, FAINTEST))
    kept: Gray = (darkness * np.clip(darkness / noise - 1, 0, 1)).astype(np.float32)
    return kept


def _shares(sheet: Photo, paper: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the paper's light, (H, W, 3)."""
    if paper.ndim == 3:
        return unit(sheet) / paper
    return np.asarray(cv2.LUT(sheet, (LEVELS[:, None] / paper)[None]), np.float32)


def _without_rules(darkness: Gray) -> tuple[Gray, bool]:
    """Without straight lines that cross the sheet: those of ruled paper, a drawn frame."""
    rules = np.maximum(_rules(darkness), _rules(np.asarray(cv2.transpose(darkness), np.float32)).T)
    if not rules.any():
        return darkness, False
    ruled = (rules > 0) & (darkness < np.maximum(1.6 * rules, rules + 0.15))
    return np.where(ruled, 0, darkness).astype(np.float32), bool(ruled.any())


def _rules(darkness: Gray) -> Gray:
    """How dark the level lines that cross the sheet are, where they are; else 0."""
    thick = np.asarray(cv2.dilate(darkness, np.ones((5, 1), np.uint8)), np.float32)
    return np.maximum(_level_rules(thick), _tilted_rules(thick))


def _level_rules(thick: Gray) -> Gray:
    """Rows that are faintly inked all along, but for what is drawn over them."""
    rules = np.zeros_like(thick)
    open_ = thick <= RULE_DARKEST
    faint = open_ & (thick > FAINTEST / 2)
    openings = _counted(open_)
    covered = (_counted(faint) > 0.9 * openings) & (openings / thick.shape[1] > 0.4)
    bands = np.split(np.flatnonzero(covered), np.flatnonzero(np.diff(np.flatnonzero(covered)) > 1) + 1)
    thin = max(9, round(0.015 * len(thick)))  # a thicker band is shading
    for row in (row for band in bands if len(band) <= thin for row in band):
        rules[row] = np.median(thick[row][faint[row]])
    return rules


def _counted(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many of each row."""
    return np.asarray(cv2.reduce(mask.view(np.uint8), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0])


def _tilted_rules(thick: Gray) -> Gray:
    """Connected long pieces that together reach from side to side, where no dark shape is in their way."""
    h, w = thick.shape
    rules = np.zeros_like(thick)
    level = np.ones((1, _odd(w / 6)), np.uint8)
    long = cv2.morphologyEx((thick > FAINTEST / 2).astype(np.uint8), cv2.MORPH_OPEN, level)
    if np.count_nonzero(cv2.reduce(long, 0, cv2.REDUCE_MAX)) <= 0.9 * w:  # nothing can cross
        return rules
    count, labels, stats, _ = cv2.connectedComponentsWithStats(long, connectivity=8)
    wide, low = stats[:, cv2.CC_STAT_WIDTH] > 0.9 * w, stats[:, cv2.CC_STAT_HEIGHT] < 0.04 * h
    crossing = [i for i in range(1, count) if wide[i] and low[i]]
    if crossing:
        dark = np.asarray(cv2.morphologyEx(thick, cv2.MORPH_OPEN, level))
        for i in crossing:
            line = labels == i
            rules[line] = np.median(dark[line])  # a stroke along a rule is darker than most of it
    return rules


def _cut_to_ink(darkness: Gray) -> tuple[Gray, float]:
    """Where the drawing spans little of the sheet the square around it; and the share that it spans."""
    side = max(darkness.shape)
    near = _odd(NEAR * side)
    inked = (darkness > 0.2).astype(np.uint8)
    joined = cv2.dilate(inked, np.ones((near, near), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(joined, np.uint8))
    if count < 2:
        return darkness, 1.0
    main = 1 if count == 2 else 1 + int(np.bincount(labels.ravel(), weights=darkness.ravel())[1:].argmax())
    x, y, w, h = (int(v) for v in stats[main, :4])
    near_by = np.array([i > 0 and _touches(stats[i], x, y, w, h) for i in range(count)])
    left, top, wide, high = cv2.boundingRect(np.where(near_by[labels], inked, 0))
    bottom, right = top + high, left + wide
    span = max(wide, high)
    if span >= SMALL * side:
        return darkness, span / side
    return _square(darkness, (top + bottom) / 2, (left + right) / 2, span * (1 + 2 * AROUND)), span / side


def _touches(stat: NDArray[np.int32], x: int, y: int, w: int, h: int) -> bool:
    """Whether a part's middle lies in the box of the main part, or little outside."""
    cx, cy = stat[0] + stat[2] / 2, stat[1] + stat[3] / 2
    return bool(x - w / 4 <= cx <= x + w * 5 / 4 and y - h / 4 <= cy <= y + h * 5 / 4)


def _square(darkness: Gray, cy: float, cx: float, side: float) -> Gray:
    """The square about a point, bare paper beyond the sheet."""
    size = max(1, round(side))
    top, left = round(cy - size / 2), round(cx - size / 2)
    padded = np.pad(darkness, size)
    return padded[top + size : top + 2 * size, left + size : left + 2 * size]
