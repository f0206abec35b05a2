"""Configurations that the hooks refuse, and errors during a run."""

from __future__ import annotations

import pytest
from helpers.hosts import RESPIRATION, HostRunner, moisture_files, property_files, respiration_files


@pytest.mark.parametrize(
    ("settings", "files", "words"),
    [
        ("soil_bgc_model = 3", respiration_files(), "ECOSSE"),
        ("lsm_id = 2", respiration_files(), "CABLE"),
        ("l_top = .true.", moisture_files("wet"), "l_top = .false."),
        ("have_prescribed_sthuf = .true.", moisture_files("wet"), "remove sthuf from JULES_PRESCRIBED_DATASET"),
        ("nsoilt = 2", moisture_files("wet"), "l_tile_soil"),
        ("l_irrig_dmd = .true.", moisture_files("wet"), "l_irrig_dmd"),
        ("nsoilt = 2", property_files("properties"), "l_tile_soil"),
        ("l_irrig_dmd = .true.", property_files("properties"), "l_irrig_dmd"),
        ("", moisture_files("wet", "mode = 'replace', levels = 2, 5"), "sm_levels = 4"),
        ("", {"jules_ml.nml": RESPIRATION}, "fsth.nml"),
        (
            "",
            respiration_files() | {"fsth.nml": respiration_files()["fsth.nml"].replace("n = 65", "n = 66")},
            "fsth.nml",
        ),
        ("", moisture_files("wet", "mode = 'nudge'"), "tau_hours"),
        ("", moisture_files("nobody"), "nobody"),
    ],
)
def test_an_impossible_configuration_is_refused_before_any_output(
    host: HostRunner, settings: str, files: dict[str, str], words: str
) -> None:
    run = host.run("host_r32", settings, files)
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: ./jules_ml.nml" in run.log
    assert words in run.log
    assert run.output == []


def test_a_hook_that_is_never_called_is_fatal(host: HostRunner) -> None:
    run = host.run("host_without_microbe", "n_days = 2", respiration_files())
    assert run.code != 0
    assert "microbe was not called in the first step" in run.log
    assert run.steps["step"].max() == 1


@pytest.mark.parametrize(
    ("function", "words"),
    [("narrow", "float16"), ("flat", "has shape"), ("nowhere", "is nan at"), ("percent", "above 1")],
)
def test_output_of_a_daily_module_is_checked_before_the_first_step(host: HostRunner, function: str, words: str) -> None:
    run = host.run("host_r32", "n_days = 3", moisture_files(function))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: soil moisture, test call at the start" in run.log
    assert words in run.log
    assert not any(
        name.endswith(".csv") and (run.folder / "output" / name).read_text().count("\n") > 1 for name in run.output
    )


def test_prescribed_properties_are_refused_beside_learned_ones(host: HostRunner) -> None:
    run = host.run("host_r32", "n_days = 2, have_prescribed_b = .true.", property_files("properties"))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: &jules_ml_properties is overwritten by prescribed b: remove b from" in run.log
    alone = host.complete("host_r32", "n_days = 1, have_prescribed_b = .true.", respiration_files())
    assert alone.code == 0


def test_a_later_exception_closes_the_output(host: HostRunner) -> None:
    netcdf = pytest.importorskip("netCDF4")
    run = host.run("host_r32", "n_days = 6", moisture_files("fail_later"))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: soil moisture: Python: RuntimeError: the series ends here" in run.log
    assert run.steps["time"].max() == "2001-01-03T23"
    if "host.0000.nc" in run.output:
        with netcdf.Dataset(run.folder / "output" / "host.0000.nc") as ds:
            assert ds["smcl"].shape[0] == 72


def test_impossible_soil_properties_are_refused(host: HostRunner) -> None:
    run = host.run("host_r32", "n_days = 1", property_files("impossible"))
    assert run.code != 0
    assert "b, sathh, hcap and hcon must be positive" in run.log
