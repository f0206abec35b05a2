"""Surface temperature from longwave radiation, and the soil water index against TU Wien's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.quality import measured
from jules_ml.data.readers.fluxnet import read_fluxnet
from jules_ml.data.satellite import lst_from_longwave, soil_water_index
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput

SIGMA = 5.670374e-8


def longwave(up: list[float], down: list[float]) -> xr.Dataset:
    return site_dataset(
        {"lw_up": up, "lw_down": down},
        time=pd.date_range("2020-01-01", periods=len(up), freq="1D"),
        interval=pd.Timedelta(days=1),
        meta=SiteMeta("XX-Xxx", "made up", "none"),
        where="test",
    )


# --- surface temperature


@pytest.mark.parametrize("emissivity", [0.92, 0.98, 1.0])
def test_temperature_is_recovered(emissivity: float) -> None:
    truth, down = np.array([250.0, 290.0, 320.0]), np.array([200.0, 320.0, 400.0])
    up = emissivity * SIGMA * truth**4 + (1.0 - emissivity) * down
    lst = lst_from_longwave(longwave(list(up), list(down)), emissivity=emissivity)
    np.testing.assert_allclose(lst, truth, rtol=1e-7)
    assert lst.name == "lst"
    assert lst.attrs["units"] == "K"
    assert "all-sky" in lst.attrs["comment"]


def test_missing_flux_gives_missing_temperature() -> None:
    lst = lst_from_longwave(longwave([400.0, np.nan, 400.0], [300.0, 300.0, np.nan]))
    np.testing.assert_array_equal(lst.isnull(), [False, True, True])


def test_surface_of_a_real_tower_follows_its_air(shared_data: Path) -> None:
    path = next((shared_data / "moisture" / "neon_fluxnet_daily").glob("AMF_US-xKA_*"))
    ds = read_fluxnet(path, utc_offset_hours=-6.0)
    lst = lst_from_longwave(ds)
    good = measured(ds, "lw_up") & measured(ds, "lw_down") & measured(ds, "t_air")
    difference = (lst - ds["t_air"]).where(good)
    assert int(good.sum()) > 1000
    assert abs(float(difference.mean())) < 2.0
    assert float(xr.corr(lst.where(good), ds["t_air"].where(good))) > 0.98


def test_lst_refusals() -> None:
    ds = longwave([400.0, 400.0], [300.0, 300.0])
    with pytest.raises(BadInput, match="emissivity 98 ") as refusal:
        lst_from_longwave(ds, emissivity=98.0)
    assert "between 0.85 and 1" in refusal.value.remedy
    with pytest.raises(BadInput, match="'lw_down' is missing"):
        lst_from_longwave(ds.drop_vars("lw_down"))
    with pytest.raises(BadInput, match="1 values of lw_up are smaller") as refusal:
        lst_from_longwave(ds.assign(lw_up=("time", [400.0, 1.0])))
    assert refusal.value.where == "site XX-Xxx, variable lw_up"
    assert "exchanged" in refusal.value.remedy
    with pytest.raises(BadInput, match="outside 180 to 360 K"):
        lst_from_longwave(ds.assign(lw_up=("time", [400.0, 40.0])))


# --- soil water index


def surface(values: NDArray[np.float64], times: pd.DatetimeIndex) -> xr.DataArray:
    return xr.DataArray(values, coords={"time": times}, dims=("time",), name="ssm", attrs={"units": "1"})


@pytest.fixture
def observed() -> xr.DataArray:
    """Three years of days: wet winters, noise, a third missing at random, and a winter of snow."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2018-01-01", periods=1095, freq="1D")
    season = 0.5 + 0.3 * np.cos(2.0 * np.pi * np.arange(1095) / 365.0)
    values = np.clip(season + 0.15 * rng.standard_normal(1095), 0.0, 1.0)
    values[rng.random(1095) < 0.33] = np.nan
    values[330:430] = np.nan
    return surface(values, times)


def test_index_and_quality_against_pyswi(observed: xr.DataArray) -> None:
    swi_ts = pytest.importorskip("pyswi.swi_ts")
    t_value = np.array([1, 5, 20, 40, 100], dtype=np.int32)
    full = observed.fillna(-9999.0).to_numpy()
    julian = pd.DatetimeIndex(observed["time"].to_numpy()).to_julian_date().to_numpy()
    table = np.zeros(len(full), dtype=[("sm_jd", np.float64), ("sm", np.float32)])
    table["sm_jd"], table["sm"] = julian, full
    theirs, _ = swi_ts.calc_swi_ts(table, julian, t_value=t_value)
    ours = soil_water_index(observed, t_value=[float(t) for t in t_value])
    valid = observed.notnull().to_numpy()
    for t in t_value:
        one = ours.sel(t_value=t)
        np.testing.assert_allclose(one["swi"][valid], theirs[f"swi_{t}"][valid], atol=2e-6)
        # pyswi normalises by a thousand days, this code by all of them
        np.testing.assert_allclose(100.0 * one["swi_quality"][1:], theirs[f"swi_qflag_{t}"][1:], atol=0.02)


def test_recursive_form_of_albergel(observed: xr.DataArray) -> None:
    """The published recursion, with observations at uneven times."""
    rng = np.random.default_rng(1)
    times = pd.DatetimeIndex(observed["time"].to_numpy()) + pd.to_timedelta(rng.integers(0, 1200, 1095), unit="min")
    ssm = surface(observed.to_numpy(), times).dropna("time")
    days = ((ssm["time"] - ssm["time"][0]) / np.timedelta64(1, "D")).to_numpy()
    gain, index, expected = 1.0, float(ssm[0]), [float(ssm[0])]
    for elapsed, value in zip(np.diff(days), ssm.to_numpy()[1:], strict=True):
        gain = gain / (gain + np.exp(-elapsed / 7.3))
        index = index + gain * (value - index)
        expected.append(index)
    ours = soil_water_index(ssm, t_value=7.3)
    np.testing.assert_allclose(ours["swi"].sel(t_value=7.3), expected, rtol=1e-12)
    assert float(ours["swi_gain"][0, -1]) == pytest.approx(gain)


def test_nothing_depends_on_later_observations(observed: xr.DataArray) -> None:
    changed = observed.copy()
    changed[600:] = 1.0 - changed[600:]
    before, after = (soil_water_index(x, t_value=[5, 20], max_gap=30) for x in (observed, changed))
    xr.testing.assert_identical(before.isel(time=slice(0, 600)), after.isel(time=slice(0, 600)))
    assert not before.equals(after)


def test_gain_restarts_after_a_long_gap(observed: xr.DataArray) -> None:
    out = soil_water_index(observed, t_value=20.0, max_gap=30.0).squeeze("t_value")
    last = int(np.flatnonzero(observed[:330].notnull())[-1])
    back = int(np.flatnonzero(observed[430:].notnull())[0]) + 430
    assert out["swi"][last : last + 31].notnull().all()
    assert out["swi"][last + 31 : back].isnull().all()
    assert (out["swi_quality"][last + 31 : back] == 0.0).all()
    assert float(out["swi_gain"][back]) == 1.0
    assert float(out["swi"][back]) == float(observed[back])
    # without a limit the gain grows, and the index keeps its value
    free = soil_water_index(observed, t_value=20.0).squeeze("t_value")
    assert float(free["swi"][back - 1]) == float(free["swi"][last])
    assert 0.8 < float(free["swi_gain"][back]) < 1.0


def test_sites_are_filtered_separately(observed: xr.DataArray) -> None:
    both = xr.concat([observed, 1.0 - observed.shift(time=3)], dim="site")
    together = soil_water_index(both, t_value=[5, 20], max_gap=50)
    assert together["swi"].dims == ("t_value", "time", "site")
    alone = soil_water_index(both.isel(site=1), t_value=[5, 20], max_gap=50)
    xr.testing.assert_allclose(together.isel(site=1), alone, rtol=1e-14)
    # a record that is shifted and inverted gives an index that is shifted and inverted
    np.testing.assert_allclose(together["swi"][:, 3:, 1], 1.0 - together["swi"][:, :-3, 0], atol=1e-12)


def test_swi_refusals(observed: xr.DataArray) -> None:
    for invalid, keywords, problem, remedy in (
        (observed * 100.0, {}, "outside 0 to 1", "by 100"),
        (observed.fillna(-9999.0), {}, "-9999", "missing values to NaN"),
        (observed.where(False), {}, "no observation", "at least one value"),
        (observed[::-1], {}, "not in order", "sort by time"),
        (observed, {"t_value": [5.0, 0.0]}, "not positive", "in days"),
        (observed, {"max_gap": -1.0}, "not positive", "max_gap"),
    ):
        with pytest.raises(BadInput, match=problem) as refusal:
            soil_water_index(invalid, **({"t_value": 5.0} | keywords))
        assert refusal.value.where == "variable ssm"
        assert remedy in refusal.value.remedy
