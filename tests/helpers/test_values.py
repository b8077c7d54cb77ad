"""The values of the helper nets: read strictly, from the working folder where it has some."""

from pathlib import Path

import pytest

from pipeline.core.params import ParamsError
from pipeline.helpers import table
from pipeline.helpers.values import read_values, values_path


@pytest.mark.parametrize("name", table.HELPERS)
def test_the_working_folders_file_counts_first_and_is_checked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ships = read_values(table.HELPERS[name].params, name)
    text = values_path(name).read_text()
    monkeypatch.chdir(tmp_path)
    assert read_values(table.HELPERS[name].params, name) == ships
    Path(f"{name}.yaml").write_text(text.replace("batch: ", "batch: 1"))
    assert read_values(table.HELPERS[name].params, name).batch == int(f"1{ships.batch}")
    Path(f"{name}.yaml").write_text(text.replace("lr:", "lrr:"))
    with pytest.raises(ParamsError, match=rf"{name}\.optimizer"):
        table.check()


def test_training_goes_by_the_names_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    row = table.HELPERS["line_cleaner"]
    fake = table.Helper(row.params, lambda params, data, device: seen.append((type(params), data, device)))
    monkeypatch.setitem(table.HELPERS, "line_cleaner", fake)
    for name in ("line-cleaner", "line_cleaner"):
        table.run(name, tmp_path, "device")  # type: ignore[arg-type]
    assert seen == [(row.params, tmp_path, "device")] * 2
