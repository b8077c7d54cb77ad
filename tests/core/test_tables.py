"""Tables on the terminal: whole numbers, 100 columns, no line cut."""

import pytest

from pipeline.core.tables import markdown, print_table

HEADS = ["system", "n", *(f"score {i}" for i in range(20))]
ROWS = [[name, "70000", *(f"{i}.1234 ± 0.{i:04d}" for i in range(20))] for name in ("joint", "[bold]apart[/]")]


def test_a_wide_table_is_broken_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADS, ROWS, "val", keys=2)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].strip() == "val"
    text = "\n".join(lines)
    assert "…" not in text
    for row in ROWS:
        for cell in row:
            assert cell in text
    parts = text.count("70000") // 2
    assert parts > 1
    assert text.count("[bold]apart[/]") == parts == text.count("joint"), "each part names its rows"


def test_one_column_wider_than_the_page_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["key", "value"], [["a", "x" * 150], ["b", "y"]])
    assert "x" * 150 in capsys.readouterr().out


def test_a_narrow_table_is_one_and_keys_alone_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "b\nbelow"], [["1", "2"]])
    assert capsys.readouterr().out.count("┏") == 1
    print_table(["a"], [["1"]])
    assert "1" in capsys.readouterr().out


def test_markdown_has_one_line_a_row() -> None:
    assert markdown(["a", "b\nc"], [["x", "1|2"]]) == "| a | b c |\n| :-- | --: |\n| x | 1/2 |\n"
