"""Command edit: what a mask erases from a photo is drawn anew from strokes and colours (Section 5.2, Figure 8)."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.blocks import without_parametrizations
from pipeline.apps.model import model_file, open_model
from pipeline.apps.system import System
from pipeline.apps.torch_nets import generator_params
from pipeline.core import params
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.image_io import import_picture, write_photo
from pipeline.core.layout import Layout
from pipeline.core.polarity import Edges, Photo, Strokes, luminance, sketch_of, strokes_of, to_uint8, unit
from pipeline.core.printable import printable
from pipeline.drawing.equalization import EqualizeParams, equalize
from pipeline.drawing.face_prior import eyes_of_crops
from pipeline.stages.canny import CannyParams, canny
from pipeline.stages.crop.align import align, crop_photo, warp
from pipeline.stages.crop.settings import CropParams, Matrix, Unusable
from pipeline.stages.hed import HedParams, holistic
from pipeline.stages.pack import PackParams, product
from pipeline.training.checkpoint import below, load_tensors
from pipeline.training.edit import CHANNELS, COLOURS
from pipeline.training.erasing import FAR, NO_COLOUR, coloured, given
from pipeline.training.nets import make_generator
from pipeline.weights.registry import shipped

SHIPPED_EDITOR = "cali-sketch-edit"
EDITED = ".edited.png"
GRAY = 128  # stands for a proposal where there is none, as in training where no strokes are shown
PASSES = 7  # ours: halvings over which the difference at the rim is carried inwards
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Hints:
    """What a user gives beside a photo (H, W, 3)."""

    mask: Mask  # (H, W), true = erased
    strokes: Strokes  # (H, W), 1 = ink
    colours: NDArray[np.float32]  # (H, W, 3) in [0, 1]; -1: none given


@dataclass(frozen=True)
class Editor:
    """The editing net, and where it expects faces."""

    module: torch.nn.Module
    crop: CropParams
    device: torch.device
    system: System | None = None  # whose ISN makes the proposals that the net begins with; None: there are none

    @torch.inference_mode()
    def fill(self, photo: Photo, hints: Hints, lines: Edges) -> Photo:
        """Crop (S, S, 3) with its hints and its own lines (S, S) -> the whole crop as the net would have it."""
        side = len(photo)
        grain = np.random.default_rng(0).random((side, side), np.float32)
        proposal = unit(self.proposal(photo, hints, lines))
        mask = hints.mask[..., None].astype(np.float32)
        parts = (unit(photo), hints.strokes[..., None], hints.colours, mask, grain[..., None], proposal)
        whole = [torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].to(self.device) for part in parts]
        photos, strokes, colours, masks, noise, proposals = whole
        asked = given(photos, strokes, colours, masks, noise[:, 0], proposals)
        made = coloured(self.module(asked).float(), asked[:, COLOURS], FAR)
        return to_uint8(made[0].permute(1, 2, 0).cpu().numpy())

    def proposal(self, photo: Photo, hints: Hints, lines: Edges) -> Photo:
        """The ISN's photo of the crop's lines with those drawn in what is erased; gray without an ISN."""
        if self.system is None:
            return np.full_like(photo, GRAY)
        drawn = np.where(hints.mask, hints.strokes, lines).astype(np.float32)
        codes = self.system.style(photo[None]) if self.system.takes_styles else None
        made: Photo = self.system.photos(drawn[None], codes)[0]
        return made


def open_editor(model: str, data: Path, device: torch.device) -> Editor:
    """The net that ships ("shipped"), that of the data folder ("mine"), or that of a file. Raises UserError."""
    path = shipped(SHIPPED_EDITOR) if model == "shipped" else Path(model)
    if model == "mine":
        path = Layout(data).trained("edit") / "weights.safetensors"
    if not path.exists():
        remedy = "train it: cali-sketch train edit; or use --model shipped"
        raise UserError(f"--model {printable(model)}: {printable(path)} is missing; {remedy}")
    tensors, about = load_tensors(path)
    if "edit" not in about.get("params", {}):
        raise UserError(f"--model {printable(model)}: no editing net; train one: cali-sketch train edit")
    module = make_generator(generator_params(about, "edit"), CHANNELS)
    module.load_state_dict(below(tensors, "g/"))
    crop = replace(params.load(CropParams, "crop"), size=about["size"], border="reflect")
    system = open_model(model_file(about["params"]["propose"]["by"], data), str(device))
    return Editor(without_parametrizations(module).eval().to(device), crop, device, system)


@dataclass(frozen=True)
class Prepared:
    """A photo whose face was found: what all fillings of it share."""

    photo: Photo
    matrix: Matrix  # photo px -> crop px
    crop: Photo  # (S, S, 3)

    @cached_property
    def lines(self) -> Edges:
        """The crop's own."""
        return own_lines(self.crop)

    @cached_property
    def reached(self) -> Mask:
        """(H, W), true where the photo is in the crop."""
        return np.asarray(_back(np.full_like(self.crop, 255), self.matrix, self.photo.shape)[..., 0] > 127)


def prepared(path: Path, photo: Photo, editor: Editor) -> Prepared:
    """`path` is what the locator of faces is told. Raises UserError for a photo without a face."""
    try:
        matrix = align(path, photo, editor.crop)[0]
    except Unusable as error:
        why = f"{error.reason} {error.detail}".rstrip()
        raise UserError(f"{printable(path)}: {why}; give a photo of one upright face") from error
    return Prepared(photo, matrix, crop_photo(photo, matrix, editor.crop))


def edit(path: Path, photo: Photo, hints: Hints, editor: Editor, scn: System | None) -> Photo:
    """A photo of any size with what is erased drawn anew; every pixel outside the mask keeps its bytes.

    `scn`: whose SCN calibrates the strokes first, among the photo's own lines; None: strokes as they are. Raises
    UserError for a photo without a face and a mask that the face's crop does not hold.
    """
    return filled(prepared(path, photo, editor), hints, editor, scn)


def filled(ready: Prepared, hints: Hints, editor: Editor, scn: System | None) -> Photo:
    """As `edit`, of a photo whose face was found."""
    photo, matrix, crop = ready.photo, ready.matrix, ready.crop
    if (hints.mask & ~ready.reached).any():
        raise UserError("edit: the mask goes beyond the face and the hair around it; erase less")
    inside = _in_crop(hints, matrix, len(crop))
    if scn is not None:
        inside = replace(inside, strokes=calibrated(ready, inside, scn))
    return _blended(photo, _back(editor.fill(crop, inside, ready.lines), matrix, photo.shape), hints.mask)


def _in_crop(hints: Hints, matrix: Matrix, side: int) -> Hints:
    """The same as the crop has it: a pixel is erased where any of it is."""

    def moved(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(warp(image, matrix, side, cv2.BORDER_CONSTANT), np.float32)

    shown = (hints.colours[..., 0] >= 0).astype(np.float32)
    weight = moved(shown)
    colours = moved(hints.colours * shown[..., None]) / np.maximum(weight, 1e-3)[..., None]
    colours = np.where(weight[..., None] > 0.3, np.clip(colours, 0, 1), NO_COLOUR).astype(np.float32)
    strokes = np.clip(moved(hints.strokes) * _thickened(matrix), 0, 1)
    return Hints(
        moved(hints.mask.astype(np.float32)) > 0.02, Strokes(strokes.astype(np.float32)), colours.astype(np.float32)
    )


def _thickened(matrix: Matrix) -> np.float32:
    """By how much a pen's line is darkened that shrinks with the photo, so that it does not fade."""
    return np.float32(max(1.0, 1 / np.hypot(matrix[0, 0], matrix[1, 0])))


def calibrated(ready: Prepared, hints: Hints, scn: System) -> Strokes:
    """Strokes in what is erased as the SCN has them when it sees the photo's own lines around."""
    side, lines = scn.size, np.where(hints.mask, hints.strokes, ready.lines)
    drawing = sketch_of(np.asarray(cv2.resize(lines.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)))
    made = cv2.resize(scn.refine(to_uint8(drawing)[None])[0], ready.crop.shape[1::-1], interpolation=cv2.INTER_AREA)
    return Strokes(np.where(hints.mask, made, 0).astype(np.float32))


def own_lines(crop: Photo) -> Edges:
    """Canny ⊙ HED of a crop, as the nets learnt from."""
    values, eyes = params.load(HedParams, "edges.hed"), eyes_of_crops()
    soft = holistic(equalize(crop, params.load(EqualizeParams, "equalize")), values)
    thin = canny(luminance(crop), params.load(CannyParams, "edges.canny"), eyes)
    return product(Edges(thin), Edges(soft), params.load(PackParams, "pack"), eyes)


def _back(crop: Photo, matrix: Matrix, shape: tuple[int, ...]) -> Photo:
    """A crop as the photo (H, W) has it; black beyond."""
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(crop, matrix, shape[1::-1], flags=inverse, borderValue=(0.0, 0.0, 0.0)), np.uint8)


def _blended(photo: Photo, made: Photo, mask: Mask) -> Photo:
    """What was made where it is erased, shifted in colour so that it meets the photo at the rim."""
    off = (photo.astype(np.float32) - made) * ~mask[..., None]
    filled = made + _carried_inwards(off, (~mask).astype(np.float32))
    return np.where(mask[..., None], np.clip(filled + 0.5, 0, 255).astype(np.uint8), photo)


def _carried_inwards(values: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (H, W, 3) known where `known` is 1 -> smooth ones everywhere: pull-push (Gortler et al. 1996)."""
    levels = [(values * known[..., None], known)]
    for _ in range(PASSES):
        v, k = levels[-1]
        if min(k.shape) < 4:
            break
        levels.append((np.asarray(cv2.pyrDown(v), np.float32), np.asarray(cv2.pyrDown(k), np.float32)))
    v, k = levels.pop()
    smooth = v / np.maximum(k, 1e-4)[..., None]
    while levels:
        v, k = levels.pop()
        smooth = v + (1 - k)[..., None] * cv2.resize(smooth, k.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)


def read_hints(photo: Photo, mask: Path, strokes: Path | None, colours: Path | None) -> Hints:
    """The pictures of a user, each as large as the photo. Raises UserError.

    Mask: light or opaque = erased. Strokes: dark on light or on nothing. Colours: white or nothing = none.
    """
    shape = photo.shape[:2]
    erased = _mask(mask, shape)
    if not erased.any() or erased.all():
        raise UserError(f"--mask {printable(mask)}: {'erases nothing' if not erased.any() else 'erases everything'}")
    paper = np.full(shape, 1, np.float32) if strokes is None else luminance(_on_white(strokes, shape, "strokes"))
    painted = np.full((*shape, 3), NO_COLOUR, np.float32)
    if colours is not None:
        rgb = _on_white(colours, shape, "colour")
        painted = np.where((rgb < 250).any(-1, keepdims=True), unit(rgb), NO_COLOUR).astype(np.float32)
    found = Hints(erased, strokes_of(paper), painted)
    _check_drawn("strokes", strokes, found.strokes > 0.1, erased)
    _check_drawn("colour", colours, painted[..., 0] >= 0, erased)
    return found


def _check_drawn(what: str, path: Path | None, drawn: Mask, erased: Mask) -> None:
    if path is not None and not (drawn & erased).any():
        raise UserError(f"--{what} {printable(path)}: nothing is drawn where --mask erases")


def _mask(path: Path, shape: tuple[int, ...]) -> Mask:
    picture = import_picture(path)
    if picture.alpha is not None and picture.alpha.min() < 128:
        _check_size(path, picture.alpha.shape, shape, "mask")
        return np.asarray(picture.alpha > 127)
    _check_size(path, picture.rgb.shape, shape, "mask")
    return np.asarray(luminance(picture.rgb) > 0.5)


def _on_white(path: Path, shape: tuple[int, ...], what: str) -> Photo:
    picture = import_picture(path).on_white()
    _check_size(path, picture.shape, shape, what)
    return picture


def _check_size(path: Path, found: tuple[int, ...], wanted: tuple[int, ...], what: str) -> None:
    if tuple(found[:2]) != tuple(wanted[:2]):
        sizes = f"{found[1]}x{found[0]} px, the photo {wanted[1]}x{wanted[0]}"
        raise UserError(f"--{what} {printable(path)}: {sizes}; they must be alike")


@dataclass(frozen=True)
class Files:
    """What a user names."""

    photo: Path
    mask: Path
    strokes: Path | None
    colours: Path | None


def run(files: Files, out: Path, editor: Editor, scn: System | None) -> int:
    """Write OUT/NAME.edited.png; returns the exit code. Raises UserError."""
    pixels = import_picture(files.photo).on_white()
    hints = read_hints(pixels, files.mask, files.strokes, files.colours)
    file = out / f"{files.photo.stem}{EDITED}"
    write_photo(file, edit(files.photo, pixels, hints, editor, scn))
    console.print(f"edit: {printable(file)}")
    return 0
