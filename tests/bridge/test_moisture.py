"""What the moisture network receives: in JULES's hook and in the closed loop the same as in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from _neon_daily import neon_sites
from helpers.moisture_site import QUICK, site

from jules_ml.bridge.moisture import Follow
from jules_ml.bridge.served import FORCING
from jules_ml.column.closed_loop.learned_moisture import daily_forcing
from jules_ml.data.humidity import vapour_pressure_deficit
from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.record import MoistureRecord, moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.physics.surface import Forcing

DAYS = 400
#: Names of the hook's forcing, and of a record's.
NAMES = {
    "rain": "tot_rain", "snow": "tot_snow", "sw": "sw_down", "lw": "lw_down", "t": "t_air", "q": "q", "wind": "wind", "pstar": "pstar",
}  # fmt: skip
INPUTS = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind")


@pytest.fixture(scope="module")
def towers(shared_data: Path) -> list[xr.Dataset]:
    """Hourly weather of all towers, whole days from local midnight on."""
    folder = shared_data / "jules"
    table = neon_sites(folder / "neon_daily.nc")
    weather = []
    for name, row in table.iterrows():
        offset = float(row["utc_offset_hours"])
        ds = read_neon_driving(folder / "neon_hourly_driving.nc", str(name), utc_offset_hours=offset)
        weather.append(ds.isel(time=slice(24 * DAYS)))
    assert len(weather) == 16
    return weather


@pytest.fixture(scope="module")
def training(towers: list[xr.Dataset]) -> list[MoistureRecord]:
    return [moisture_record(ds) for ds in towers]


def accumulated(ds: xr.Dataset) -> list[Mapping[str, np.ndarray]]:
    """Mean forcing of each day, as ``jml_hooks_forcing.f90`` accumulates that of a 32-bit JULES: in 64 bits, by step."""
    steps = {name: ds[variable].to_numpy().astype(np.float32).astype(np.float64) for name, variable in NAMES.items()}
    assert [*steps, "vpd"] == list(FORCING)
    steps["vpd"] = vapour_pressure_deficit(steps["t"], steps["q"], steps["pstar"])
    means = {name: (values.reshape(-1, 24).sum(1) / 24).astype(np.float32) for name, values in steps.items()}
    return [{name: values[day] for name, values in means.items()} for day in range(DAYS)]


def assert_equal_inputs(dynamic: Mapping[str, np.ndarray], record: MoistureRecord) -> None:
    assert len(record) == DAYS
    for name in INPUTS:
        np.testing.assert_allclose(
            dynamic[name], record.dynamic[name], rtol=1e-6, atol=1e-9, err_msg=f"{record.site} {name}"
        )


def test_inputs_of_the_hook_are_those_of_training(
    towers: list[xr.Dataset], training: list[MoistureRecord], tmp_path: Path
) -> None:
    fit_moisture([MoistureSite(moisture_record(site()), licence="CC0")], QUICK, tmp_path / "module")
    follow = Follow(
        tmp_path / "module", warm_up=10 * DAYS, static={"precip_annual": 800.0, "t_air_mean": 283.0, "vpd_mean": 500.0}
    )
    follow.context = DAYS
    points = len(towers)
    state = np.full((4, points), 0.5, dtype=np.float32)
    by_day = zip(*(accumulated(ds) for ds in towers), strict=True)
    for forcing in by_day:
        _, mask = follow(
            date=(2019, 7, 1, 0, 0, 0),
            latitude=np.linspace(-40.0, -20.0, points),
            longitude=np.zeros(points),
            forcing={name: np.array([point[name] for point in forcing]) for name in forcing[0]},
            smcl=state,
            sthu=state,
            sthf=state,
            t_soil=state,
        )
        assert not mask.any()
    for point, record in enumerate(training):
        assert_equal_inputs(follow._record(point).dynamic, record)


def test_inputs_of_the_closed_loop_are_those_of_training(
    towers: list[xr.Dataset], training: list[MoistureRecord]
) -> None:
    for ds, record in zip(towers, training, strict=True):
        forcing = Forcing(
            *(torch.tensor(ds[name].to_numpy(), dtype=torch.float32)[:, None] for name in Forcing._fields)
        )
        assert_equal_inputs(daily_forcing(forcing, 3600.0), record)


def test_deficit_of_daily_means_would_be_too_low(
    towers: list[xr.Dataset], training: list[MoistureRecord], figures: Callable[[str], None]
) -> None:
    """The fault that the average over steps repairs, at every tower."""
    ratios = {}
    for ds, record in zip(towers, training, strict=True):
        t_air, q, pstar = (ds[name].to_numpy().reshape(-1, 24).mean(1) for name in ("t_air", "q", "pstar"))
        ratios[record.site] = vapour_pressure_deficit(t_air, q, pstar).mean() / record.dynamic["vpd"].mean()
    figures(f"VPD of daily means over the mean over steps: {min(ratios.values()):.3f} to {max(ratios.values()):.3f}")
    assert max(ratios.values()) < 0.95
