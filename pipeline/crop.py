"""Stage crop: any folder of photos -> aligned square faces, their splits, and a list of what was rejected."""

import csv
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from glob import escape, glob
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.exposures import ExposureParams, exposed
from pipeline.images import (
    SUFFIXES,
    Gray,
    ImageError,
    Photo,
    console,
    import_photo,
    import_sketch,
    map_images,
    new_folder,
    write_gray,
    write_photo,
)
from pipeline.manifest import Face, Layout, Rejected, write_about, write_faces
from pipeline.weights import weight_file

Point = tuple[float, float]
Matrix = NDArray[np.float64]  # 2x3, source px -> crop px
REASONS = ("unreadable", "no face", "several faces", "too small", "duplicate", "no landmarks", "no sketch")
PUPIL_REACH = 0.3  # ours: of the pupils' distance, in a patch enlarged twice
SEARCH_PX = 480  # ours: detection runs on photos shrunk to this shorter side; faces in portraits stay > 100 px


@dataclass(frozen=True)
class SplitParams:
    """How faces are divided; the same subject is never in two splits."""

    method: Literal["folder", "lists", "subject", "hash"]
    folders: dict[str, str]  # folder: name of the first folder -> split
    lists: dict[str, tuple[str, ...]]  # lists: split -> ids
    subject: str  # subject: regular expression on the relative path whose group 1 is the subject
    test_share: float  # subject, hash: share of the subjects that is tested


@dataclass(frozen=True)
class CropParams:
    """Section `crop`."""

    photos: str  # folder, searched with all below it
    include: tuple[str, ...]  # glob patterns relative to it, e.g. "*/photos/*"
    sketches: tuple[str, str] | None  # a path component and its replacement that lead to the real sketch
    detector: Literal["haar", "yunet", "landmarks", "aligned"]
    size: int  # side of the crop, px
    eye_y: float  # where the eyes go, share of the size from the top
    eye_distance: float  # between the pupils, share of the size
    border: Literal["reflect", "background"]
    min_face_px: int  # distance of the pupils in the source below which a face is too small
    max_rejected: float  # share of the sources that may be rejected before the stage fails
    exposures: ExposureParams
    splits: SplitParams


class Unusable(Exception):
    """A source that goes to rejected.csv: (reason of REASONS, detail)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Found:
    """What a locator tells of one photo: the pupils, and how it knows."""

    left: Point  # left in the image
    right: Point
    alignment: str


def crop_matrix(left: Point, right: Point, params: CropParams) -> Matrix:
    """Similarity that takes the pupils to their places in the crop."""
    (lx, ly), (rx, ry) = left, right
    source = complex(rx - lx, ry - ly)
    turn = params.eye_distance * params.size / source
    middle = complex((lx + rx) / 2, (ly + ry) / 2)
    shift = complex((params.size - 1) / 2, params.eye_y * params.size) - turn * middle
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def fit_matrix(shape: tuple[int, ...], size: int) -> Matrix:
    """Aligned photos: the largest square, a little above the middle of tall ones, resized to the crop."""
    height, width = shape[:2]
    side = min(height, width)
    scale = size / side
    left, top = (width - side) / 2, (height - side) * 0.45  # ours: keeps hair and chin of 4:5 portraits
    return np.array([[scale, 0, -left * scale + (scale - 1) / 2], [0, scale, -top * scale + (scale - 1) / 2]])


def warp(image: NDArray, matrix: Matrix, size: int, border: int, value: Iterable[float] = ()) -> NDArray:
    """Resample into a size x size crop, prefiltered when shrinking: rendered larger, then averaged by area."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    over = max(1, min(8, int(np.ceil(1 / scale))))
    grow = np.array([[over, 0, (over - 1) / 2], [0, over, (over - 1) / 2]]) @ np.vstack([matrix, [0, 0, 1]])
    method = cv2.INTER_CUBIC if over == 1 else cv2.INTER_LINEAR
    large = cv2.warpAffine(
        image, grow, (size * over, size * over), flags=method, borderMode=border, borderValue=tuple(value)
    )
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA) if over > 1 else large


def background(photo: Photo) -> tuple[float, ...]:
    """Median colour of the upper corners: what lies behind a portrait."""
    h, w = (max(1, side // 12) for side in photo.shape[:2])
    corners = np.concatenate([photo[:h, :w].reshape(-1, 3), photo[:h, -w:].reshape(-1, 3)])
    return tuple(float(v) for v in np.median(corners, axis=0))


def crop_photo(photo: Photo, matrix: Matrix, params: CropParams) -> Photo:
    """Photo -> (size, size, 3)."""
    if params.border == "background":
        return warp(photo, matrix, params.size, cv2.BORDER_CONSTANT, background(photo)).astype(np.uint8)
    return warp(photo, matrix, params.size, cv2.BORDER_REFLECT_101).astype(np.uint8)


def crop_sketch(sketch: Gray, matrix: Matrix, params: CropParams) -> Gray:
    """Sketch under the photo's transform, paper beyond its border."""
    return np.clip(warp(sketch, matrix, params.size, cv2.BORDER_CONSTANT, (1.0,)), 0, 1).astype(np.float32)


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # type: ignore[attr-defined]


def locate_haar(path: Path, photo: Photo, params: CropParams) -> Found:
    """Viola-Jones face, then the pupils: eye cascade in the eye band, else where eyes lie in such a box."""
    shrink = min(1.0, SEARCH_PX / min(photo.shape[:2]))
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(gray, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    x, y, side = _face_box(small)
    eyes = [_eye(small, x, y, side, half) for half in (0, 1)]
    level = all(eyes) and abs(eyes[0][1] - eyes[1][1]) < 0.12 * side  # type: ignore[index]
    guesses = [(x + share * side, y + 0.385 * side) for share in (0.305, 0.695)]  # ours: mean of the London faces
    left, right = eyes if level else guesses
    lx, ly = left  # type: ignore[misc]
    rx, ry = right  # type: ignore[misc]
    return Found((lx / shrink, ly / shrink), (rx / shrink, ry / shrink), "detected" if level else "box")


def _face_box(gray: NDArray[np.uint8]) -> tuple[float, float, float]:
    """The one face of a portrait: (x, y, side)."""
    boxes, _, weights = _cascade("frontalface_default").detectMultiScale3(
        gray, 1.05, 5, minSize=(40, 40), outputRejectLevels=True
    )
    if len(boxes) == 0:
        raise Unusable("no face")
    ranked = sorted(
        zip(np.asarray(boxes).tolist(), np.ravel(weights), strict=True), key=lambda pair: pair[0][2], reverse=True
    )
    best = max(ranked, key=lambda pair: pair[0][2] * max(0.1, float(pair[1])))
    rivals = [
        box for box, weight in ranked if box[2] > 0.6 * best[0][2] and weight > 0.5 * best[1] and _apart(box, best[0])
    ]
    if rivals:
        raise Unusable("several faces", f"{len(rivals) + 1} of similar size")
    return tuple(float(v) for v in best[0][:3])  # type: ignore[return-value]


def _apart(a: list[int], b: list[int]) -> bool:
    """Whether two boxes do not touch and lie side by side, not one on the other's chest."""
    return abs(a[0] + a[2] / 2 - b[0] - b[2] / 2) > (a[2] + b[2]) / 2


def _eye(gray: NDArray[np.uint8], x: float, y: float, side: float, half: int) -> Point | None:
    """Pupil in the left (0) or right (1) half of the eye band, refined to the darkest blob."""
    x0, x1 = (int(x + share * side) for share in ((0.08, 0.5), (0.5, 0.92))[half])
    y0, y1 = int(y + 0.2 * side), int(y + 0.56 * side)
    band = np.asarray(cv2.resize(gray[y0:y1, x0:x1], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    least = max(12, int(0.3 * side))
    boxes = _cascade("eye").detectMultiScale(band, 1.05, 3, minSize=(least, least))
    if len(boxes) == 0:
        return None
    aim = np.array([(0.305 - 0.08, 0.695 - 0.5)[half], 0.385 - 0.2]) * side * 2
    centres = np.array([[bx + bw / 2, by + bh / 2] for bx, by, bw, bh in boxes])
    near = centres[np.linalg.norm(centres - aim, axis=1).argmin()]
    cx, cy = _pupil(band, near, 0.16 * side)
    return x0 + cx / 2, y0 + cy / 2


def _pupil(band: NDArray[np.uint8], centre: NDArray, reach: float) -> Point:
    """Centroid of the darkness within `reach` of the detected eye's centre, brows above left out."""
    ys, xs = np.mgrid[: band.shape[0], : band.shape[1]]
    smooth = cv2.GaussianBlur(band, (0, 0), max(1.0, reach / 6)).astype(np.float64)
    window = np.exp(-((xs - centre[0]) ** 2 + 2 * (ys - centre[1] - 0.1 * reach) ** 2) / (2 * (0.55 * reach) ** 2))
    inside = window > 0.2
    dark = window * np.clip(np.percentile(smooth[inside], 25) - smooth, 0, None) * inside
    if dark.sum() <= 0:
        return float(centre[0]), float(centre[1])
    return float((dark * xs).sum() / dark.sum()), float((dark * ys).sum() / dark.sum())


def locate_yunet(path: Path, photo: Photo, params: CropParams) -> Found:
    """YuNet (Wu et al. 2023) on the photo shrunk to SEARCH_PX; its eye points, refined to the pupils."""
    shrink = min(1.0, SEARCH_PX / min(photo.shape[:2]))
    small = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    detector = cv2.FaceDetectorYN.create(str(weight_file("yunet")), "", small.shape[1::-1], 0.7)
    _, faces = detector.detect(np.ascontiguousarray(small[..., ::-1]))
    if faces is None:
        raise Unusable("no face")
    ranked = sorted(faces, key=lambda face: -face[2])
    if len(ranked) > 1 and ranked[1][2] > 0.6 * ranked[0][2]:
        raise Unusable("several faces", f"{len(ranked)} faces")
    eyes = sorted([ranked[0][4:6], ranked[0][6:8]], key=lambda eye: float(eye[0]))
    gray, apart = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), float(np.linalg.norm(eyes[1] - eyes[0]))
    (ax, ay), (bx, by) = (_near_pupil(np.asarray(gray, np.uint8), eye, apart) for eye in eyes)
    return Found((ax / shrink, ay / shrink), (bx / shrink, by / shrink), "detected")


def _near_pupil(gray: NDArray[np.uint8], eye: NDArray, apart: float) -> Point:
    """The pupil near an eye point of a face whose eyes are `apart` px from each other."""
    around = int(0.35 * apart) + 2
    x0, y0 = (round(float(v)) - around for v in eye)
    padded = cv2.copyMakeBorder(gray, around, around, around, around, cv2.BORDER_REPLICATE)
    patch = padded[y0 + around : y0 + 3 * around, x0 + around : x0 + 3 * around]
    band = np.asarray(cv2.resize(patch, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    cx, cy = _pupil(band, 2 * (eye - np.array([x0, y0])), PUPIL_REACH * apart)
    return x0 + cx / 2, y0 + cy / 2


def locate_landmarks(path: Path, photo: Photo, params: CropParams) -> Found:
    """Given pupils: NAME.tem beside the photo (count, then x y; the first two), or its row of eyes.csv above it."""
    template = path.with_suffix(".tem")
    if template.exists():
        return Found(*_two_points(template), "given")
    table = next((folder / "eyes.csv" for folder in path.parents[:2] if (folder / "eyes.csv").exists()), None)
    row = _eye_table(table).get(path.name) if table else None
    if row is None:
        raise Unusable("no landmarks", f"neither {template.name} nor a row of eyes.csv")
    return Found(row[0], row[1], "given")


def _two_points(template: Path) -> tuple[Point, Point]:
    try:
        rows = [line.split() for line in template.read_text(encoding="utf-8").splitlines()[1:3]]
        left, right = ((float(x), float(y)) for x, y in rows)
    except ValueError as error:
        raise Unusable("no landmarks", f"{template.name}: {error}") from error
    return left, right


@cache
def _eye_table(path: Path) -> dict[str, tuple[Point, Point]]:
    names = ("left_x", "left_y", "right_x", "right_y")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            points = {row["file"]: [float(row[name]) for name in names] for row in csv.DictReader(file)}
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path}: needs the columns file, {', '.join(names)}, numbers in px ({error})") from error
    return {name: ((v[0], v[1]), (v[2], v[3])) for name, v in points.items()}


LOCATORS: dict[str, Callable[[Path, Photo, CropParams], Found]] = {
    "haar": locate_haar,
    "yunet": locate_yunet,
    "landmarks": locate_landmarks,
}


def align(path: Path, photo: Photo, params: CropParams) -> tuple[Matrix, str]:
    """The crop's transform and how it was found. Raises Unusable."""
    if params.detector == "aligned":
        if min(photo.shape[:2]) < params.min_face_px * 2:
            raise Unusable("too small", f"{photo.shape[1]}x{photo.shape[0]} px")
        return fit_matrix(photo.shape, params.size), "none"
    found = LOCATORS[params.detector](path, photo, params)
    distance = float(np.hypot(found.right[0] - found.left[0], found.right[1] - found.left[1]))
    if not distance >= max(1, params.min_face_px):  # catches NaN too
        raise Unusable("too small", f"pupils {distance:.0f} px apart, at least {params.min_face_px}")
    return crop_matrix(found.left, found.right, params), found.alignment


def find_photos(params: CropParams) -> list[Path]:
    """All image files of the folder, in the order of their names. Raises UserError for none."""
    root = Path(params.photos)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of photos; put photos there or set crop.photos in params.yaml")
    found = {
        Path(name) for pattern in params.include for name in glob(f"{escape(str(root))}/{pattern}", recursive=True)
    }
    photos = sorted(path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())
    if not photos:
        raise UserError(f"{root}: no photos ({', '.join(sorted(SUFFIXES))}) match {list(params.include)}")
    return photos


def make_ids(sources: list[str]) -> list[str]:
    """Short ASCII names, unique, from relative paths: folders that all share are left out."""
    parts = [Path(source).with_suffix("").parts for source in sources]
    depth = max(map(len, parts))
    telling = [i for i in range(depth) if len({part[i] for part in parts if len(part) > i + 1}) > 1]
    slugs = [_slug("-".join([part[i] for i in telling if i < len(part) - 1] + [part[-1]])) for part in parts]
    counts = Counter(slug.lower() for slug in slugs)
    marks = [hashlib.sha256(source.encode()).hexdigest()[:6] for source in sources]
    return [slug if counts[slug.lower()] == 1 else f"{slug}-{mark}" for slug, mark in zip(slugs, marks, strict=True)]


def _slug(name: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    coded = "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)  # 日本 -> u65e5u672c
    return re.sub(r"[^A-Za-z0-9_]+", "-", coded).strip("-") or "face"


def assign_splits(faces: list[Face], params: SplitParams) -> list[Face]:
    """Faces with subject and split set."""
    faces = [replace(face, subject=_subject(face, params)) for face in faces]
    if params.method == "folder":
        return [replace(face, split=_listed(params.folders, Path(face.source).parts[0], face)) for face in faces]
    if params.method == "lists":
        split_of = {face_id: split for split, ids in params.lists.items() for face_id in ids}
        return [replace(face, split=_listed(split_of, face.id, face)) for face in faces]
    ranked = sorted({face.subject for face in faces}, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    count = round(params.test_share * len(ranked))
    tested = set(ranked[: min(max(count, 1), len(ranked) - 1)])
    return [replace(face, split="test" if face.subject in tested else "train") for face in faces]


def _listed(splits: dict[str, str], key: str, face: Face) -> str:
    if key not in splits:
        raise UserError(f"crop.splits: {face.source} ({key}) is in no split of {sorted(set(splits.values()))}")
    return splits[key]


def _subject(face: Face, params: SplitParams) -> str:
    if params.method != "subject":
        return face.id
    try:
        match = re.search(params.subject, face.source)
        return match[1] or "" if match else _unmatched(params, face)
    except (re.error, IndexError) as error:
        raise UserError(f"crop.splits.subject: {params.subject!r}: {error}; its group 1 is the subject") from error


def _unmatched(params: SplitParams, face: Face) -> str:
    raise UserError(f"crop.splits.subject: {params.subject!r} does not match {face.source}")


def run(params: CropParams, data: Path, jobs: int) -> None:
    """params.photos -> data/faces. Raises UserError where too many sources are unusable."""
    photos, root = find_photos(params), Path(params.photos)
    sources = [path.relative_to(root).as_posix() for path in photos]
    with new_folder(Layout(data).faces) as out:
        tasks = list(zip(photos, sources, make_ids(sources), strict=True))
        results = map_images(partial(_one, params, out), tasks, jobs, "crop")
        faces, rejected = _without_duplicates(results, out)
        console.print(f"crop: {len(faces)} faces, {len(rejected)} rejected{_reasons(rejected)}")
        if not faces or len(rejected) > params.max_rejected * len(photos):
            first = "; ".join(f"{r.source}: {r.reason} {r.detail}".strip() for r in rejected[:3])
            raise UserError(
                f"crop: {len(rejected)} of {len(photos)} photos rejected, at most {params.max_rejected:.0%} allowed "
                f"(crop.max_rejected): {first}"
            )
        faces = assign_splits(faces, params.splits)
        write_faces(out, faces + exposed(faces, params.exposures, out, jobs), rejected)
        write_about(out, asdict(params))


def _reasons(rejected: list[Rejected]) -> str:
    counts = Counter(r.reason for r in rejected)
    return f" ({', '.join(f'{n} {reason}' for reason, n in sorted(counts.items()))})" if counts else ""


def _without_duplicates(results: list[Face | Rejected], out: Path) -> tuple[list[Face], list[Rejected]]:
    faces: dict[str, Face] = {}
    rejected = []
    for result in results:
        if isinstance(result, Rejected):
            rejected.append(result)
        elif result.sha256 in faces:
            rejected.append(Rejected(result.source, "duplicate", f"same file as {faces[result.sha256].source}"))
            for folder in ("photos", "sketches"):
                (out / folder / f"{result.id}.png").unlink(missing_ok=True)
        else:
            faces[result.sha256] = result
    return list(faces.values()), rejected


def _one(params: CropParams, out: Path, task: tuple[Path, str, str]) -> Face | Rejected:
    path, source, face_id = task
    try:
        photo = import_photo(path)
        matrix, alignment = align(path, photo, params)
        if params.sketches:
            write_gray(out / "sketches" / f"{face_id}.png", _sketch(path, photo, matrix, params))
    except ImageError as error:
        return Rejected(source, "unreadable", str(error).removeprefix(f"{path}: "))
    except Unusable as error:
        return Rejected(source, error.reason, error.detail)
    write_photo(out / "photos" / f"{face_id}.png", crop_photo(photo, matrix, params))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    a, b, c, d, e, f = (float(v) for v in matrix.ravel())
    return Face(face_id, source, digest, "", "", alignment, (a, b, c, d, e, f))


def _sketch(path: Path, photo: Photo, matrix: Matrix, params: CropParams) -> Gray:
    """The real sketch that belongs to a photo, cropped; scaled first where its resolution differs."""
    old, new = params.sketches or ("", "")
    stem = Path(*[new if part == old else part for part in path.parts]).with_suffix("")
    file = next((p for p in sorted(stem.parent.glob(f"{stem.name}.*")) if p.suffix.lower() in SUFFIXES), None)
    if file is None:
        raise Unusable("no sketch", f"expected {stem}.*")
    sketch = import_sketch(file)
    if sketch.shape != photo.shape[:2]:
        sketch = cv2.resize(sketch, photo.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return crop_sketch(sketch, matrix, params)
