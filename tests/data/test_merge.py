"""Several files of one site become one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.refusals import refusal
from numpy.typing import ArrayLike

from jules_ml.data.merge import merge_records
from jules_ml.data.profile import Sensor, align
from jules_ml.data.record import UNKNOWN_CODES
from jules_ml.data.site import SiteMeta, site_dataset

NAN = float("nan")
HALF_HOUR = pd.Timedelta(minutes=30)


def record(
    values: Mapping[str, ArrayLike],
    *,
    first: str = "2020-06-01 00:30",
    sensors: Sequence[Sensor] = (),
    qc: dict[str, list[float]] | None = None,
    site: str = "XX-Abc",
    interval: pd.Timedelta = HALF_HOUR,
) -> xr.Dataset:
    n = np.size(next(iter(values.values())))
    profile = align({"theta": sensors} if sensors else {})
    ds = site_dataset(
        {**values, **profile.values},
        time=pd.date_range(first, periods=n, freq=interval),
        interval=interval,
        meta=SiteMeta(site=site, source=",".join(values), licence="CC BY 4.0", utc_offset_hours=1.0),
        depth=profile.depth.tolist() if sensors else None,
        qc=qc,
        qc_meaning="0 measured" if qc else None,
        where="x.csv",
    )
    for name in values:
        ds[name].attrs |= {"column": name.upper(), "n_dropped": 1}
    return profile.label(ds)


def merge(*records: xr.Dataset) -> xr.Dataset:
    return merge_records(records, [Path(f"file{i}.csv") for i, _ in enumerate(records)])


def sensor(number: int, values: list[float], depth: float = NAN) -> Sensor:
    return Sensor(number, depth, np.array(values))


def test_variables_of_two_files_of_the_same_period() -> None:
    ds = merge(
        record({"t_air": [280.0, 281.0]}, sensors=[sensor(1, [0.2, 0.3], 0.05)]),
        record({"nee": [1.0, 2.0]}, qc={"nee": [0.0, 1.0]}),
    )
    assert ds.sizes["time"] == 2
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, 1.0])
    np.testing.assert_array_equal(ds["theta"][:, 0], [0.2, 0.3])
    assert ds["depth"].to_numpy().tolist() == [0.05]
    assert ds.attrs["source"] == "t_air; nee"
    assert ds.attrs["utc_offset_hours"] == 1.0


def test_years_follow_each_other_and_a_sensor_is_added() -> None:
    ds = merge(
        record({"t_air": [280.0, 281.0]}, sensors=[sensor(1, [0.1, 0.2])]),
        record({"t_air": [282.0]}, first="2021-06-01 00:30", sensors=[sensor(1, [0.3]), sensor(2, [0.4])]),
    )
    np.testing.assert_array_equal(ds["t_air"], [280.0, 281.0, 282.0])
    np.testing.assert_array_equal(ds["theta"], [[0.1, NAN], [0.2, NAN], [0.3, 0.4]])
    assert ds["sensor_theta"].to_numpy().tolist() == [1, 2]
    assert ds["t_air"].attrs["n_dropped"] == 2
    assert ds["t_air"].attrs["column"] == "T_AIR"


def test_files_may_overlap_if_they_agree_or_one_is_missing() -> None:
    ds = merge(
        record({"nee": [1.0, NAN]}, qc={"nee": [0.0, NAN]}),
        record({"nee": [1.0 + 1e-8, 2.0, 3.0]}, qc={"nee": [0.0, 1.0, 0.0]}),
    )
    np.testing.assert_allclose(ds["nee"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, 1.0, 0.0])


def test_files_that_disagree_are_refused() -> None:
    with refusal(
        "file1.csv", "'nee' at 2020-06-01 01:00:00 UTC is 5 but 2 in file0.csv (1 values differ)", "one of the two"
    ):
        merge(record({"nee": [1.0, 2.0]}), record({"nee": [1.0, 5.0]}))


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (record({"nee": [1.0]}, site="YY-Abc"), "the site is YY-Abc but XX-Abc"),
        (record({"nee": [1.0]}, interval=2 * HALF_HOUR), "the averaging interval [s] is 3600.0 but 1800.0"),
    ],
)
def test_files_of_other_sites_or_intervals_are_refused(other: xr.Dataset, problem: str) -> None:
    with refusal("file1.csv", problem, "one site and one interval"):
        merge(record({"nee": [1.0]}), other)


def test_thresholds_of_friction_velocity_are_merged_by_percentile() -> None:
    first, second = record({"nee": [1.0]}), record({"nee": [2.0]}, first="2020-06-01 01:00")
    for ds, percentiles in ((first, [50.0]), (second, [25.0, 50.0])):
        ds["nee_ustar"] = (("time", "ustar_percentile"), [percentiles], {"units": "umol m-2 s-1"})
        ds.coords["ustar_percentile"] = ("ustar_percentile", percentiles, {"units": "%"})
        ds["nee_ustar_qc"] = (("time", "ustar_percentile"), [[0.0] * len(percentiles)], {"comment": "0 measured"})
    ds = merge(first, second)
    assert ds["ustar_percentile"].to_numpy().tolist() == [25.0, 50.0]
    np.testing.assert_array_equal(ds["nee_ustar"], [[NAN, 50.0], [25.0, 50.0]])


def test_numbers_of_values_that_were_left_out_are_added() -> None:
    first, second = record({"t_air": [280.0, 281.0]}), record({"t_air": [282.0]}, first="2020-06-01 01:30")
    first["t_air"].attrs |= {UNKNOWN_CODES: "7 (1), 255 (3)", "n_flagged": 2}
    second["t_air"].attrs |= {UNKNOWN_CODES: "255 (3)", "n_flagged": 5}
    attrs = merge(first, second)["t_air"].attrs
    assert attrs[UNKNOWN_CODES] == "7 (1), 255 (6)"
    assert (attrs["n_flagged"], attrs["n_dropped"]) == (7, 2)
