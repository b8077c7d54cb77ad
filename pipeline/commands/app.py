"""The command line itself, and the options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

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
