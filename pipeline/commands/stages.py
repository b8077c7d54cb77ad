"""The stages of dvc.yaml, one by one."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import (
    DATA,
    Compile,
    Data,
    DeviceName,
    Jobs,
    OutOfOwn,
    Own,
    Precision,
    StyleName,
    app,
    edges_app,
)
from pipeline.core.cores import CORES


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
