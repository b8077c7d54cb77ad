"""Work in several processes, when they are killed."""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.errors import WorkFailed
from pipeline.core.parallel import map_images


def doubling(*deadly: int) -> Callable[[int], int]:
    """A function that kills its process where the item is deadly; local, so that it travels by value."""

    def doubled(item: int) -> int:
        if item in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * item

    return doubled


def test_a_killed_process_costs_its_own_item_alone() -> None:
    expected = [-item if item in (5, 31) else 2 * item for item in range(40)]
    assert map_images(doubling(5, 31), list(range(40)), 2, "double", killed=lambda item: -item) == expected


def test_without_a_word_for_the_killed_the_work_stops_and_names_the_item() -> None:
    with pytest.raises(WorkFailed, match="double: the process that worked on 5 was killed"):
        map_images(doubling(5), list(range(9)), 2, "double")


def test_relative_names_are_of_the_folder_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are kept for the next call, which may come from another folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        monkeypatch.chdir(tmp_path / name)
        assert map_images(lambda path: Path(path).read_text(), ["file"] * 4, 2, "read") == [name] * 4


def survivor(folder: Path) -> Callable[[int], int]:
    """Killed where another is at work as well, as when memory is short. A lock ends with its process."""

    def is_held(path: Path) -> bool:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def works(item: int) -> int:
        with (folder / f"{os.getpid()}.at_work").open("w") as mine:
            fcntl.flock(mine, fcntl.LOCK_EX)
            time.sleep(0.5)
            if sum(map(is_held, folder.glob("*.at_work"))) > 1:
                (folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return item

    return works


def test_what_is_killed_only_beside_others_is_made_alone(tmp_path: Path) -> None:
    assert map_images(survivor(tmp_path), [0, 1, 2], 2, "alone", killed=lambda item: -1) == [0, 1, 2]
    assert (tmp_path / "killed").exists()
