"""Commands `experiments` and `tables`: families of DVC experiments, and the paper's tables with ours beside them."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.params import read_yaml
from pipeline.core.tables import print_table
from pipeline.experiments.profile import profile_path

Changes = dict[str, Any]  # key of params.yaml -> value
Rows = Mapping[str, Changes]  # variant -> what it changes

QUEUED = ("dvc", "exp", "run", "--queue", "--name")
NO_GIT = (
    "experiments are kept in git, and this folder is no repository; run: git init && git add . && git commit -m start"
    " && dvc config --local core.no_scm false"
)
SEEDS = ("train_scn.seed", "train_isn.seed", "train_joint.seed")
DIFFAUGMENT = ["color", "translation", "cutout"]
SOURCES = ("xdog", "fdog", "photocopy", "photosketch")


def both(key: str, value: Any) -> Changes:
    """The same of the SCN and of the ISN."""
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_isn")}


def everywhere(key: str, value: Any) -> Changes:
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_isn", "train_joint")}


def drawn(key: str, value: Any) -> Changes:
    """Of the stages that learn from sketches."""
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_joint")}


def of_profile(name: str) -> Changes:
    """What profiles/NAME.yaml sets."""
    return dict(_leaves(read_yaml(profile_path(name)), ""))


def _leaves(node: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


@dataclass(frozen=True)
class Column:
    """A number of data/evaluation/metrics.json."""

    head: str
    path: tuple[str, ...]  # below a split


@dataclass(frozen=True)
class Family:
    """Variants that one table compares."""

    title: str
    rows: Rows
    columns: tuple[Column, ...]
    paper: Mapping[str, tuple[float, ...]]  # variant -> its figures, as many as columns, or none


def quality(kind: Literal["simplified", "deformed"], *metrics: str) -> tuple[Column, ...]:
    """Of the photos that the system makes of such drawings, mean over the styles."""
    system, suffix = {"simplified": ("joint_simplified", ""), "deformed": ("joint", ", deformed")}[kind]
    return tuple(Column(f"{metric.upper()}{suffix}", (system, "all", metric)) for metric in metrics)


FAMILIES = {
    "table2": Family(
        "Table 2: what the SCN learns to draw; R of the SCN as trained alone",
        {
            "detail-only": {"train_scn.loss.targets": ["canny"]},
            "contour-only": {"train_scn.loss.targets": ["hed"]},
            "both": {"train_scn.loss.targets": ["product"]},
            "both-literal": {"train_scn.loss.targets": ["hed", "canny"]},
        },
        tuple(
            Column(head, ("apart_simplified", "all", key))
            for head, key in (
                ("precision", "precision"),
                ("recall", "recall"),
                ("precision, 2 px", "precision_2px"),
                ("recall, 2 px", "recall_2px"),
            )
        ),
        {
            "detail-only": (0.1559, 0.1475),
            "contour-only": (0.1713, 0.1564),
            "both": (0.9962, 0.4772),
        },
    ),
    "table3": Family(
        "Table 3: generators",
        {
            "original": {},
            "improved-1": both("net.generator.blocks", 16),
            "improved-2": both("net.generator.kind", "unet_mru"),
            "improved-2-scn": {"train_scn.net.generator.kind": "unet_mru"},
            "improved-2-isn": {"train_isn.net.generator.kind": "unet_mru"},
        },
        quality("simplified", "psnr", "ssim", "fid", "identity_rank1", "ssim_51"),
        {
            "original": (20.25, 0.8006, 58.43),
            "improved-1": (20.34, 0.8092, 57.09),
            "improved-2": (21.09, 0.8137, 55.12),
        },
    ),
    "ablations": Family(
        "Beyond the paper: one change each",
        {
            "as-it-is": {},
            "average": everywhere("optimizer.ema", 0.998),
            "two-scales": both("net.discriminator.scales", 2),
            "hinge": both("loss.adversarial.loss", "hinge"),
            "r1": both("loss.adversarial.r1", 1.0),
            "diffaugment": both("loss.adversarial.augment", DIFFAUGMENT),
            "hinge-diffaugment": both("loss.adversarial.loss", "hinge") | both("loss.adversarial.augment", DIFFAUGMENT),
            "turned-and-zoomed": everywhere("augment.angle_deg", 6) | everywhere("augment.zoom", 0.06),
            "simplified": drawn("drawn", ["simplified"]),
            "simplified-and-deformed": drawn("drawn", ["simplified", "deformed"]),
            **{f"{name}-alone": drawn("styles", [name]) for name in SOURCES},
            "with-people": drawn("styles", [*SOURCES, "artist"]),
            "plain-lines": of_profile("plain-lines"),
            "no-pressure": {"simplify.pressure_px": 0, "styles.photosketch.pressure_px": 0},
            "exposures": {"crop.exposures.copies": 5},
            "ssim": {"train_isn.loss.weights.ssim": 1.0},
            "photo-leads": {"train_joint.isn_to_scn": 10},
            "no-end-to-end": {"train_joint.isn_to_scn": 0},
            "tv-as-printed": {"train_isn.loss.tv": "paper"},
            "hard-product": {"pack.product_spread_px": 0},
        },
        quality("simplified", "psnr", "ssim")
        + quality("deformed", "psnr", "ssim", "precision_2px", "recall_2px", "identity_rank1"),
        {},
    ),
}


def family(name: str) -> Family:
    if name not in FAMILIES:
        raise UserError(f"experiments: no family '{name}'; there are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def name_of(family_name: str, variant: str, seed: int) -> str:
    """Of the DVC experiment; `tables` finds it by this."""
    return f"{family_name}-{variant}-s{seed}"


def commands(family_name: str, variants: Sequence[str], seeds: int) -> list[list[str]]:
    """`dvc exp run --queue` of every variant and seed. Raises UserError for a name that is none."""
    chosen = family(family_name).rows
    unknown = [variant for variant in variants if variant not in chosen]
    if unknown:
        raise UserError(f"experiments {family_name}: no variant {unknown}; there are {', '.join(chosen)}")
    return [
        [*QUEUED, name_of(family_name, variant, seed), *settings(chosen[variant], seed)]
        for seed in range(seeds)
        for variant in variants or chosen
    ]


def settings(changes: Changes, seed: int) -> list[str]:
    """-S KEY=VALUE for each change, as DVC reads them."""
    given = changes | dict.fromkeys(SEEDS, seed)
    return [part for key, value in given.items() for part in ("-S", f"{key}={json.dumps(value)}")]


def queue(family_name: str, variants: Sequence[str], seeds: int, dry_run: bool) -> None:
    """Queue what of a family is not queued, running or done yet; `dvc queue start` then runs it."""
    asked, present = commands(family_name, variants, seeds), taken(shown_experiments())
    for command in asked:
        name = command[len(QUEUED)]
        print(f"{name}: {present[name]}" if name in present else shlex.join(command))
        if not dry_run and name not in present:
            dvc(command[1:])


def shown_experiments() -> list[Mapping[str, Any]]:
    """The experiments of all commits, one after the other, as `dvc exp show --json` has them."""
    baselines = json.loads(dvc(["exp", "show", "--all-commits", "--json"]))
    return [experiment for baseline in baselines for experiment in baseline.get("experiments") or []]


def state_of(experiment: Mapping[str, Any]) -> str:
    """Queued, running, failed or success; one that came by `dvc exp pull` has none and is done."""
    return (experiment.get("executor") or {}).get("state", "success")


def taken(shown: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name -> state of those that need not be queued again."""
    return {e["name"]: state_of(e) for e in shown if e.get("name") and state_of(e) != "failed"}


def dvc(arguments: Sequence[str]) -> str:
    """Output of a DVC command. Raises UserError with what it complains of."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if any(words in done.stderr for words in ("supported for Git", "not a git repository")):
        raise UserError(NO_GIT)
    if done.returncode:
        raise UserError(f"dvc {arguments[0]} {arguments[1]}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def recorded(shown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Name of each finished experiment -> its metrics by split, from `dvc exp show --json`.

    One that failed or still runs is shown there with the metrics of the commit it started from.
    """
    found = {}
    for experiment in shown:
        data = experiment["revs"][0].get("data") or {}
        metrics = [file.get("data") for file in (data.get("metrics") or {}).values()]
        if experiment.get("name") and state_of(experiment) == "success" and metrics and metrics[0]:
            found[experiment["name"]] = metrics[0]
    return found


def tables(split: str) -> None:
    """Print every family that has finished experiments: mean ± standard deviation over seeds, and the paper's."""
    results = recorded(shown_experiments())
    shown = [name for name in FAMILIES if any(key.startswith(f"{name}-") for key in results)]
    for name in shown:
        heads, rows = table(name, results, split)
        print_table(heads, rows, f"{FAMILIES[name].title} ({split})")
    if not shown:
        raise UserError("tables: no finished experiments; queue a family: cali-sketch experiments table2")


def table(name: str, results: Mapping[str, Any], split: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one family."""
    of = FAMILIES[name]
    heads = ["variant", "seeds", *(c.head for c in of.columns), *(f"paper's {c.head}" for c in paper_columns(of))]
    rows = []
    for variant in of.rows:
        prefix = name_of(name, variant, 0)[:-1]
        runs = [metrics[split] for key, metrics in results.items() if _seed(key, prefix) and split in metrics]
        if runs:
            cells = [spread([_at(run, column.path) for run in runs]) for column in of.columns]
            theirs = of.paper.get(variant, ())
            beside = [f"{theirs[i]:g}" if i < len(theirs) else "" for i in range(len(paper_columns(of)))]
            rows.append([variant, str(len(runs)), *cells, *beside])
    return heads, rows


def paper_columns(of: Family) -> tuple[Column, ...]:
    return of.columns[: max(map(len, of.paper.values()), default=0)]


def _seed(key: str, prefix: str) -> bool:
    return key.startswith(prefix) and key.removeprefix(prefix).isdigit()


def _at(metrics: Mapping[str, Any], path: Sequence[str]) -> float | None:
    node: Any = metrics
    for key in path:
        node = (node or {}).get(key)
    return node


def spread(values: Sequence[float | None]) -> str:
    """Mean ± standard deviation of what was computed; nothing where nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    digits = 2 if max(map(abs, known)) >= 5 else 3
    deviation = f" ± {np.std(known, ddof=1):.{digits}f}" if len(known) > 1 else ""
    return f"{np.mean(known):.{digits}f}{deviation}"
