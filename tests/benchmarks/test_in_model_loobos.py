"""Parts of the benchmark at Loobos that need no JULES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _claims import Claims
from _in_model_loobos import OBSERVED, daily, loobos_claims, observed, write_run_folder

from jules_ml.jules.base_rate import base_rate
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.learned.respiration.rate import BaseFlux


def test_run_folder_has_all_namelists(shared_data: Path, tmp_path: Path) -> None:
    write_run_folder(shared_data / "jules", tmp_path / "loobos")
    run = read_run_folder(tmp_path / "loobos")
    assert run.van_genuchten
    flux = BaseFlux(2.0, 1.0, "a tower")
    assert base_rate(run, flux).entries["kaps"] == pytest.approx(flux.carbon / 12.1, rel=1e-6)


def test_days_of_the_tower(shared_data: Path) -> None:
    tower = observed(shared_data / "callmip" / OBSERVED)
    assert tower.notna().sum().tolist() == [79, 280, 321]


def test_days_of_a_run_are_local_and_in_the_units_of_the_tower() -> None:
    time = np.datetime64("1996-12-31T23:00", "ns") + np.arange(1, 97) * np.timedelta64(1800, "s")
    rates = {"gpp_gb": 2e-8, "resp_p_gb": 1e-8, "resp_s_gb": 3e-8, "latent_heat": 50.0, "ftl_gb": 20.0}
    ds = xr.Dataset({name: ("time", np.full(96, value)) for name, value in rates.items()}, {"time": time})
    days = daily(ds)
    assert [str(day)[:10] for day in days.index] == ["1997-01-01", "1997-01-02"]
    np.testing.assert_allclose(days["NEE_daily"], 2e-8 * 1e3 * 86400.0)


def test_without_a_build_nothing_is_measured(shared_data: Path) -> None:
    claims = Claims("in_model", quick=True)
    loobos_claims(claims, shared_data, None)
    assert claims.finish() == 0
