"""Commands `profile` and `params`: overlays merged into params.yaml, and the values in force, checked."""

import io
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.core.files import write_bytes
from pipeline.core.params import CHECKOUT, ParamsError, build, params_path, read_yaml


def profile_path(name: str) -> Path:
    """profiles/NAME.yaml of the working folder or checkout, or a path as given."""
    for path in (Path(name), Path("profiles") / f"{name}.yaml", CHECKOUT / "profiles" / f"{name}.yaml"):
        if path.is_file():
            return path
    known = sorted(path.stem for path in (CHECKOUT / "profiles").glob("*.yaml"))
    raise ParamsError(f"no profile '{name}'; there are {', '.join(known)}")


def run(name: str) -> None:
    """Merge a profile into params.yaml, keeping comments; print every key that changed."""
    yaml, path = YAML(), params_path()
    yaml.preserve_quotes = True
    yaml.width = 120
    target = yaml.load(path.read_text(encoding="utf-8"))
    changes = list(merge(target, read_yaml(profile_path(name)), ""))
    text = io.StringIO()
    yaml.dump(target, text)
    write_bytes(path, text.getvalue().encode())
    print("\n".join(changes) or f"{path} is at profile {name} already")


def merge(target: MutableMapping[str, Any], overlay: MutableMapping[str, Any], where: str) -> Iterator[str]:
    """Overlay values into `target` in place, a line for each change. Unknown keys are an error.

    A mapping that `target` holds as "free" (its keys are data, see FREE) is replaced as a whole.
    """
    for key, value in overlay.items():
        place = f"{where}.{key}".lstrip(".")
        if key not in target:
            raise ParamsError(f"profile: {place} is not in params.yaml; there are {', '.join(map(str, target))}")
        if isinstance(value, MutableMapping) and isinstance(target[key], MutableMapping) and place not in FREE:
            yield from merge(target[key], value, place)
        elif target[key] != value:
            yield f"{place}: {target[key]} -> {value}"
            target[key] = value


FREE = {"crop.splits.folders", "crop.splits.lists"}


def sections() -> dict[str, type]:
    """Every section of params.yaml with its dataclass."""
    from pipeline import styles
    from pipeline.evaluation import evaluate, report, sketch_statistics
    from pipeline.helpers.contour_drawer.train import ContoursParams
    from pipeline.helpers.edge_detector.train import EdgesParams
    from pipeline.helpers.line_cleaner.train import SimplifierParams
    from pipeline.stages import canny, equalize, hed, pack, simplify
    from pipeline.stages.crop import settings
    from pipeline.stages.demo import stage
    from pipeline.training import isn, joint, scn

    stages = {
        "demo": stage.DemoParams,
        "crop": settings.CropParams,
        "equalize": equalize.EqualizeParams,
        "edges.canny": canny.CannyParams,
        "edges.hed": hed.HedParams,
        "simplify": simplify.SimplifyParams,
        "pack": pack.PackParams,
        "train_scn": scn.ScnParams,
        "train_isn": isn.IsnParams,
        "train_joint": joint.JointParams,
        "evaluate": evaluate.EvaluateParams,
        "evaluate_sketches": sketch_statistics.EvaluateSketchesParams,
        "report": report.ReportParams,
        "train_edges": EdgesParams,
        "train_contours": ContoursParams,
        "train_simplifier": SimplifierParams,
    }
    return stages | {f"styles.{name}": load().params for name, load in styles.STYLES.items()}


def check(values: dict[str, Any]) -> None:
    """Every section against its dataclass. Raises ParamsError."""
    known = sections()
    unknown = sorted(set(values) - {name.split(".")[0] for name in known})
    if unknown:
        raise ParamsError(f"{params_path()}: unknown sections {unknown}")
    for name, cls in known.items():
        node: Any = values
        for key in name.split("."):
            node = node.get(key) if isinstance(node, MutableMapping) else None
        build(cls, node, name)


def show() -> None:
    """Check params.yaml and print its effective values."""
    values = read_yaml(params_path())
    check(values)
    yaml = YAML()
    yaml.default_flow_style = None  # type: ignore[assignment]
    yaml.dump(values, sys.stdout)
