"""Params, profiles, experiments and what is recorded of them."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import DATA, Data, DeviceName, app


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
