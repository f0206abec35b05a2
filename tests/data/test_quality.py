"""Measured, night, thawed; and the threshold of friction velocity."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from pvlib import solarposition

from jules_ml.data.quality import ground_temperature, measured, night, thawed, where_measured
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.sun import mean_cos_zenith, potential_radiation
from jules_ml.data.ustar import F_MAX_95, Method, change_point, ustar_threshold
from jules_ml.errors import BadInput

HALF_HOUR = pd.Timedelta(minutes=30)
HYYTIALA = SiteMeta("FI-Hyy", "SMEAR II", "CC BY 4.0", latitude=61.8474, longitude=24.2948, utc_offset_hours=2.0)


@pytest.fixture(scope="module")
def hyytiala(shared_data: Path) -> xr.Dataset:
    table = pd.read_parquet(shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet")
    # by the position of the sun, this file has stamps at the start of its intervals
    time = utc_end_of_interval(table.index, interval=HALF_HOUR, stamp_at="start", utc_offset_hours=2.0, where="FI-Hyy")
    return site_dataset(
        {"nee": table["NEE"], "ustar": table["USTAR"], "t_air": table["TA"] + 273.15, "ppfd": table["PAR"]},
        time=time,
        interval=HALF_HOUR,
        meta=HYYTIALA,
        qc={"nee": table["NEE_QC"]},
        qc_meaning="0 measured, 1 and 2 filled",
        where="FI-Hyy",
    )


def small(
    values: dict[str, list[float]],
    *,
    qc: dict[str, list[float]] | None = None,
    step: pd.Timedelta = HALF_HOUR,
    start: str = "2020-06-01 12:30",
) -> xr.Dataset:
    n = len(next(iter(values.values())))
    return site_dataset(
        values,
        time=pd.date_range(start, periods=n, freq=step),
        interval=step,
        meta=SiteMeta("XX-Xxx", "made up", "none", latitude=50.0, longitude=0.0),
        qc=qc,
        qc_meaning="FLUXNET" if qc else None,
        where="test",
    )


# --- measured


def test_half_hours_count_with_code_0_only() -> None:
    ds = small({"t_air": [280.0, 281.0, 282.0, np.nan, 284.0]}, qc={"t_air": [0.0, 1.0, np.nan, 0.0, 3.0]})
    np.testing.assert_array_equal(measured(ds, "t_air"), [True, False, False, False, False])


def test_days_count_by_fraction() -> None:
    ds = small({"t_air": [280.0] * 4}, qc={"t_air": [1.0, 0.8, 0.79, np.nan]}, step=pd.Timedelta(days=1))
    np.testing.assert_array_equal(measured(ds, "t_air"), [True, True, False, False])
    np.testing.assert_array_equal(measured(ds, "t_air", min_fraction=0.5), [True, True, True, False])


def test_codes_of_sensors_by_depth() -> None:
    ds = site_dataset(
        {"theta": [[0.2, 0.3], [0.2, 0.3]]},
        time=pd.date_range("2020-01-01", periods=2, freq=HALF_HOUR),
        interval=HALF_HOUR,
        depth=[0.05, 0.2],
        meta=SiteMeta("XX-Xxx", "made up", "none"),
        qc={"theta": [[0.0, 1.0], [0.0, 0.0]]},
        qc_meaning="FLUXNET",
        where="test",
    )
    np.testing.assert_array_equal(measured(ds, "theta"), [[True, False], [True, True]])


@pytest.mark.parametrize(
    ("step", "codes", "remedy"),
    [(HALF_HOUR, [0.0, 7.0], "recode to 0"), (pd.Timedelta(days=1), [1.0, 2.0], "fraction")],
)
def test_unknown_code_is_refused(step: pd.Timedelta, codes: list[float], remedy: str) -> None:
    ds = small({"t_air": [280.0, 280.0]}, qc={"t_air": codes}, step=step)
    with pytest.raises(BadInput, match=f"quality code {codes[1]:g} at 2020-06-0") as refusal:
        measured(ds, "t_air")
    assert refusal.value.where == "site XX-Xxx, variable t_air_qc"
    assert remedy in refusal.value.remedy


def test_variable_without_code_is_refused() -> None:
    with pytest.raises(BadInput, match="no quality code") as refusal:
        measured(small({"t_air": [280.0]}), "t_air")
    assert "notnull" in refusal.value.remedy
    with pytest.raises(BadInput, match="'nee' is missing"):
        measured(small({"t_air": [280.0]}), "nee")


# --- night


@pytest.mark.parametrize(("latitude", "longitude"), [(61.8, 24.3), (-35.0, -110.0), (78.0, 15.0), (0.0, 179.0)])
def test_mean_sun_of_each_step_against_pvlib(latitude: float, longitude: float) -> None:
    minutes = pd.date_range("2016-03-01 00:01", "2016-03-09", freq="2min")
    sun = solarposition.get_solarposition(minutes.tz_localize("UTC"), latitude, longitude)["zenith"].to_numpy()
    fine = np.maximum(np.cos(np.radians(sun)), 0.0).reshape(-1, 15).mean(axis=1)
    ends = minutes[14::15] + pd.Timedelta(minutes=1)
    mean = mean_cos_zenith(ends, HALF_HOUR, latitude=latitude, longitude=longitude)
    np.testing.assert_allclose(mean, fine, atol=4e-3)
    assert (mean[(fine == 0.0)] < 1e-3).all()


@pytest.mark.slow
def test_no_second_hdf5_library_comes_with_the_modules() -> None:
    """A program linked to netCDF, such as JULES, must be able to import them."""
    names = ("data.quality", "data.ustar", "data.satellite", "scoring.splits", "weather.disaggregate")
    modules = ", ".join(f"jules_ml.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit('h5py' in sys.modules or 'netCDF4' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_daily_potential_radiation_is_the_mean_of_steps() -> None:
    ends = pd.date_range("2019-01-01 07:00", periods=365 * 24, freq="1h")
    hourly = mean_cos_zenith(ends, pd.Timedelta(hours=1), latitude=46.8, longitude=-100.0)
    daily = mean_cos_zenith(ends[23::24], pd.Timedelta(days=1), latitude=46.8, longitude=-100.0)
    np.testing.assert_allclose(hourly.reshape(-1, 24).mean(axis=1), daily, atol=1e-3)


def test_no_night_in_polar_summer_and_no_day_in_polar_winter() -> None:
    for start, expected in (("2020-06-20 00:30", False), ("2020-12-20 00:30", True)):
        ds = small({"sw_down": [0.0] * 48}, start=start).assign_attrs(latitude=78.0)
        assert (night(ds) == expected).all()


def test_night_at_hyytiala(hyytiala: xr.Dataset) -> None:
    dark = night(hyytiala)
    assert 0.43 < float(dark.mean()) < 0.5
    assert float(hyytiala["ppfd"].where(dark).max()) < 20.0
    assert not (dark & hyytiala["ppfd"].isnull()).any()
    assert float(potential_radiation(hyytiala).where(dark).max()) <= 1.0
    # with potential radiation in the record, the position is not needed
    with_radiation = (
        hyytiala.assign(sw_pot=potential_radiation(hyytiala)).drop_attrs().assign_attrs(interval_seconds=1800.0)
    )
    np.testing.assert_array_equal(night(with_radiation), dark)


def test_shortwave_takes_precedence_over_photon_flux() -> None:
    ds = small({"sw_down": [0.0, 11.0, np.nan, np.nan], "ppfd": [25.0, 0.0, 5.0, np.nan]}, start="2020-06-01 00:00")
    np.testing.assert_array_equal(night(ds), [True, False, True, False])


def test_wrong_clock_is_refused(hyytiala: xr.Dataset) -> None:
    wrong = hyytiala.assign_coords(time=hyytiala["time"] + np.timedelta64(4, "h"))
    with pytest.raises(BadInput, match="with the sun below the horizon") as refusal:
        night(wrong)
    assert refusal.value.where == "site FI-Hyy, variable ppfd"
    assert "utc_offset_hours" in refusal.value.remedy


def test_night_refusals() -> None:
    ds = small({"sw_down": [0.0] * 4})
    for invalid, problem, remedy in (
        (ds.drop_attrs().assign_attrs(interval_seconds=1800.0), "latitude is unknown", "give latitude"),
        (ds.assign_attrs(longitude=250.0), "longitude 250", "decimal degrees"),
        (ds.drop_attrs(), "interval is unknown", "interval_seconds"),
        (ds.drop_vars("sw_down").assign(nee=ds["sw_down"]), "'sw_down' and 'ppfd' are missing", "photon flux"),
        (ds.assign_attrs(interval_seconds=86400.0), "intervals of 1 days", "hourly"),
        (ds.expand_dims(site=["A", "B"]), "contains 2 sites, not one", "select one"),
    ):
        with pytest.raises(BadInput, match=problem) as refusal:
            night(invalid)
        assert remedy in refusal.value.remedy


# --- friction velocity


def leaky(ds: xr.Dataset, threshold: float) -> xr.Dataset:
    """Respiration by Q10 with the temperature and u* of the site, underestimated in calm air, with heavy-tailed noise."""
    true = 2.5 * 2.0 ** ((ds["t_air"] - 283.15) / 10.0) * np.minimum(1.0, ds["ustar"] / threshold)
    noise = np.random.default_rng(1).laplace(size=true.size) * (0.3 + 0.25 * true)
    return ds.assign(nee=true + noise)


@pytest.mark.parametrize("threshold", [0.25, 0.40])
@pytest.mark.parametrize(("method", "below", "above"), [("change-point", 0.03, 0.03), ("moving-point", 0.03, 0.10)])
def test_known_threshold_is_recovered(
    hyytiala: xr.Dataset, threshold: float, method: Method, below: float, above: float
) -> None:
    ds = leaky(hyytiala, threshold)
    found = ustar_threshold(ds, night(ds), method=method, bootstraps=50)
    assert threshold - below < found.p50 < threshold + above
    assert found.p16 < found.p50 < found.p84 < found.p16 + 0.12
    again = ustar_threshold(ds, night(ds), method=method, bootstraps=50)
    xr.testing.assert_identical(found.by_year, again.by_year)


def test_more_years_do_not_change_the_first_ones(hyytiala: xr.Dataset) -> None:
    ds = leaky(hyytiala, 0.3)
    short = ds.sel(time=slice(None, "2018-12-31 22:00"))
    longer, shorter = (ustar_threshold(d, night(d), bootstraps=10).by_year for d in (ds, short))
    xr.testing.assert_equal(longer.sel(year=[2016, 2017, 2018]), shorter)


def test_record_already_filtered_is_refused(hyytiala: xr.Dataset) -> None:
    """FI-Hyy's measured fluxes have no calm nights: the file was filtered at 0.3 m s-1."""
    with pytest.raises(BadInput, match=r"filtered by u\* already, at about 0\.3") as refusal:
        ustar_threshold(hyytiala, night(hyytiala) & measured(hyytiala, "nee"))
    assert refusal.value.where == "site FI-Hyy, variable nee"
    assert "set ustar_min to that number" in refusal.value.remedy


def test_too_few_rows_are_refused(hyytiala: xr.Dataset) -> None:
    ds = leaky(hyytiala, 0.3).isel(time=slice(0, 480))
    for method in ("moving-point", "change-point"):
        with pytest.raises(BadInput, match=rf"no u\* threshold by the {method} method") as refusal:
            ustar_threshold(ds, night(ds), method=method)
        assert "set ustar_min to a number" in refusal.value.remedy


def test_flux_that_does_not_depend_on_turbulence_has_no_change_point(hyytiala: xr.Dataset) -> None:
    ds = leaky(hyytiala, 1e-6)
    with pytest.raises(BadInput, match=r"no u\* threshold"):
        ustar_threshold(ds, night(ds))


def brute_force(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    errors = {
        k: np.linalg.lstsq(np.stack([np.ones_like(x), np.minimum(x, x[k])], axis=1), y, rcond=None)[1][0]
        for k in range(3, len(x) - 3)
    }
    best = min(errors, key=errors.__getitem__)
    return x[best], errors[best]


def test_change_point_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.random((20, 50)), axis=1)
    y = np.minimum(x, 0.4) + 0.05 * rng.standard_normal(x.shape)
    at, slope, f_max = change_point(x, y)
    for i in range(len(x)):
        expected, left = brute_force(x[i], y[i])
        assert at[i] == expected
        assert f_max[i] == pytest.approx((((y[i] - y[i].mean()) ** 2).sum() - left) / (left / 48))
    assert slope.mean() == pytest.approx(1.0, abs=0.1)


def test_significance_of_a_break_under_noise() -> None:
    noise = np.random.default_rng(2).standard_normal((40_000, 50))
    f_max = change_point(np.broadcast_to(np.arange(50.0), noise.shape), noise)[2]
    assert (f_max > F_MAX_95).mean() == pytest.approx(0.05, abs=0.005)


def test_frost_is_judged_by_the_soil_where_measured_and_else_by_the_air() -> None:
    t_air = np.array([270.0, 290.0, 275.0, 275.2, np.nan, np.nan])
    t_soil = np.array([275.0, 273.0, np.nan, np.nan, 280.0, np.nan])
    expected = [275.0, 273.0, 274.0, 274.2, 280.0, np.nan]
    np.testing.assert_allclose(ground_temperature(t_air, t_soil), expected)
    assert thawed(t_air, t_soil, frozen_below=274.15).tolist() == [True, False, False, True, True, False]
    assert thawed(t_air, frozen_below=274.15).tolist() == [False, True, False, True, False, False]


def test_frost_is_judged_by_the_uppermost_sensor_that_measured() -> None:
    t_soil = np.array([[273.0, 280.0], [np.nan, 280.0], [np.nan, np.nan]])
    np.testing.assert_allclose(ground_temperature(np.full(3, 276.0), t_soil), [273.0, 280.0, 275.0])


def test_soil_at_the_threshold_is_not_frozen() -> None:
    assert thawed(np.array([290.0]), np.array([273.15]), frozen_below=273.15).all()


def test_filled_values_are_left_out_where_the_record_tells_them() -> None:
    ds = small({"t_air": [280.0, 281.0, 282.0]}, qc={"t_air": [0.0, 1.0, 0.0]})
    np.testing.assert_array_equal(where_measured(ds, "t_air"), [280.0, np.nan, 282.0])
    np.testing.assert_array_equal(where_measured(ds.drop_vars("t_air_qc"), "t_air"), ds["t_air"])
