"""Weight files: cali-sketch weights."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import WEIGHTS, WeightsFolder, weights_app


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
def weights_graphs(files: Annotated[list[Path], typer.Argument(help="Weights of systems and of helper nets.")]) -> None:
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
