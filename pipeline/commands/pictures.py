"""What is made of pictures, and systems to hand on."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import (
    DATA,
    Clean,
    Data,
    DeviceName,
    Drawings,
    Invert,
    Jobs,
    Model,
    Out,
    OutOfOwn,
    Place,
    Refine,
    Runtime,
    app,
)
from pipeline.core.cores import CORES
from pipeline.core.errors import UserError
from pipeline.core.level import USUAL_LEVEL


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
    completer: Annotated[
        str | None, typer.Option(help="Whose SCN adds lines that are missing: mine, as trained alone, or as --model.")
    ] = None,
    restorer: Annotated[
        str | None, typer.Option(help="Whose restorer it gets: mine, as trained, or as --model.")
    ] = None,
    data: Data = DATA,
) -> None:
    """The trained generators as one small file, or as ONNX, to hand on and for generate --model."""
    from pipeline.apps import export

    export.run(model, data, out, onnx, int8, {"completer": completer, "restorer": restorer})
