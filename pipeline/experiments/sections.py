"""All of params.yaml: which dataclass holds each section, and which values of several sections do not go together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import make_dataclass
from operator import attrgetter
from typing import Annotated, Any

from pipeline.core.allowed import Items, OneOf
from pipeline.core.params import ParamsError, build

REFINED = "_refined"
# kind of generator -> what the side has to be a multiple of; else 4
HALVED = {"unet_mru": 8, "gated": 16, "compact": 8, "compact_styled": 8, "restoring": 8}
Section = Any  # an instance of a dataclass that `tree` makes; its fields are the sections below it
Broken = Iterator[str]


def sections() -> dict[str, Any]:
    """Sections of params.yaml ("styles.xdog") with their dataclasses, lists of names ("styles.names") with a type."""
    from pipeline.drawing.equalization import EqualizeParams
    from pipeline.evaluation import evaluate, report, robustness, sketch_statistics
    from pipeline.stages import canny, hed, pack, simplify
    from pipeline.stages.crop.settings import CropParams
    from pipeline.stages.demo.stage import DemoParams
    from pipeline.styles import STYLES
    from pipeline.training.teach import TeachParams
    from pipeline.training.trainers import BASELINES, TRAINERS

    edges = {"canny": canny.CannyParams, "hed": hed.HedParams}
    stages = {
        "demo": DemoParams,
        "crop": CropParams,
        "equalize": EqualizeParams,
        "edges.names": names_of(lambda: edges),
        "styles.names": names_of(lambda: STYLES),
        "baselines.names": names_of(lambda: [name for name in BASELINES if not name.endswith(REFINED)], least=0),
        "baselines.refined": names_of(lambda: refined(BASELINES), least=0),
        "editing.names": names_of(lambda: ["edit"], least=0),
        "distilling.names": names_of(lambda: ["lite"], least=0),
        "restoring.names": names_of(lambda: ["restorer"], least=0),
        "teach": TeachParams,
        "simplify": simplify.SimplifyParams,
        "pack": pack.PackParams,
        "evaluate": evaluate.EvaluateParams,
        "evaluate_sketches": sketch_statistics.EvaluateSketchesParams,
        "robustness": robustness.RobustnessParams,
        "report": report.ReportParams,
    }
    stages |= {f"edges.{name}": params for name, params in edges.items()}
    stages |= {f"styles.{name}": style.params for name, style in STYLES.items()}
    return stages | {section: params for trainer in TRAINERS.values() for section, params in trainer.sections.items()}


def refined(names: Iterable[str]) -> list[str]:
    """Baselines that can be trained to stand behind our SCN."""
    return [name.removesuffix(REFINED) for name in names if name.endswith(REFINED)]


def names_of(table: Callable[[], Iterable[str]], least: int = 1) -> Any:
    """The type of a list of names out of a table."""
    return Annotated[tuple[Annotated[str, OneOf(table)], ...], Items(least)]


def tree(flat: Mapping[str, Any]) -> type:
    """Dotted names and their types -> one dataclass of all, a dataclass for each group."""
    groups: dict[str, dict[str, Any]] = {}
    for name, hint in flat.items():
        head, _, rest = name.partition(".")
        groups.setdefault(head, {})[rest] = hint
    return make_dataclass("Sections", [(head, inner.get("") or tree(inner)) for head, inner in groups.items()])


def check(values: Mapping[str, Any]) -> None:
    """All of params.yaml, at any depth. Raises ParamsError with every fault, a line each."""
    faults = list(combinations(build(tree(sections()), values, "")))
    if faults:
        raise ParamsError("\n".join(faults))


def combinations(whole: Section) -> Iterator[str]:
    """What is wrong between sections that are right each for itself, a line each."""
    yield from _photos(whole)
    yield from _names(whole)
    yield from _sizes(whole)


def _photos(whole: Section) -> Broken:
    """There have to be photos, and of those who draw, drawings."""
    if whole.crop.photos.startswith("data/demo") and whole.demo.faces < whole.pack.min_train:
        least = f"at least pack.min_train ({whole.pack.min_train})"
        yield f"demo.faces: {whole.demo.faces}; allowed: {least}, as crop.photos is {whole.crop.photos}"
    for name, stage in _stages(whole):
        if "people" in getattr(stage, "drawn", ()) and whole.crop.sketches is None:
            yield f"{name}.drawn: {list(stage.drawn)}; allowed: people where crop.sketches tells of drawings"


def _names(whole: Section) -> Broken:
    """What is learned from has to be drawn."""
    missing = [name for name in ("canny", "hed") if name not in whole.edges.names]
    if missing:
        yield f"edges.names: {list(whole.edges.names)}; allowed: canny and hed, pack needs both"
    for section, params in _stages(whole):
        lost = [name for name in getattr(params, "styles", ()) if name not in whole.styles.names]
        if lost:
            yield f"{section}.styles: {lost}; allowed: those of styles.names, {', '.join(whole.styles.names)}"


def _sizes(whole: Section) -> Broken:
    """What a net does to the sides of a picture has to come out even."""
    size = whole.crop.size
    for name, stage in _stages(whole):
        if size % (multiple := getattr(stage, "multiple", 1)):
            yield f"crop.size: {size}; allowed: a multiple of {multiple}, as {name}.net has it"
        generator = getattr(getattr(stage, "net", None), "generator", None)
        if generator is None:
            continue
        if size % (multiple := HALVED.get(generator.kind, 4)):
            of = f"{name}.net.generator.kind is {generator.kind}"
            yield f"crop.size: {size}; allowed: a multiple of {multiple}, as {of}"
        if getattr(generator, "padding", "") == "reflect" and size // 4 <= generator.dilation:
            yield f"{name}.net.generator.dilation: {generator.dilation}; allowed: below crop.size / 4 ({size // 4})"


def _stages(whole: Section) -> list[tuple[str, Any]]:
    """Sections of what is trained on the packed faces, and their params."""
    from pipeline.training.trainers import TRAINERS

    names = dict.fromkeys(section for trainer in TRAINERS.values() for section in trainer.sections)
    return [(name, attrgetter(name)(whole)) for name in names]
