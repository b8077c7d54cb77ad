"""Rules of the house that a machine can hold: size of functions, and the one place where polarity turns."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(file for part in ("pipeline", "models", "benchmarks") for file in (ROOT / part).rglob("*.py"))
LONGEST = 40  # lines
LEVELS = {255}
DRAWN = {  # names of drawings, whose polarity pipeline.core.polarity alone turns
    *("sketch", "sketches", "drawing", "drawings", "drawn", "clean", "deformed", "raw", "rough", "picture"),
    *("ink", "strokes", "lines", "edges", "canny", "hed", "product", "refined", "paper"),
}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_functions_are_short(file: Path) -> None:
    functions = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef)]
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def named(node: ast.expr) -> str:
    """What an expression is called: `batch["sketch"]`, `drawing.clean` and `sketch[0]` are sketches."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return key if isinstance(key, str) else named(node.value)
    return ""


def levels(node: ast.expr) -> bool:
    """255, or np.float32(255)."""
    if isinstance(node, ast.Call) and node.args:
        return levels(node.args[0])
    return isinstance(node, ast.Constant) and node.value in LEVELS


def turned(tree: ast.Module) -> list[str]:
    """Where a drawing is subtracted from one or from 255, or pixels are divided by 255."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp):
            continue
        whole = isinstance(node.left, ast.Constant) and node.left.value in (1, 1.0, 255)
        if isinstance(node.op, ast.Sub) and whole and named(node.right) in DRAWN:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
        if isinstance(node.op, ast.Div) and levels(node.right) and not isinstance(node.left, ast.Constant):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("file", [file for file in FILES if relative(file).startswith("pipeline/")], ids=relative)
def test_polarity_and_range_are_turned_in_one_module(file: Path) -> None:
    if relative(file) == "pipeline/core/polarity.py":
        assert len(turned(ast.parse(file.read_text()))) >= 2
    else:
        assert turned(ast.parse(file.read_text())) == []


@pytest.mark.parametrize("fault", ["1 - sketch", "255 - batch['lines']", "x = pixels / 255", "a.b / np.float32(255)"])
def test_planted_faults_are_found(fault: str) -> None:
    assert turned(ast.parse(fault))
