"""Factors of antecedent drivers: from a module to files of the hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import f90nml
import numpy as np
import pytest
import torch
from helpers.respiration_folder import three_draws, write_module

from jules_ml.errors import BadInput
from jules_ml.jules.curve_files import read_curve, write_curve
from jules_ml.jules.export.curves import EXPORT
from jules_ml.jules.run_folder import NAMELISTS, read_run_folder, stage
from jules_ml.jules.swap.respiration import swap_hooks, swap_namelist
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, antecedent_tables

#: By the number of the driver: wetness_10d and air_temperature.
CURVES = {
    1: (torch.linspace(-0.2, 0.1, 41, dtype=torch.float64), torch.linspace(-0.5, 0.6, 41, dtype=torch.float64)),
    4: (
        torch.linspace(-8.0, 8.0, 41, dtype=torch.float64),
        torch.sin(torch.linspace(-1.5, 1.5, 41, dtype=torch.float64)),
    ),
}
ENTRIES = (
    "antecedent = 'wetness_10d', 'air_temperature', antecedent_tables = 'h_wetness_10d.nml', 'h_air_temperature.nml'"
)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Module folder with two antecedent drivers."""
    return write_module(tmp_path / "pine", antecedent=CURVES)


def test_tables_of_a_module(module: Path) -> None:
    tables = antecedent_tables(load_respiration(module)[0])
    assert list(tables) == ["wetness_10d", "air_temperature"]
    for table, (x, log_h) in zip(tables.values(), CURVES.values(), strict=True):
        torch.testing.assert_close(torch.log(table(x)), log_h)
        outside = torch.tensor([-99.0, 99.0], dtype=torch.float64)
        torch.testing.assert_close(torch.log(table(outside)), log_h[[0, -1]])
    assert antecedent_tables(three_draws()) == {}


def test_a_written_table_is_read_unchanged(tmp_path: Path) -> None:
    table = CurveTable("antecedent", "temperature_1d", -3.5, 2.5, np.array([0.5, 1.0, 1.5]), -3.5, 2.5, 0.0)
    again = read_curve(write_curve(table, tmp_path / "h.nml"), "antecedent")
    assert (again.name, again.x, again.x_min, again.x_max) == ("antecedent", "temperature_1d", -3.5, 2.5)
    np.testing.assert_array_equal(again.y, table.y)
    assert f90nml.read(tmp_path / "h.nml")["jules_ml_curve"]["x_units"] == "K"


@pytest.mark.parametrize(("name", "x"), [("fsth", "wetness_1d"), ("ftemp", "air_temperature"), ("antecedent", "sthu")])
def test_a_table_of_another_variable_is_refused(tmp_path: Path, name: Any, x: Any) -> None:
    with pytest.raises(BadInput, match="is not an input of"):
        write_curve(CurveTable(name, x, 0.0, 1.0, np.ones(2), 0.0, 1.0, 0.0), tmp_path / "h.nml")


def test_export_writes_a_file_for_each_driver(tmp_path: Path, module: Path) -> None:
    files, notes = EXPORT.write(module, tmp_path / "out")
    assert [file.name for file in files] == ["fsth.nml", "ftemp.nml", "h_wetness_10d.nml", "h_air_temperature.nml"]
    assert any(f"add {ENTRIES} to &jules_ml_respiration" in note for note in notes)


def test_export_without_drivers_mentions_none(tmp_path: Path) -> None:
    files, notes = EXPORT.write(write_module(tmp_path / "module"), tmp_path / "out")
    assert [file.name for file in files] == ["fsth.nml", "ftemp.nml"]
    assert not any("antecedent" in note for note in notes)


def test_hooks_of_a_run_get_the_drivers(
    user: Path, tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jules_ml.jules.swap.respiration.require_hooks", lambda _: None)
    with stage(read_run_folder(user), tmp_path / "run") as run:
        notes = swap_hooks(run, tmp_path / "jules.exe", config=None, module=module)
        group = f90nml.read(run.folder / NAMELISTS / "jules_ml.nml")["jules_ml_respiration"]
        assert group["antecedent"] == ["wetness_10d", "air_temperature"]
        for file in group["antecedent_tables"]:
            assert (run.folder / NAMELISTS / file).is_file()
    assert notes == ["respiration of pine by hooks, with factors of antecedent drivers: wetness_10d, air_temperature"]


def test_parameters_of_the_formulas_cannot_carry_them(user: Path, module: Path) -> None:
    notes = swap_namelist(read_run_folder(user), module)
    (warning,) = (note for note in notes if note.startswith("warning"))
    assert "but not its factors of antecedent drivers (wetness_10d, air_temperature)" in warning
