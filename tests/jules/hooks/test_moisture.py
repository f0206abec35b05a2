"""Learned soil moisture in the host."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.hosts import DZ, ICE_POINT, KINDS, HostRunner, moisture_files

from jules_ml.data.humidity import saturation_vapour_pressure, vapour_pressure


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", ["mode = 'replace'", "mode = 'replace', every = 'step'", "mode = 'nudge', tau_hours = 12.0"]
)
def test_increments_close_the_water_budget(host: HostRunner, kind: str, settings: str) -> None:
    run = host.complete(f"host_{kind}", "n_days = 6", moisture_files("wet", settings))
    column = run.column("smcl").sum(axis=1)
    gained = run.column("gained")[:, 0]
    soil = [point for point in range(column.shape[1]) if point != ICE_POINT - 1]
    ledger = run.ledger
    for point in soil:
        added = ledger.loc[ledger["point"] == point + 1, "water_kg_m-2"].sum()
        lacking = column[-1, point] - column[0, point] - gained[1:, point].sum()
        assert abs(added) > 1.0
        assert added == pytest.approx(lacking, abs=2e-3 if kind == "r32" else 1e-4)
    assert not (ledger["point"] == ICE_POINT).any()


def test_replaced_moisture_is_the_target_until_the_soil_drains(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 3", moisture_files("wet", "mode = 'replace', levels = 3, 4"))
    first = run.steps.query("time == '2001-01-02T00' and point == 1").set_index("level")
    plain = (
        host.complete("host_plain_r64", "n_days = 3")
        .steps.query("time == '2001-01-02T00' and point == 1")
        .set_index("level")
    )
    theta = first["smcl"] / (1000.0 * DZ)
    assert theta[4] == pytest.approx(0.4, abs=0.002)
    assert theta[3] == pytest.approx(0.4, abs=0.005)
    assert theta[1] == pytest.approx(plain["smcl"][1] / 100.0, abs=1e-12)


def test_mask_and_time_scale_apply_to_each_level(host: HostRunner) -> None:
    nudged = host.complete(
        "host_r64", "n_days = 3", moisture_files("dry", "mode = 'nudge', levels = 3, 4, tau_hours = 6.0, 48.0")
    )
    by_level = nudged.ledger.query("point == 1").groupby("level")["water_kg_m-2"].sum()
    fraction = by_level / (1000.0 * DZ[[2, 3]] * -0.1)  # of the distance from 0.3 to 0.2
    assert fraction[3] == pytest.approx(1.0, abs=0.05)
    assert fraction[4] == pytest.approx(1.0 - np.exp(-48.0 / 48.0), abs=0.02)
    masked = host.complete("host_r64", "n_days = 3", moisture_files("top_layer"))
    assert set(masked.ledger["level"]) == {1}


def test_heat_of_the_added_water_is_recorded(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 12", moisture_files("wet", "mode = 'replace', levels = 1"))
    rows = run.ledger.query("point == 1")
    state = run.steps.query("point == 1 and level == 1").set_index("time")
    warm, frozen = rows.iloc[0], rows.iloc[-1]
    before = state.loc["2001-01-01T23"]
    assert warm["sensible_heat_J_m-2"] == pytest.approx(4180.0 * warm["water_kg_m-2"] * (before["t_soil"] - 273.15))
    assert warm["latent_heat_J_m-2"] == 0.0
    assert state.iloc[-30:]["sthf"].min() > 0.0
    # water added to frozen soil freezes and releases its latent heat of fusion
    assert frozen["latent_heat_J_m-2"] == pytest.approx(-0.334e6 * frozen["water_kg_m-2"], rel=1e-6)


def test_the_module_receives_the_mean_weather_of_the_previous_day(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 5", moisture_files("print_weather"))
    lines = [line.split() for line in run.log.splitlines() if line.startswith("WEATHER")]
    assert len(lines) == 5
    trial = lines.pop(0)
    assert " ".join(trial[1:7]) == "(2001, 1, 1, 0, 0, 0)"
    assert [float(v) for v in trial[7:12]] == pytest.approx([0.0, 283.0, 3.0, 1e5, 250.0])
    assert " ".join(lines[0][1:7]) == "(2001, 1, 2, 0, 0, 0)"
    rain = [float(line[7]) for line in lines]
    assert rain == pytest.approx([0.0, 0.0, 1.5e-4 * 1.2, 0.0])  # at longitude 2, on the third day
    assert float(lines[0][9]) == pytest.approx(5.0)  # wind of 3 and 4
    assert float(lines[0][10]) == 1e5
    assert [float(v) for v in lines[0][12:]] == [51.0, 2.0]  # land begins at the second column


@pytest.mark.parametrize("kind", KINDS)
def test_vapour_pressure_deficit_is_averaged_over_steps(host: HostRunner, kind: str) -> None:
    """As in training; from the day's mean temperature and humidity it would be several percent lower."""
    run = host.complete(f"host_{kind}", "n_days = 2, start_date = 2001, 7, 1, 0", moisture_files("print_weather"))
    line = [line.split() for line in run.log.splitlines() if line.startswith("WEATHER")][1]
    season = 2 * np.pi * (30.5 * (7 - 1) + 1 - 110) / 365
    hour = 2 * np.pi * (np.arange(24) - 9) / 24
    t_air = 280 + 9 * np.sin(season) + 4 * np.sin(hour) + 0.5 * 2  # the host's, at longitude 2
    vapour = vapour_pressure(np.array(0.006), np.array(1e5))
    vpd = np.maximum(saturation_vapour_pressure(t_air) - vapour, 0.0).mean()
    assert float(line[11]) == pytest.approx(vpd, rel=2e-6)
    assert float(line[11]) > 1.02 * (saturation_vapour_pressure(t_air.mean()) - vapour)


def test_a_new_cycle_of_spin_up_starts_a_new_day(host: HostRunner) -> None:
    run = host.complete("host_r32", "n_days = 2, spinup_cycles = 2", moisture_files("print_weather"))
    dates = [line.split("(")[1].split(")")[0] for line in run.log.splitlines() if line.startswith("WEATHER")]
    assert [date.split(",")[2].strip() for date in dates] == ["1", "2", "1", "2", "1", "2"]  # the trial first
    rows = run.ledger.query("point == 1 and level == 1")
    assert rows["cycle"].tolist() == [1, 2, 2, 0, 0]
    assert [time[8:10] for time in rows["time"]] == ["02", "01", "02", "01", "02"]
    states = [name for name in run.output if name.endswith(".state")]
    assert "host.dump.spin2.20010101.0.jules_ml.0000.state" in states
    assert "host.dump.20010101.0.jules_ml.0000.state" in states


def test_the_trial_call_does_not_change_the_state_of_a_module(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 2", moisture_files("Counting"))
    with np.load(run.folder / "output" / "host.dump.20010103.0.jules_ml.0000.npz") as stored:
        assert stored["state.calls"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_python_runs_while_the_host_has_a_netcdf_file_open(host: HostRunner, kind: str) -> None:
    netcdf = pytest.importorskip("netCDF4")
    run = host.complete(f"host_{kind}", "n_days = 3", moisture_files("wet"))
    if "host.0000.nc" not in run.output:
        pytest.skip("the host was built without netCDF-Fortran")
    with netcdf.Dataset(run.folder / "output" / "host.0000.nc") as ds:
        np.testing.assert_allclose(ds["smcl"][:], run.column("smcl"))
