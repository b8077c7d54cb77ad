"""Names that users gave their files, as text that any terminal, CSV and JSON can hold."""

import os
from pathlib import Path


def printable(name: str | Path) -> str:
    r"""A name or path as one line of text: bytes that are no UTF-8 as %FF, control characters as \x1b."""
    text = "".join(_undecodable(char) if "\udc80" <= char <= "\udcff" else char for char in str(name))
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _undecodable(char: str) -> str:
    return f"%{os.fsencode(char)[0]:02X}" if os.name != "nt" else "%??"
