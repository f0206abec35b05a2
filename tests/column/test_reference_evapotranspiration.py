"""``fao_et0`` of a run: FAO-56's worked examples as weather, and the output of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.small_experiment import write_experiment

from jules_ml.column.folder import run_summary
from jules_ml.column.output import OUTPUTS
from jules_ml.column.reference_evapotranspiration import fao_et0
from jules_ml.column.run import run_column
from jules_ml.experiment import load_experiment

DAY, HALF_HOUR = 86400.0, 1800.0


def uccle(days: int = 1) -> xr.Dataset:
    """FAO-56, example 18: Uccle, 6 July; half-hours about its daily values, and longwave radiation as in its eq. 39."""
    hour = (np.arange(48 * days) + 0.5) / 2.0 % 24.0
    middle, amplitude = 0.5 * (21.5 + 12.3), 0.5 * (21.5 - 12.3)
    wave = np.cos(2.0 * np.pi * (hour - 14.75) / 24.0)
    t_air = 273.15 + middle + amplitude * wave / wave.max()
    sun = np.maximum(0.0, np.cos(2.0 * np.pi * (hour - 12.0) / 24.0))
    pressure, vapour = 100100.0, 1409.0
    columns = {
        "t_air": t_air,
        "sw_down": 22.07e6 / DAY * sun / sun.mean(),
        "lw_down": 5.67e-8 * t_air**4 - 3.71e6 / DAY,
        "wind": np.full(hour.shape, 2.78),
        "pstar": np.full(hour.shape, pressure),
        "q": np.full(hour.shape, 0.62198 * vapour / (pressure - 0.37802 * vapour)),
    }
    return xr.Dataset({name: ("time", values) for name, values in columns.items()})


def test_example_18_of_fao56() -> None:
    """3.9 mm in the day."""
    rate = fao_et0(uccle(), timestep=HALF_HOUR, period=pd.Timedelta("1D"), height=10.0)
    assert rate.shape == (1,)
    assert float(rate[0]) * DAY == pytest.approx(3.88, abs=0.02)


def test_longer_periods_are_means_of_days() -> None:
    day, two_days = (
        fao_et0(uccle(4), timestep=HALF_HOUR, period=pd.Timedelta(days, "D"), height=10.0) for days in (1, 2)
    )
    assert two_days.shape == (2,)
    np.testing.assert_allclose(two_days, day.reshape(2, 2).mean(1))


def test_hours_add_up_to_about_the_day() -> None:
    hours = fao_et0(uccle(), timestep=HALF_HOUR, period=pd.Timedelta("1h"), height=10.0)
    assert hours.shape == (24,)
    assert hours[:3].max() < 0.1 * hours.max()
    assert float(hours.sum()) * 3600.0 == pytest.approx(3.9, rel=0.1)


def test_a_run_writes_it(tmp_path: Path) -> None:
    run = run_column(load_experiment(write_experiment(tmp_path)))
    values = run.output["fao_et0"]
    assert values.dims == ("time",)
    assert values.attrs["units"] == "kg m-2 s-1"
    assert values.attrs["cell_methods"].startswith("time: mean")
    assert ((values > 1.0 / DAY) & (values < 10.0 / DAY)).all()
    summary = json.loads(json.dumps(run_summary(run)))
    assert summary["means"]["fao_et0"] == pytest.approx(float(values.mean()), abs=1e-9)


def test_it_can_be_chosen_or_left_out(tmp_path: Path) -> None:
    for outputs, expected in (('["fao_et0"]', {"fao_et0"}), ('["runoff"]', {"runoff"})):
        change = ("mean_over = 48", f"mean_over = 24\noutputs = {outputs}")
        output = run_column(load_experiment(write_experiment(tmp_path, change, days=1))).output
        assert {*OUTPUTS, "fao_et0"} & set(output.data_vars) == expected


def test_other_outputs_are_unchanged(tmp_path: Path) -> None:
    """It is computed from the weather after the run: all else has the same bits."""
    chosen = ("mean_over = 48", 'mean_over = 48\noutputs = ["smcl", "fqw_gb"]')
    every = run_column(load_experiment(write_experiment(tmp_path))).output
    few = run_column(load_experiment(write_experiment(tmp_path, chosen))).output
    for name in ("smcl", "fqw_gb"):
        np.testing.assert_array_equal(every[name], few[name])
