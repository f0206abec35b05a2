"""Splits: nothing in two parts, nothing in the test part from near the training part, the same parts every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.scoring.splits import (
    SiteSplit,
    Split,
    by_block,
    by_date,
    by_fraction,
    by_year,
    hold_out_validation,
    leave_one_site_out,
    site_folds,
)

SITES = ["Alp", "Bog", "Crop", "Dune", "Elm", "Fen", "Glen"]


def rows(start: str, end: str, *, hours: int = 6, offset: float = 0.0) -> xr.Dataset:
    """A record without variables from local midnight to local midnight."""
    time = pd.date_range(start, end, freq=f"{hours}h", inclusive="right") - pd.Timedelta(hours=offset)
    attrs = {"site": "XX-Xxx", "interval_seconds": hours * 3600.0, "utc_offset_hours": offset}
    return xr.Dataset(coords={"time": time}, attrs=attrs)


def times(mask: xr.DataArray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(mask["time"].to_numpy()[mask.to_numpy()])


def distance(left: xr.DataArray, right: xr.DataArray) -> pd.Timedelta:
    """Least time between a row of one part and a row of the other."""
    return pd.Timedelta(np.abs(times(left).to_numpy()[:, None] - times(right).to_numpy()).min())


@pytest.mark.parametrize("offset", [0.0, 5.5, -7.0])
def test_each_year_is_held_out_once(offset: float) -> None:
    ds = rows("2016-01-01", "2020-01-01", offset=offset)
    splits = by_year(ds)
    assert [s.name for s in splits] == ["2016", "2017", "2018", "2019"]
    np.testing.assert_array_equal(sum(s.test.astype(int) for s in splits), 1)
    # the step that ends at midnight of New Year is the old year's
    assert [int(s.test.sum()) for s in splits] == [366 * 4, 365 * 4, 365 * 4, 365 * 4]
    for s in splits:
        np.testing.assert_array_equal(s.train, ~s.test)
        assert not s.validation.any()


def test_poor_years_are_not_held_out() -> None:
    ds = rows("2015-12-20", "2019-01-01")
    assert [s.name for s in by_year(ds, min_rows=200)] == ["2016", "2017", "2018"]
    assert by_year(ds, min_rows=200)[0].train[0]
    with pytest.raises(BadInput, match=r"3 year.s. with 200 rows or more, of 4 needed") as refusal:
        by_year(ds, min_rows=200, min_years=4)
    assert refusal.value.where == "site XX-Xxx"
    assert "by_block" in refusal.value.remedy


@pytest.mark.parametrize("gap", ["0D", "10D"])
def test_blocks_are_dealt_evenly_and_keep_their_distance(gap: str) -> None:
    ds = rows("2018-01-01", "2020-01-01")
    splits = by_block(ds, months=2, folds=5, gap=gap, seed=3)
    np.testing.assert_array_equal(sum(s.test.astype(int) for s in splits), 1)
    month = pd.DatetimeIndex(ds["time"].to_numpy() - np.timedelta64(3, "h"))
    block = (month.year * 12 + month.month - 1) // 2
    for s in splits:
        assert len(set(block[s.test])) in (2, 3)
        assert not set(block[s.test]) & set(block[s.train])
        assert distance(s.train, s.test) >= max(pd.Timedelta(gap), pd.Timedelta(hours=6))
    again, other = by_block(ds, gap=gap, seed=3), by_block(ds, gap=gap, seed=4)
    assert all(a.test.equals(b.test) for a, b in zip(splits, again, strict=True))
    assert not all(a.test.equals(b.test) for a, b in zip(splits, other, strict=True))


def test_too_few_blocks_are_refused() -> None:
    ds = rows("2018-01-01", "2018-07-01")
    with pytest.raises(BadInput, match=r"3 block.s. of 2 months do not make 5 folds") as refusal:
        by_block(ds)
    assert "shorter blocks" in refusal.value.remedy
    with pytest.raises(BadInput, match="5 months do not fit into a year"):
        by_block(ds, months=5)


def test_fractions_in_order_of_time() -> None:
    ds = rows("2018-01-01", "2020-01-01")
    s = by_fraction(ds, train=0.6, validation=0.2, test=0.2, gap="30D")
    assert times(s.train)[-1] < times(s.validation)[0] < times(s.validation)[-1] < times(s.test)[0]
    assert int(s.test.sum()) == round(0.2 * 2920)
    assert distance(s.train, s.validation) >= pd.Timedelta("30D")
    assert distance(s.validation, s.test) >= pd.Timedelta("30D")
    assert not by_fraction(ds, train=0.5, validation=0.0, test=0.5).validation.any()


def test_fraction_refusals() -> None:
    ds = rows("2018-01-01", "2018-02-01")
    with pytest.raises(BadInput, match="do not sum to 1") as refusal:
        by_fraction(ds, train=60, validation=20, test=20)
    assert "0.6, 0.2, 0.2" in refusal.value.remedy
    with pytest.raises(BadInput, match="nothing is left of the validation part") as refusal:
        by_fraction(ds, gap="20D")
    assert "shorter gap" in refusal.value.remedy
    with pytest.raises(BadInput, match="there are no time steps"):
        by_fraction(ds.isel(time=slice(0, 0)))
    with pytest.raises(BadInput, match="out of order"):
        by_fraction(ds.isel(time=slice(None, None, -1)))


def test_dates_are_local() -> None:
    ds = rows("2018-01-01", "2020-01-01", offset=-7.0)
    s = by_date(ds, train_until="2019-01-01", validation_until="2019-07-01")
    assert [int(part.sum()) for part in (s.train, s.validation, s.test)] == [365 * 4, 181 * 4, 184 * 4]
    halves = by_date(ds, train_until="2019-01-01")
    assert [int(part.sum()) for part in (halves.train, halves.validation, halves.test)] == [365 * 4, 0, 365 * 4]
    with pytest.raises(BadInput, match="nothing is left of the test part"):
        by_date(ds, train_until="2021-01-01")
    with pytest.raises(BadInput, match="validation ends"):
        by_date(ds, train_until="2019-07-01", validation_until="2019-01-01")


def test_validation_comes_out_of_the_training_part() -> None:
    ds = rows("2016-01-01", "2020-01-01")
    whole = by_year(ds, gap="5D")[1]
    s = hold_out_validation(ds, whole, fraction=0.2, gap="5D", seed=1)
    assert s.test.equals(whole.test)
    assert not (s.validation & ~whole.train).any()
    assert 0.15 < float(s.validation.sum() / whole.train.sum()) < 0.25
    assert distance(s.train, s.validation) >= pd.Timedelta("5D")
    assert hold_out_validation(ds, whole, fraction=0.2, gap="5D", seed=1).validation.equals(s.validation)
    one_block = by_fraction(ds.isel(time=slice(0, 80)))
    with pytest.raises(BadInput, match=r"1 block.s. of 2 months, too few to hold one out") as refusal:
        hold_out_validation(ds.isel(time=slice(0, 80)), one_block)
    assert "shorter blocks" in refusal.value.remedy


def test_chosen_rows_only() -> None:
    """Nights, or whatever else is left of a record, are split by the same calendar."""
    ds = rows("2016-01-01", "2020-01-01")
    nights = ds.isel(time=np.flatnonzero(ds["time"].dt.hour.isin([0, 6]).to_numpy()))
    for all_rows, some in zip(by_block(ds), by_block(nights), strict=True):
        xr.testing.assert_equal(all_rows.test.sel(time=nights["time"]), some.test)


def test_sites_left_out_one_by_one() -> None:
    splits = leave_one_site_out(SITES, validation_sites=2, seed=5)
    assert [s.test for s in splits] == [(site,) for site in SITES]
    for s in splits:
        assert sorted((*s.train, *s.validation, *s.test)) == SITES
        assert len(s.validation) == 2
    assert splits == leave_one_site_out(SITES, validation_sites=2, seed=5)


def test_folds_of_sites_do_not_depend_on_their_order() -> None:
    splits = site_folds(SITES, folds=3, seed=1)
    assert sorted(site for s in splits for site in s.test) == SITES
    assert sorted(len(s.test) for s in splits) == [2, 2, 3]
    assert splits == site_folds(SITES[::-1], folds=3, seed=1)
    assert splits != site_folds(SITES, folds=3, seed=2)


def test_site_refusals() -> None:
    with pytest.raises(BadInput, match="site Alp stands twice"):
        leave_one_site_out([*SITES, "Alp"])
    with pytest.raises(BadInput, match="none is left to train on") as refusal:
        leave_one_site_out(["Alp"])
    assert "more sites" in refusal.value.remedy
    with pytest.raises(BadInput, match="7 sites do not make 8 folds"):
        site_folds(SITES, folds=8)


def test_overlapping_parts_cannot_be_made() -> None:
    mask = xr.DataArray([True, False], dims="time")
    with pytest.raises(ValueError, match="overlap"):
        Split("x", mask, ~mask, mask)
    with pytest.raises(ValueError, match="overlap"):
        SiteSplit("x", ("Alp",), (), ("Alp",))
