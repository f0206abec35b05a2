"""Selection of the rows that respiration is fitted to: the rows that each rule drops, and all errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _hyytiala import hyytiala
from helpers.respiration_record import synthetic_record

from jules_ml.data.readers.cosore import read_cosore
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.site import select_rows

SOIL = RespirationSettings(target="soil")


def changed(**columns: np.ndarray) -> xr.Dataset:
    ds = synthetic_record()
    return ds.assign({name: (ds[name].dims, values.reshape(ds[name].shape)) for name, values in columns.items()})


def test_all_rows_of_a_good_record_are_used() -> None:
    ds = synthetic_record()
    rows = select_rows(ds, SOIL)
    frozen = int((ds["t_soil"] < 273.15).sum())
    assert len(rows) == ds.sizes["time"] - frozen
    assert rows.dropped["soil frozen"] == frozen
    assert rows.groups == ("synthetic",)
    assert float(rows.wetness.max()) == 1.0
    assert rows.porosity["synthetic"] == pytest.approx(float(ds["theta"].quantile(0.999)), rel=0.01)


def test_porosity_of_the_record_is_used() -> None:
    rows = select_rows(synthetic_record().assign_attrs(porosity=0.6), SOIL)
    np.testing.assert_allclose(rows.wetness, rows.theta / 0.6)


def test_rules_are_counted_once_each() -> None:
    ds = synthetic_record()
    flux, theta = ds["resp_soil"].to_numpy().copy(), ds["theta"].to_numpy().copy()
    flux[:10], flux[600:603], theta[20:25] = np.nan, 70.0, np.nan
    theta[700:760] = 0.3
    rows = select_rows(changed(resp_soil=flux, theta=theta), SOIL)
    counts = {rule: rows.dropped[rule] for rule in ("flux missing", "flux too high", "water content missing")}
    assert counts == {"flux missing": 10, "flux too high": 3, "water content missing": 5}
    assert rows.dropped["water content stuck"] == 60
    assert len(rows) + sum(rows.dropped.values()) == ds.sizes["time"]


def test_frozen_soil_is_determined_from_air_temperature_if_the_soil_was_not_measured() -> None:
    ds = synthetic_record()
    by_air = SOIL.model_copy(update={"temperature": "t_air"})
    air = ds["t_soil"].isel(depth=0, drop=True)
    rows = select_rows(ds.drop_vars("t_soil").assign(t_air=air), by_air)
    assert rows.dropped["soil frozen"] == int((air < 274.15).sum())
    measured = ds.assign(t_air=air - 20.0)
    assert select_rows(measured, by_air).dropped["soil frozen"] == int((air < 273.15).sum())
    late = xr.DataArray(np.arange(ds.sizes["time"]) > 400, dims="time")
    missing = measured.assign(t_soil=ds["t_soil"].where(late))
    expected = int((air[401:] < 273.15).sum() + (air[:401] - 20.0 < 274.15).sum())
    assert select_rows(missing, by_air).dropped["soil frozen"] == expected


def test_groups_by_site_and_year() -> None:
    rows = select_rows(synthetic_record(), SOIL.model_copy(update={"level": "site-year"}))
    assert rows.groups == ("synthetic 2020", "synthetic 2021")


def test_several_sites_are_numbered_consecutively() -> None:
    sites = [synthetic_record(site="one"), synthetic_record(site="two", seed=1)]
    rows = select_rows(sites, SOIL)
    assert (rows.sites, rows.groups) == (("one", "two"), ("one", "two"))
    assert set(rows.group[rows.site == 1]) == {1}


def test_a_duplicate_site() -> None:
    with pytest.raises(BadInput, match="site synthetic is a duplicate"):
        select_rows([synthetic_record(), synthetic_record()], SOIL)


def test_water_content_in_percent() -> None:
    ds = synthetic_record()
    with pytest.raises(BadInput, match="which is not possible in m3 m-3") as caught:
        select_rows(changed(theta=100.0 * ds["theta"].to_numpy()), SOIL)
    assert "in %" in caught.value.remedy
    assert "theta" in str(caught.value.where)


@pytest.mark.parametrize("name", ["resp_soil", "t_soil", "theta"])
def test_a_column_without_a_value(name: str) -> None:
    with pytest.raises(BadInput, match="the column contains no value") as caught:
        select_rows(changed(**{name: np.full(synthetic_record()[name].shape, np.nan)}), SOIL)
    assert name in str(caught.value.where)
    assert ("moisture = 'none'" in caught.value.remedy) == (name == "theta")


def test_constant_water_content() -> None:
    ds = synthetic_record()
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="f cannot be fitted to it") as caught:
        select_rows(changed(theta=0.3 + 0.001 * rng.random(ds["theta"].shape)), SOIL)
    assert "moisture = 'none'" in caught.value.remedy


def test_constant_temperature() -> None:
    ds = synthetic_record()
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="g cannot be fitted to it") as caught:
        select_rows(changed(t_soil=285.0 + 0.1 * rng.random(ds["t_soil"].shape)), SOIL)
    assert "temperature_sensor" in caught.value.remedy
    assert "t_soil" in str(caught.value.where)


def test_chambers_with_a_turned_sign() -> None:
    ds = synthetic_record()
    with pytest.raises(BadInput, match="the sign of resp_soil is reversed: respiration is negative in 100%") as caught:
        select_rows(changed(resp_soil=-ds["resp_soil"].to_numpy()), SOIL)
    assert "scale = -1.0" in caught.value.remedy
    noisy = ds["resp_soil"].to_numpy() + np.random.default_rng(0).normal(0.0, 5.0, ds.sizes["time"])
    assert (noisy < 0.0).mean() > 0.15
    select_rows(changed(resp_soil=noisy), SOIL)


def test_nee_with_a_turned_sign(shared_data: Path) -> None:
    ds = hyytiala(shared_data)
    for ustar_min in (0.3, None, "estimate"):
        settings = RespirationSettings(rows=RowSettings(ustar_min=ustar_min))
        with pytest.raises(BadInput, match="the sign of nee is reversed: NEE at night is negative in 9") as caught:
            select_rows(ds.assign(nee=-ds["nee"].assign_attrs(column="NEE")), settings)
        assert "column NEE" in caught.value.remedy


def test_nee_without_quality_codes_names_the_key(shared_data: Path) -> None:
    ds = hyytiala(shared_data).drop_vars("nee_qc")
    with pytest.raises(BadInput, match=r"NEE \(NEE\) has no quality codes") as caught:
        select_rows(ds, RespirationSettings())
    assert "respiration.rows.nee_is_measured = true" in caught.value.remedy
    rows = select_rows(ds, RespirationSettings(rows=RowSettings(nee_is_measured=True)))
    assert len(rows) > 9049


def test_water_content_is_not_needed_without_f() -> None:
    ds = synthetic_record().drop_vars("theta")
    assert len(select_rows(ds, SOIL.model_copy(update={"moisture": "none"}))) > 2000


def test_one_season_only() -> None:
    ds = synthetic_record()
    with pytest.raises(BadInput, match="in one season the effects") as caught:
        select_rows(ds.isel(time=ds["time"].dt.month.isin([6, 7, 8])), SOIL)
    assert "4 calendar months" in caught.value.remedy


def test_too_few_rows_give_the_rules_that_dropped_them() -> None:
    ds = synthetic_record()
    theta = ds["theta"].to_numpy().copy()
    theta[150:] = np.nan
    with pytest.raises(BadInput, match=r"usable rows remain, and 200 are needed .*water content missing: 2") as caught:
        select_rows(changed(theta=theta), SOIL)
    assert "the rule 'water content missing'" in caught.value.remedy
    assert "[respiration] moisture_sensor" in caught.value.remedy


def test_the_target_that_the_record_has_is_named() -> None:
    with pytest.raises(BadInput, match="'nee' is missing, and target is 'ecosystem'") as caught:
        select_rows(synthetic_record(), RespirationSettings())
    assert "set target = 'soil'" in caught.value.remedy


def test_a_sensor_that_does_not_exist() -> None:
    with pytest.raises(BadInput, match="sensor 3 does not exist: there is 1 sensor") as caught:
        select_rows(synthetic_record(), SOIL.model_copy(update={"moisture_sensor": 3}))
    assert caught.value.remedy == "set 0"


def with_depths(first: np.ndarray, second: np.ndarray) -> xr.Dataset:
    """Add a second depth to the synthetic record, and give the water content of both."""
    ds = synthetic_record().drop_vars("theta")
    t_soil = ds["t_soil"] if "depth" not in ds["t_soil"].dims else ds["t_soil"].isel(depth=0, drop=True)
    two = xr.concat([t_soil, t_soil + 1.0], "depth").transpose("time", "depth").assign_coords(depth=[0.02, 0.05])
    ds = ds.drop_vars(["t_soil", "depth"], errors="ignore").assign(t_soil=two)
    return ds.assign(theta=(("time", "depth"), np.stack([first, second], axis=1)))


def test_sensors_are_counted_among_the_depths_with_values() -> None:
    theta = synthetic_record()["theta"].to_numpy().reshape(-1)
    ds = with_depths(np.full(len(theta), np.nan), theta)
    rows = select_rows(ds, SOIL)
    assert np.isin(rows.theta, theta).all()
    # the number of a card that counted the depths of all variables remains valid
    np.testing.assert_array_equal(select_rows(ds, SOIL.model_copy(update={"moisture_sensor": 1})).theta, rows.theta)
    with pytest.raises(BadInput, match="sensor 2 does not exist: there is 1 sensor with values"):
        select_rows(ds, SOIL.model_copy(update={"moisture_sensor": 2}))
    both = with_depths(theta, 0.5 * theta)
    lower = select_rows(both, SOIL.model_copy(update={"moisture_sensor": 1, "temperature_sensor": 1}))
    assert np.isin(lower.theta, 0.5 * theta).all()


def test_no_night(shared_data: Path) -> None:
    ds = hyytiala(shared_data)
    day = ds.isel(time=(ds["ppfd"] > 100.0).to_numpy())
    with pytest.raises(BadInput, match="the record contains no measured flux at night") as caught:
        select_rows(day, RespirationSettings())
    assert "night-time NEE" in caught.value.remedy


def test_rows_of_hyytiala(shared_data: Path) -> None:
    """Rows with quality code 0, u* above 0.3 m s-1, PAR below 5 umol m-2 s-1 and a water content."""
    rules = RowSettings(
        night_max_potential=None,
        night_max_ppfd=5.0,
        frozen_below=None,
        stuck_after=None,
        least_flux=None,
        most_flux=None,
    )
    rows = select_rows(hyytiala(shared_data), RespirationSettings(rows=rules))
    assert len(rows) == 9049
    assert rows.dropped["flux gap-filled"] == 36720
    assert sorted(set(rows.middle.year)) == [2016, 2017, 2018, 2019, 2020]


def test_chambers_as_a_mean_and_separately(shared_data: Path) -> None:
    path = shared_data / "respiration" / "cosore_hourly.parquet"
    ds = read_cosore(path, "d20190617_SCOTT_SRM", utc_offset_hours=0.0)
    mean = select_rows(ds, SOIL)
    each = select_rows(ds, SOIL.model_copy(update={"chambers": "each"}))
    assert len(each.groups) == ds.sizes["port"] == 3
    assert len(mean.groups) == 1
    assert len(each) > 2 * len(mean)
