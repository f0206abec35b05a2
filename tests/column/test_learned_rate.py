"""The column respires at the base rate that was learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment

from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.experiment import load_experiment

#: Flux of the module at f = g = 1: its R0 of 2 umol m-2 s-1, and the heterotrophic fraction of soil respiration [kg m-2 s-1].
FLUX = 2.0 * 0.54 * 12.011e-9


def run(folder: Path, entry: str = "") -> ColumnRun:
    write_module(folder / "module")
    replaced = ("[run]", f'[modules]\nrespiration = "module"\n{entry}\n\n[run]')
    return run_column(load_experiment(write_experiment(folder, replaced, days=1)))


def rate(done: ColumnRun) -> np.ndarray:
    """Respiration divided by f and g of the top layer, from daily means [kg m-2 s-1]."""
    return (done.output["resp_s_gb"] / (done.output["fsth"] * done.output["ftemp"]).isel(soil=0)).to_numpy()


def test_respiration_is_the_learned_flux(tmp_path: Path) -> None:
    done = run(tmp_path)
    np.testing.assert_allclose(rate(done), FLUX, rtol=1e-3)
    note = next(note for note in done.notes if "base rate" in note)
    assert "kaps = 1.072e-09 s-1 instead of 5e-09" in note
    assert "R0 2 umol m-2 s-1 of a tower, since the module does not contain Somewhere" in note


def test_base_rate_of_jules_can_be_kept(tmp_path: Path) -> None:
    done = run(tmp_path, 'base_rate = "jules"')
    np.testing.assert_allclose(rate(done), 0.5e-8 * 12.1, rtol=1e-3)
    assert any("base rate of JULES: kaps = 5e-09" in note for note in done.notes)


def test_soil_without_carbon_keeps_its_rate(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    replaced = ("cs = 12.1\n", 'cs = 0.0\n\n[modules]\nrespiration = "module"\n')
    experiment, notes = with_learned_rate(load_experiment(write_experiment(tmp_path, replaced)))
    assert experiment.carbon is not None
    assert experiment.carbon.kaps == 0.5e-8
    assert "has no carbon" in notes[0]


def test_carbon_of_a_closed_loop_takes_precedence(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    replaced = ("[run]", '[modules]\nrespiration = "module"\n\n[run]')
    experiment, _ = with_learned_rate(load_experiment(write_experiment(tmp_path, replaced)), cs=6.0)
    assert experiment.carbon is not None
    assert 6.0 * experiment.carbon.kaps == pytest.approx(FLUX)
