"""Commands `record` and `tables --markdown`: runs kept as docs/results/NAME.json, and the tables made of them.

A page has a table where it says so, and what stands between the two lines is never typed:

    <!-- results: NAME -->
    <!-- end of results -->

`<!-- results: NAME val -->` has that split, or table, alone.
"""

import json
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout
from pipeline.core.params import params_path, read_yaml
from pipeline.core.tables import markdown
from pipeline.evaluation import figures
from pipeline.experiments import ablations

FOLDER = Path("docs/results")
BLOCK = re.compile(r"(<!-- results: ([\w-]+)(?: ([\w-]+))? -->\n).*?(<!-- end of results -->)", re.DOTALL)
PACKAGES = ("torch", "numpy", "opencv-contrib-python")
Table = dict[str, Any]  # {"heads": [...], "rows": [[...], ...]}


def record(name: str, command: str, family: str, note: str, data: Path) -> None:
    """-> docs/results/NAME.json. Raises UserError where nothing was measured, or the name is none.

    `family`: of experiments, or `table1`, or `robustness`; none: what data/evaluation has.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise UserError(f"record: '{name}' is no name; allowed: letters, digits, _ and -")
    of = {"": of_evaluation, ablations.TABLE_1: of_table_1, "robustness": of_robustness}.get(family)
    found = of(Layout(data)) if of else of_family(family)
    about = {"name": name, "title": found["title"], "command": command, "note": note} | made_by()
    values = read_yaml(params_path())
    protocol = {key: value for key, value in values["evaluate"].items() if key != "systems"}
    size = {"size_px": values["crop"]["size"]}
    write_bytes(FOLDER / f"{name}.json", _json(about | {"protocol": size | protocol} | found | {"params": values}))
    console.print(f"record: {FOLDER / f'{name}.json'}; now: cali-sketch tables --markdown")


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def of_evaluation(layout: Layout) -> dict[str, Any]:
    """The headline figures of data/evaluation: a table for each split, a row a system."""
    tables: dict[str, Table] = {}
    for split in figures.measured_splits(layout):
        heads, rows = figures.headline_table(layout, split)
        tables[split] = {"heads": [head.replace("\n", " ") for head in heads], "rows": rows}
    return {"title": "Means over styles", "tables": tables, "not_computed": figures.not_computed(layout)}


def of_table_1(layout: Layout) -> dict[str, Any]:
    """A row a system: of the finished seeds of `experiments table1` or, where there are none, of data/evaluation."""
    from pipeline.evaluation import table_1  # heavy

    tables: dict[str, Table] = {}
    for split in figures.measured_splits(layout):
        heads, rows = table_1.table(layout, split, "cpu", ablations.seeds_of_table_1(split))
        tables[split] = {"heads": heads, "rows": rows}
    return {"title": "Table 1", "tables": tables, "not_computed": figures.not_computed(layout)}


def of_robustness(layout: Layout) -> dict[str, Any]:
    """What `robustness` measured: a table for each score, a row a kind of drawing, a column a system."""
    from pipeline.evaluation import robustness  # heavy

    written = sorted((layout.root / robustness.FOLDER).glob("[!.]*/details.json"))
    if not written:
        raise UserError(f"record: {layout.root / robustness.FOLDER}: nothing measured yet; run: dvc repro robustness")
    measured = json.loads(written[0].read_text(encoding="utf-8"))
    found = measured["systems"]
    kinds = list(next(iter(found.values())))
    tables = {
        name: {
            "heads": ["drawings", *found],
            "rows": [[kind, *(figures.number(of[kind].get(score)) for of in found.values())] for kind in kinds],
        }
        for name, score in robustness.SHOWN.items()
        if any(of[kind].get(score) is not None for of in found.values() for kind in kinds)
    }
    title = f"Robustness, {measured['n']} faces of {written[0].parent.name}"
    return {"title": title, "tables": tables, "not_computed": {}}


def of_family(name: str) -> dict[str, Any]:
    """A family of finished experiments: a table for val and, where the paper's figures stand beside, for test."""
    of, done = ablations.family(name), ablations.finished()
    tables: dict[str, Table] = {}
    for split in ("val", "test"):
        heads, rows = ablations.table(name, of, ablations.runs_of(name, of, done, split))
        tables |= {split: {"heads": heads, "rows": rows}} if rows else {}
    if not tables:
        raise UserError(f"record: no finished experiments of {name}; run: cali-sketch experiments {name}")
    return {"title": of.title, "tables": tables, "not_computed": {}}


def made_by() -> dict[str, Any]:
    """When, by which commit with which changed files, on which machine."""
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short=12", "HEAD").strip(),
        "changed": [line[3:] for line in changed],
        "hardware": hardware(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }


def _git(*arguments: str) -> str:
    """Output of git; nothing where there is none."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


def hardware() -> str:
    """The GPU where there is one, else the CPU and its cores."""
    import torch  # heavy

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"CPU, {model}, {torch.get_num_threads()} threads"


def refresh(root: Path) -> None:
    """Every table of ROOT's README.md and docs/ made anew. Raises UserError for a run that is not recorded."""
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        new = refreshed(text, root / FOLDER)
        if new != text:
            write_bytes(page, new.encode())
            console.print(f"tables: {page}")


def pages(root: Path) -> list[Path]:
    return [path for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))) if path.exists()]


def refreshed(text: str, folder: Path) -> str:
    """A page with the tables of the runs that it names."""

    def made(match: re.Match[str]) -> str:
        head, name, split, end = match.groups()
        path = folder / f"{name}.json"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in folder.glob("*.json")))
            raise UserError(f"results: no recorded run '{name}'; there are {known or 'none'}")
        return f"{head}{shown(json.loads(path.read_text(encoding='utf-8')), split)}{end}"

    return BLOCK.sub(made, text)


def shown(run: Mapping[str, Any], split: str | None = None) -> str:
    """A recorded run as Markdown: a table for each split, and what gave it. Raises UserError for a split it has not."""
    if split is not None and split not in run["tables"]:
        raise UserError(f"results: run '{run['name']}' has no split '{split}'; it has {', '.join(run['tables'])}")
    chosen = {name: table for name, table in run["tables"].items() if split in (None, name)}
    parts = [f"**{run['title']}, {name}**\n\n{_table(table)}" for name, table in chosen.items()]
    return "\n" + "\n".join([*parts, provenance(run)]) + "\n\n"


def _table(table: Mapping[str, Sequence[Any]]) -> str:
    return markdown(table["heads"], table["rows"])


def provenance(run: Mapping[str, Any]) -> str:
    """Command, commit, machine, protocol: one line each a reader may want."""
    changed = f" with changed {', '.join(f'`{file}`' for file in run['changed'])}" if run["changed"] else ""
    protocol = ", ".join(f"{key} {_plain(value)}" for key, value in run["protocol"].items())
    lines = [
        f"`{run['command']}`, {run['date']}, commit {run['commit']}{changed}; {run['hardware']}.",
        f"Protocol: {protocol}.",
        *([run["note"]] if run["note"] else []),
        *(f"Not computed: {what}." for what in run["not_computed"]),
    ]
    return "  \n".join(lines)


def _plain(value: Any) -> str:
    return "all but train" if value == [] else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
