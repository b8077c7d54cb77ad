"""Files that are whole or absent."""

import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.core.files import FORGOTTEN_S, new_folder, remove_leftovers, write_bytes


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    remove_leftovers.cache_clear()


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_the_umask_is_respected(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "a", b"x")
        with new_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o777 & ~mask


KILLED = """
import os, sys
from pathlib import Path
from pipeline.core.files import new_folder
import pipeline.core.files as files
with new_folder(Path(sys.argv[1]) / "faces") as out:
    (out / "half.png").write_bytes(b"x")
    files.os.replace = lambda *_: os._exit(9)
    files.write_bytes(Path(sys.argv[1]) / "one.png", b"x")
"""


def test_leftovers_of_a_killed_run_are_removed_by_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert done.returncode == 9
    assert sorted(path.name.split(".")[1] for path in tmp_path.iterdir()) == ["faces", "one"]
    (tmp_path / ".mine").touch()
    write_bytes(tmp_path / "other.png", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", "other.png"]


def test_what_a_living_process_or_another_machine_writes_stays(tmp_path: Path) -> None:
    with new_folder(tmp_path / "faces") as out:
        remove_leftovers.cache_clear()
        write_bytes(tmp_path / "x", b"x")
        assert out.is_dir()
    elsewhere = [tmp_path / f".a.cali-00000000-{process}-ab" for process in (1, 2)]
    for path in elsewhere:
        path.touch()
    os.utime(elsewhere[0], (time.time() - FORGOTTEN_S - 9,) * 2)
    remove_leftovers.cache_clear()
    write_bytes(tmp_path / "y", b"x")
    assert [path.exists() for path in elsewhere] == [False, True]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/faces").mkdir(parents=True)
    (tmp_path / "elsewhere/a").write_bytes(b"old")
    for name in ("a", "faces", "new"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    for name in ("a", "new"):
        write_bytes(tmp_path / name, b"x")
        assert (tmp_path / "elsewhere" / name).read_bytes() == b"x"
        assert (tmp_path / name).is_symlink()
    with new_folder(tmp_path / "faces") as out:
        (out / "1").touch()
    assert (tmp_path / "faces").is_symlink()
    assert (tmp_path / "elsewhere/faces/1").exists()


@pytest.mark.parametrize("length", [1, 101, 255])
def test_names_as_long_as_the_file_system_allows(tmp_path: Path, length: int) -> None:
    write_bytes(tmp_path / ("x" * length), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * length]


def test_a_failed_block_leaves_what_was_there(tmp_path: Path) -> None:
    write_bytes(tmp_path / "faces/1", b"old")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "faces") as out:  # noqa: PT012
        (out / "2").touch()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["faces", "1"]


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.raises(OSError, match=r"a\.png"):
            write_bytes(tmp_path / "a.png", bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
