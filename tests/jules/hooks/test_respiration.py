"""Learned respiration in the host, and hooks that are off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from helpers.hosts import (
    F_NODES,
    G_NODES,
    ICE_POINT,
    KINDS,
    PYTHON,
    SCHEMES,
    F,
    G,
    HostRunner,
    respiration_files,
    tolerance,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", SCHEMES.values(), ids=SCHEMES)
def test_hooks_that_are_off_change_no_byte_of_the_output(host: HostRunner, kind: str, settings: str) -> None:
    settings += ", n_days = 3"
    plain, off = host.complete(f"host_plain_{kind}", settings), host.complete(f"host_{kind}", settings)
    assert "hooks are linked and off" in off.log
    assert plain.output == off.output
    for name in plain.output:
        if not name.endswith(".nc"):  # netCDF files contain the time of their creation
            assert (plain.folder / "output" / name).read_bytes() == (off.folder / "output" / name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_output_equals_the_curves_at_the_state_of_the_previous_step(host: HostRunner, kind: str, scheme: str) -> None:
    x = "sthu+sthf" if "level 2" in scheme else "sthu"
    run = host.complete(f"host_{kind}", SCHEMES[scheme] + ", n_days = 8", respiration_files(x))
    wetness = run.column("sthu") + (run.column("sthf") if x == "sthu+sthf" else 0.0)
    soil = np.arange(run.column("sthu").shape[2]) != ICE_POINT - 1
    expected_f = np.where(soil, np.interp(wetness, F_NODES, F), 0.0)
    assert (run.column("sthf") > 0).any()
    assert run.column("fsth")[1:] == pytest.approx(expected_f[:-1], abs=tolerance(kind))
    expected_g = np.interp(run.column("t_soil"), G_NODES, G)
    assert run.column("ftemp")[1:][..., soil] == pytest.approx(expected_g[:-1][..., soil], abs=tolerance(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_respiration_is_proportional_to_the_factors(host: HostRunner, kind: str, scheme: str) -> None:
    """In the first step the carbon is the same, so respiration with and without hooks differs by the ratio of the factors."""
    settings = SCHEMES[scheme] + ", n_days = 1"
    plain = host.complete(f"host_plain_{kind}", settings)
    run = host.complete(f"host_{kind}", settings, respiration_files("sthu+sthf" if "level 2" in scheme else "sthu"))
    levels = range(4) if "layers" in scheme else [1 if "level 2" in scheme else 0]
    for level in levels:
        row = level if "layers" in scheme else 0
        factors = [r.column("fsth")[0, level, 0] * r.column("ftemp")[0, level, 0] for r in (run, plain)]
        resp = [r.column("resp")[0, row, 0] for r in (run, plain)]
        assert resp[0] / resp[1] == pytest.approx(factors[0] / factors[1], rel=10 * tolerance(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_missing_diagnostics_change_nothing(host: HostRunner, kind: str) -> None:
    serial = host.complete(f"host_{kind}", "n_days = 4", respiration_files())
    threads = host.complete(f"host_{kind}", "n_days = 4, use_threads = .true.", respiration_files())
    silent = host.complete(f"host_{kind}", "n_days = 4, diagnostics = .false.", respiration_files())
    pd.testing.assert_frame_equal(serial.steps, threads.steps)
    assert (silent.steps["fsth"] == 0).all()
    pd.testing.assert_series_equal(serial.steps["resp"], silent.steps["resp"])


def test_python_backend_works_while_floating_point_exceptions_are_trapped(host: HostRunner) -> None:
    group = "&jules_ml_respiration backend = 'python', python_callable = 'trial_module:quiet_soil' /\n"
    run = host.complete("host_r32", "n_days = 1", {"jules_ml.nml": group + PYTHON})
    assert (run.column("fsth")[..., 0] == 0.5).all()


def test_the_log_names_the_kernels(host: HostRunner) -> None:
    files = respiration_files()
    files["jules_ml.nml"] += "&jules_ml reproducible = .true. /\n"
    run = host.complete("host_r32", "n_days = 1", files)
    assert "[INFO] jules_ml: kernels of the native backend: base\n" in run.log


def test_topmodel_is_allowed_with_respiration_alone(host: HostRunner) -> None:
    host.complete(
        "host_r32", "n_days = 1, l_top = .true., have_prescribed_sthuf = .true., nsoilt = 1", respiration_files()
    )
