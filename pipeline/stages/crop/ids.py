"""One id per photo, from its path."""

import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path


def make_ids(sources: list[str]) -> list[str]:
    """Short ASCII names, unique, from relative paths: folders that all share are left out."""
    parts = [Path(source).with_suffix("").parts for source in sources]
    depth = max(map(len, parts))
    telling = [i for i in range(depth) if len({part[i] for part in parts if len(part) > i + 1}) > 1]
    slugs = [_slug("-".join([part[i] for i in telling if i < len(part) - 1] + [part[-1]])) for part in parts]
    counts = Counter(slug.lower() for slug in slugs)
    marks = [hashlib.sha256(source.encode()).hexdigest()[:6] for source in sources]
    return [slug if counts[slug.lower()] == 1 else f"{slug}-{mark}" for slug, mark in zip(slugs, marks, strict=True)]


def _slug(name: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    coded = "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)  # 日本 -> u65e5u672c
    return re.sub(r"[^A-Za-z0-9_]+", "-", coded).strip("-") or "face"
