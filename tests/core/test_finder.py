"""The finder of pictures, on folders as people have them."""

import json
import os
import sys
from pathlib import Path

import pytest

from pipeline.core import finder
from pipeline.core.errors import UserError
from pipeline.core.finder import find_pictures


def laid(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def names(folder: Path, **options: object) -> list[str]:
    return [source.name for source in find_pictures([folder], **options).sources]  # type: ignore[arg-type]


def kinds(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for left in find_pictures([folder]).left_out:
        found.setdefault(left.kind, []).append(left.path.name)
    return found


def test_every_suffix_that_is_read_and_the_order_of_names(tmp_path: Path) -> None:
    given = ["b.JPG", "a/x.jfif", "a.png", "c.avif", "d.gif", "e.WebP", "f.tif", "g.bmp", "h.mpo", "i.tiff", "j.jpeg"]
    laid(tmp_path, *given)
    assert names(tmp_path) == sorted(given, key=lambda name: name.split("/"))


def test_what_is_left_out_is_told_by_kind_with_first_names(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", ".b.png", "__MACOSX/a.png", "Thumbs.db", "IMG_1.HEIC", "raw.CR2", "notes.txt")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path) == ["a.png"]
    assert kinds(tmp_path) == {
        finder.CONVERT: ["IMG_1.HEIC", "raw.CR2"],
        finder.NO_PICTURE: ["notes.txt"],
        finder.BROKEN: ["gone.png"],
        finder.SPECIAL: ["pipe.png"],
        finder.HIDDEN: [".b.png", "Thumbs.db", "__MACOSX"],
    }
    report = find_pictures([tmp_path]).report()
    assert "left out, of a kind to convert to JPEG or PNG first: 2 (IMG_1.HEIC, raw.CR2)" in report


def test_a_report_tells_the_first_names_only(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", *(f"{i}.txt" for i in range(9)))
    assert find_pictures([tmp_path]).report() == ["left out, no pictures: 9 (0.txt, 1.txt, 2.txt, …)"]


def test_links_are_followed_once_and_loops_seen(tmp_path: Path) -> None:
    laid(tmp_path, "in/z/1.png", "elsewhere/2.png")
    (tmp_path / "in/again").symlink_to(tmp_path / "in")
    (tmp_path / "in/z/up").symlink_to("..")
    (tmp_path / "in/itself").symlink_to("itself")
    for name in ("a", "b"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/first").symlink_to(tmp_path / "in/z")  # sorted before what it shows, which keeps its name
    assert names(tmp_path / "in") == ["a/2.png", "z/1.png"]
    assert sorted(kinds(tmp_path / "in")[finder.TWICE]) == ["again", "b", "first", "up"]


def test_results_of_this_program_are_no_input(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", "out/a.photo.png", "before/a.photo.png", "other/b.png", "other/summary.json")
    (tmp_path / "before/summary.json").write_text(json.dumps({"made_by": "cali-sketch"}, indent=1))
    assert names(tmp_path, results=tmp_path / "out") == ["a.png", "other/b.png"]
    assert names(tmp_path / "before") == ["a.photo.png"]  # named itself: meant


def test_patterns_are_globs_below_the_folder_and_names_are_no_patterns(tmp_path: Path) -> None:
    root = laid(tmp_path / "[x]*", "s1/photos/b[1].png", "s1/sketches/b[1].png", "photos/deep/er/c.png", "top.png")
    assert names(root) == ["photos/deep/er/c.png", "s1/photos/b[1].png", "s1/sketches/b[1].png", "top.png"]
    assert names(root, include=("*/photos/*",)) == ["s1/photos/b[1].png"]
    assert names(root, include=("*.png", "photos/**")) == ["photos/deep/er/c.png", "top.png"]
    assert names(root, include=("**/?[[]1].png",)) == ["s1/photos/b[1].png", "s1/sketches/b[1].png"]


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take UTF-8 alone")
def test_names_that_are_no_utf8_are_found_and_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\x1b[31m.png")).write_bytes(b"x")
    laid(tmp_path, "a.png", os.fsdecode(b"\xfe.txt"))
    found = find_pictures([tmp_path])
    assert [source.name for source in found.sources] == ["a.png", "\udcff\x1b[31m.png"]
    assert found.report() == ["left out, no pictures: 1 (%FE.txt)"]
    "\n".join(found.report()).encode()


def test_named_files_are_taken_as_they_are_and_once(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", "b.txt", ".c.png")
    named = [tmp_path / "b.txt", tmp_path / ".c.png", tmp_path, tmp_path / "." / "a.png"]
    assert [source.name for source in find_pictures(named).sources] == ["b.txt", ".c.png", "a.png"]


def test_nothing_found_says_what_was_there(tmp_path: Path) -> None:
    laid(tmp_path, "IMG_1.heic")
    with pytest.raises(UserError, match=r"no images \(.*convert to JPEG or PNG first: 1 \(IMG_1\.heic\)"):
        find_pictures([tmp_path])
    with pytest.raises(UserError, match="nowhere: no such file"):
        find_pictures([tmp_path / "nowhere"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_does_not_end_the_search(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", "closed/b.png")
    (tmp_path / "closed").chmod(0)
    assert kinds(tmp_path) == {finder.LOCKED: ["closed"]}
