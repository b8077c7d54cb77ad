"""Commands `experiments` and `tables`: families of DVC experiments, and the paper's tables with ours beside them."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.params import params_path, read_yaml
from pipeline.core.tables import print_table
from pipeline.evaluation import results
from pipeline.evaluation.figures import filled, spread
from pipeline.experiments.profile import profile_path

Changes = dict[str, Any]  # key of params.yaml -> value, New(value) or GONE
Rows = Mapping[str, Changes]  # variant -> what it changes
Details = Mapping[str, Mapping[str, results.Details]]  # split -> system -> its details.json

REFS = "refs/exps/[0-9a-f][0-9a-f]/*/*"  # where DVC keeps experiments: below the commit that each began from
QUEUED = ("dvc", "exp", "run", "--queue", "--name")
NO_GIT = (
    "experiments are kept in git, and this folder is no repository; run: git init && git add . && git commit -m start"
    " && dvc config --local core.no_scm false"
)
SEEDS = ("train_scn.seed", "train_isn.seed", "train_joint.seed")
TABLE_1 = "table1"
AS_IT_IS = "as-it-is"
DIFFAUGMENT = ["color", "translation", "cutout"]
GONE = object()  # a key that the variant does not have
HAND = {  # what amateurs do, each as strong as it is worth trying
    "symbols": 0.35,
    "left_out": 0.3,
    "proportions": 0.15,
    "wander_px": 8,
    "pens": 0.5,
    "hatching": 0.2,
    "erased": 0.6,
}
VAL = "val"


@dataclass(frozen=True)
class New:
    """The value of a key that params.yaml does not have."""

    value: Any


def both(key: str, value: Any) -> Changes:
    """The same of the SCN and of the ISN."""
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_isn")}


def everywhere(key: str, value: Any) -> Changes:
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_isn", "train_joint")}


def drawn(key: str, value: Any) -> Changes:
    """Of the stages that learn from sketches."""
    return {f"{stage}.{key}": value for stage in ("train_scn", "train_joint")}


def unet_mru(stage: str) -> Changes:
    """Improved-2's generator, which has no choice of how it enlarges and pads."""
    generator = f"{stage}.net.generator"
    return {f"{generator}.kind": "unet_mru", f"{generator}.up": GONE, f"{generator}.padding": GONE}


def unet_discriminator(stage: str) -> Changes:
    """A D that judges every pixel, at one scale, as wide as fits the time of two PatchGANs."""
    net = f"{stage}.net.discriminator"
    return {f"{net}.kind": "unet", f"{net}.scales": GONE, f"{net}.layers": 5, f"{net}.width": 32}


def hand() -> Changes:
    """All that amateurs do."""
    return {key: value for name, strength in HAND.items() for key, value in drawn(f"hand.{name}", strength).items()}


def told_the_level() -> Changes:
    """All that amateurs do in proportion to a level that the SCN is told."""
    generator = {"train_scn.net.generator.kind": "modulated", "train_scn.net.generator.code": New(1)}
    return hand() | drawn("hand.level", 1.0) | drawn("drawn", ["simplified", "deformed"]) | generator


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
    """A number of details.json, over all styles."""

    head: str
    system: str
    kind: str  # of drawing
    score: str


@dataclass(frozen=True)
class Family:
    """Variants that one table compares."""

    title: str
    rows: Rows
    columns: tuple[Column, ...]
    paper: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # variant -> its figures, first columns first
    profile: str = ""  # merged into params.yaml before, where its rows change what only that one has
    seeds: tuple[str, ...] = SEEDS  # keys that a seed changes

    @property
    def opens_test(self) -> bool:
        """Only where the paper's figures, which are of test people, stand beside."""
        return bool(self.paper)


def quality(kind: str, *scores: str) -> tuple[Column, ...]:
    """Of the photos that the system makes of such drawings."""
    suffix = {"simplified": "", "deformed": ", deformed"}[kind]
    return tuple(Column(f"{score.removesuffix('_near').upper()}{suffix}", "joint", kind, score) for score in scores)


TABLE_2 = Family(
    "Table 2: what the SCN learns to draw; R of the SCN as trained alone",
    {
        "detail-only": {"train_scn.loss.targets": ["canny"]},
        "contour-only": {"train_scn.loss.targets": ["hed"]},
        "both": {"train_scn.loss.targets": ["product"]},
        "both-literal": {"train_scn.loss.targets": ["hed", "canny"]},
    },
    tuple(
        Column(head, "apart", "simplified", score)
        for head, score in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("precision, near", "precision_near"),
            ("recall, near", "recall_near"),
        )
    ),
    {
        "detail-only": (0.1559, 0.1475),
        "contour-only": (0.1713, 0.1564),
        "both": (0.9962, 0.4772),
    },
)
TABLE_3 = Family(
    "Table 3: generators",
    {
        "original": {},
        "improved-1": both("net.generator.blocks", 16),
        "improved-2": unet_mru("train_scn") | unet_mru("train_isn"),
        "improved-2-scn": unet_mru("train_scn"),
        "improved-2-isn": unet_mru("train_isn"),
    },
    quality("simplified", "psnr", "ssim", "fid", "identity_rank1", "ssim_51"),
    {
        "original": (20.25, 0.8006, 58.43),
        "improved-1": (20.34, 0.8092, 57.09),
        "improved-2": (21.09, 0.8137, 55.12),
    },
)


def ablations(styles: Sequence[str]) -> Family:
    """One change each; `styles` are those of params.yaml."""
    return Family(
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
            **{f"{name}-alone": drawn("styles", [name]) for name in styles},
            "with-people": drawn("drawn", ["deformed", "people"]),
            "plain-lines": of_profile("plain-lines"),
            "plain-edges": of_profile("plain-edges"),
            **{f"hand-{name.removesuffix('_px')}": drawn(f"hand.{name}", strength) for name, strength in HAND.items()},
            "hand": hand(),
            "hand-and-dice": hand() | {"train_scn.loss.weights.dice": 10.0},
            "level": told_the_level(),
            "level-stays": told_the_level() | drawn("hand.stays", 1.0),
            "no-pressure": {"simplify.pressure_px": 0, "styles.photosketch.pressure_px": 0},
            "exposures": {"crop.exposures.copies": 5},
            "ssim": {"train_isn.loss.weights.ssim": 1.0},
            "photo-leads": {"train_joint.isn_to_scn": 10},
            "no-end-to-end": {"train_joint.isn_to_scn": 0},
            "tv-as-printed": {"train_isn.loss.tv": "paper"},
            "hard-product": {"pack.product_spread_px": 0},
        },
        quality("simplified", "psnr", "ssim", "completion", "completion_precision")
        + quality("deformed", "psnr", "ssim", "precision_near", "recall_near", "faithful_recall", "skin_de")
        + quality("deformed", "lpips_like", "sharpness", "fd_efficientnet", "identity_face", "identity_face_rank1"),
    )


REALISM = Family(
    "Realism: one change each of profile faces; the ISN alone, on true edges",
    {
        "as-it-is": {},
        "regression": {"train_isn.loss.weights.adversarial": 0.0, "train_isn.loss.weights.feature_matching": 0.0},
        "ssim-0": {"train_isn.loss.weights.ssim": 0.0},
        "ssim-5": {"train_isn.loss.weights.ssim": 5.0},
        "ssim-20": {"train_isn.loss.weights.ssim": 20.0},
        "spectral-alone": {"train_isn.net.discriminator.norm": "none", "train_isn.loss.adversarial.chance": 0},
        "unconditional": {"train_isn.loss.adversarial.conditional": False},
        "no-regression-first": {"train_isn.loss.adversarial.from_share": 0},
        "one-scale": {"train_isn.net.discriminator.scales": 1},
        "unet-d": unet_discriminator("train_isn"),
        "r1": {"train_isn.loss.adversarial.r1": 1.0},
        "r1-lazy": {"train_isn.loss.adversarial.r1": 1.0, "train_isn.loss.adversarial.r1_every_steps": 16},
        "diffaugment": {"train_isn.loss.adversarial.augment": DIFFAUGMENT},
        "equal-layers": {"train_isn.loss.perceptual.weighting": "equal", "train_isn.loss.weights.perceptual": 0.5},
        "noise": {"train_isn.net.generator.kind": "noisy"},
        "no-code": {"train_isn.net.generator.dropped": 1.0},
        "wider": {"train_isn.net.generator.width": 64},
    },
    tuple(
        Column(score.upper(), "isn_true", "product", score)
        for score in ("psnr", "ssim", "lpips_like", "sharpness", "fd_efficientnet", "identity_face", "faithful_recall")
    ),
    profile="faces",
)


LEVELS = Family(
    "The level: how far calibrated strokes leave the drawing",
    {f"level-{round(100 * level)}": {"evaluate.level": level} for level in (0.0, 0.25, 0.5, 0.75, 1.0)},
    quality("deformed", "completion", "completion_precision", "kept_recall", "kept_precision", "faithful_recall")
    + quality("deformed", "precision_near", "recall_near", "identity_face", "fd_efficientnet"),
)


def table_1(values: Mapping[str, Any]) -> Family:
    """Every system that params name, as it is: its rows are the systems, so `tables` shows it as Table 1."""
    named, of = values["evaluate"]["systems"], values["baselines"]
    trained = dict.fromkeys([*of["names"], *of["refined"]])
    return Family(
        "Table 1",
        {AS_IT_IS: {}},
        tuple(Column(name, name, "deformed", "psnr") for name in named),
        {AS_IT_IS: ()},
        seeds=(*SEEDS, *(f"baselines.{name}.seed" for name in trained)),
    )


def families() -> dict[str, Family]:
    """Name -> family, with the styles, systems and baselines that params.yaml names."""
    values = read_yaml(params_path())
    own = ablations(values["styles"]["names"])
    others = {"table2": TABLE_2, "table3": TABLE_3, "ablations": own, "realism": REALISM, "levels": LEVELS}
    return {TABLE_1: table_1(values)} | others


def family(name: str) -> Family:
    known = families()
    if name not in known:
        raise UserError(f"experiments: no family '{name}'; there are {', '.join(known)}")
    return known[name]


def name_of(family_name: str, variant: str, seed: int) -> str:
    """Of the DVC experiment; `tables` finds it by this."""
    return f"{family_name}-{variant}-s{seed}"


def commands(family_name: str, variants: Sequence[str], seeds: int) -> list[list[str]]:
    """`dvc exp run --queue` of every variant and seed. Raises UserError for a name that is none."""
    of = family(family_name)
    unknown = [variant for variant in variants if variant not in of.rows]
    if unknown:
        raise UserError(f"experiments {family_name}: no variant {unknown}; there are {', '.join(of.rows)}")
    return [
        [*QUEUED, name_of(family_name, variant, seed), *settings(of, variant, seed), *stages(of)]
        for seed in range(seeds)
        for variant in variants or of.rows
    ]


def stages(of: Family) -> list[str]:
    """What has to run for the family's columns: evaluations of their systems, as far as params name them."""
    named = read_yaml(params_path())["evaluate"]["systems"]
    return [f"evaluate@{system}" for system in systems(of) if system in named]


def systems(of: Family) -> list[str]:
    """Those that the columns are of."""
    return list(dict.fromkeys(column.system for column in of.columns))


def settings(of: Family, variant: str, seed: int) -> list[str]:
    """-S KEY=VALUE for each change, +KEY=VALUE for a new key and ~KEY for one that goes, as DVC reads them.

    Test stays shut where it can.
    """
    given = of.rows[variant] | dict.fromkeys(of.seeds, seed) | ({} if of.opens_test else {"evaluate.splits": [VAL]})
    return [part for key, value in given.items() for part in ("-S", _setting(key, value))]


def _setting(key: str, value: Any) -> str:
    if isinstance(value, New):
        return f"+{key}={json.dumps(value.value)}"
    return f"~{key}" if value is GONE else f"{key}={json.dumps(value)}"


def queue(family_name: str, variants: Sequence[str], seeds: int, dry_run: bool) -> None:
    """Queue what of a family is not queued, running or done yet; `dvc queue start` then runs it."""
    asked, present = commands(family_name, variants, seeds), dict.fromkeys(finished(), "success") | waiting()
    for command in asked:
        name = command[len(QUEUED)]
        print(f"{name}: {present[name]}" if name in present else shlex.join(command))
        if not dry_run and name not in present:
            dvc(command[1:])


def finished() -> dict[str, str]:
    """Name of each finished experiment -> its commit, as DVC keeps them in git; of two of one name the younger.

    `dvc exp show --all-commits` tells the same after it has read every commit's params and metrics: minutes.
    """
    listed = ("git", "for-each-ref", "--sort=committerdate", "--format=%(refname:lstrip=4) %(objectname)", REFS)
    done = subprocess.run(listed, capture_output=True, text=True) if shutil.which("git") else None
    if done is None or done.returncode:
        raise UserError(NO_GIT)
    return dict(line.split() for line in done.stdout.splitlines())


def waiting() -> dict[str, str]:
    """Name -> state of those that are queued or run now."""
    rows = [line.split() for line in dvc(["queue", "status"]).splitlines()]
    return {row[1]: row[-1].lower() for row in rows if row and row[-1] in ("Queued", "Running")}


def dvc(arguments: Sequence[str]) -> str:
    """Output of a DVC command. Raises UserError with what it complains of."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if any(words in done.stderr for words in ("supported for Git", "not a git repository")):
        raise UserError(NO_GIT)
    if done.returncode:
        raise UserError(f"dvc {arguments[0]} {arguments[1]}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def measured(commit: str, systems: Sequence[str], split: str) -> dict[str, results.Details]:
    """System -> what an experiment measured of it on a split, out of DVC's cache; nothing where it did not."""
    import dvc.api  # heavy, and on the machines that only train there is none
    from dvc.exceptions import DvcException

    found = {}
    for system in systems:
        try:
            text = dvc.api.read(f"data/evaluation/{system}/{split}/details.json", rev=commit)
        except (DvcException, OSError):
            continue
        found[system] = json.loads(text)
    return found


def tables(split: str, enough: bool = False) -> None:
    """Print every family but Table 1 that has finished experiments: mean ± standard deviation over seeds, the paper's.

    `enough`: other tables were shown. Raises UserError where nothing is.
    """
    done, shown = finished(), 0
    for name, of in families().items():
        if name == TABLE_1:
            continue
        heads, rows = table(name, of, runs_of(name, of, done, split))
        if rows:
            print_table(heads, rows, f"{of.title} ({split})")
            shown += 1
    if not shown and not enough:
        raise UserError(f"tables: no finished experiments on {split}; queue a family: cali-sketch experiments table2")


def seeds_of_table_1(split: str) -> list[dict[str, results.Details]]:
    """What each finished seed of it measured, by system; none where there are no experiments."""
    try:
        done = finished()
    except UserError:
        return []
    return [run for run in runs_of(TABLE_1, family(TABLE_1), done, split)[AS_IT_IS] if run]


def runs_of(name: str, of: Family, done: Mapping[str, str], split: str) -> dict[str, list[dict[str, results.Details]]]:
    """Variant -> its finished runs, what each measured by system. Nothing of test where the family leaves it shut."""
    if split != VAL and not of.opens_test:
        return {}
    commits = {v: [c for key, c in done.items() if _is_run(key, name_of(name, v, 0)[:-1])] for v in of.rows}
    return {variant: [measured(commit, systems(of), split) for commit in found] for variant, found in commits.items()}


def table(
    name: str, of: Family, runs: Mapping[str, Sequence[Mapping[str, results.Details]]]
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one family: variants that measured something, with N faces and the number of seeds."""
    paper = of.columns[: max(map(len, of.paper.values()), default=0)]
    heads = ["variant", "seeds", "n", *(c.head for c in of.columns), *(f"paper's {c.head}" for c in paper)]
    rows = []
    for variant in of.rows:
        known = [run for run in runs.get(variant, ()) if run]
        if known:
            cells = [spread([value_of(run, column) for run in known]) for column in of.columns]
            theirs = of.paper.get(variant, ())
            beside = [f"{theirs[i]:g}" if i < len(theirs) else "" for i in range(len(paper))]
            rows.append([variant, str(len(known)), faces(known[0]), *cells, *beside])
    return filled(heads, rows)


def faces(run: Mapping[str, results.Details]) -> str:
    """N of a run."""
    styles = next(iter(next(iter(run.values())).values()))
    return str(styles[results.MEAN]["n"])


def _is_run(key: str, prefix: str) -> bool:
    return key.startswith(prefix) and key.removeprefix(prefix).isdigit()


def value_of(run: Mapping[str, results.Details], column: Column) -> float | None:
    """None where it was not computed."""
    styles = run.get(column.system, {}).get(column.kind)
    return None if styles is None else results.best_of(styles, column.score)
