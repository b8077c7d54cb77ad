"""One id per photo, from its own path and nothing else."""

import hashlib
import os
import re
import unicodedata

MAX_BYTES = 100  # ours: leaves room for what later stages append; file systems allow 255
PLAIN = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*(/[a-z0-9_]+(-[a-z0-9_]+)*)*\.png")
TAKEN = re.compile(r"(-[0-9a-f]{10}|_exposure\d+)$")  # endings that mean something else


def make_id(source: str) -> str:
    """Relative path -> short ASCII name: `a/b.png` -> `a--b`; what is not as plain as that ends in its path's hash.

    Plain are lower-case letters, digits, `_` and single `-`, suffix .png: nothing is lost, so no two share an id,
    not even where capitals are the same. All else (`Zoë.jpg` -> `Zoe-1d0d8ae5f3`) is told apart by 40 bits of
    sha256. No sibling of a photo has a say in its id.
    """
    stem = os.path.splitext(source)[0]
    name = stem.replace("/", "--")
    if PLAIN.fullmatch(source) and len(name) <= MAX_BYTES and not TAKEN.search(name):
        return name
    mark = hashlib.sha256(os.fsencode(source)).hexdigest()[:10]
    return f"{_slug(stem)[: MAX_BYTES - len(mark) - 1].strip('-') or 'face'}-{mark}"


def _slug(stem: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(c))
    coded = "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)  # 日本 -> u65e5u672c
    return "--".join(re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in coded.split("/"))
