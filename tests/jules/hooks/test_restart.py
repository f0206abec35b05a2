"""Restarts of the host from its dumps, with the state of the hooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.few_trees import few_trees
from helpers.hosts import KINDS, PYTHON, HostRunner, moisture_files, property_files
from helpers.moisture_site import QUICK
from helpers.moisture_site import site as synthetic_site

from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite


@pytest.mark.parametrize("kind", KINDS)
def test_a_restarted_run_equals_an_uninterrupted_one(host: HostRunner, kind: str) -> None:
    both = (
        "&jules_ml_moisture python_callable = 'trial_module:Counting', mode = 'nudge', tau_hours = 10.0 /\n"
        "&jules_ml_properties python_callable = 'trial_module:properties', every_days = 2 /\n"
    )
    files = {"jules_ml.nml": both + PYTHON}
    whole = host.complete(f"host_{kind}", "n_days = 6, dump_days = 3", files)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.complete(f"host_{kind}", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    assert "20010104.0.jules_ml.0000.state" in rest.log
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    for name in ("smcl", "sthu", "sthf", "t_soil", "resp", "b"):
        # dumps of JULES contain wetness, so water content is recovered within rounding error
        np.testing.assert_allclose(rest.steps[name], late[name], rtol=2e-5 if kind == "r32" else 1e-10, atol=1e-7)


@pytest.fixture(scope="session")
def learned_moisture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module folder of soil moisture, trained on synthetic sites for three steps."""
    sites = [
        MoistureSite(moisture_record(synthetic_site(400, seed=i, name=f"site {i}"), static={"clay": 0.03 * i}))
        for i in range(8)
    ]
    folder = tmp_path_factory.mktemp("theta") / "module"
    with few_trees():
        return fit_moisture(sites, QUICK.model_copy(update={"static": "none"}), folder).folder


@pytest.mark.parametrize("kind", KINDS)
def test_learned_moisture_continues_through_a_restart(host: HostRunner, kind: str, learned_moisture: Path) -> None:
    static = {"precip_annual": 800.0, "t_air_mean": 283.0, "vpd_mean": 500.0}
    files = moisture_files("follow", "mode = 'nudge', tau_hours = 12.0") | {
        "trial_module.py": "from jules_ml.bridge.moisture import Follow\n"
        f"follow = Follow({str(learned_moisture)!r}, levels=(1, 2), warm_up=2, static={static})\n"
    }
    whole = host.complete(f"host_{kind}", "n_days = 6, dump_days = 3", files)
    free = host.complete(f"host_{kind}", "n_days = 6")
    change = np.abs(whole.column("smcl") - free.column("smcl"))
    assert (change[-1, :2] > 0.0).any()
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.complete(f"host_{kind}", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    for name in ("smcl", "sthu", "t_soil"):
        np.testing.assert_allclose(rest.steps[name], late[name], rtol=2e-5 if kind == "r32" else 1e-10, atol=1e-7)


def test_a_dump_without_state_is_a_warning(host: HostRunner) -> None:
    first = host.complete("host_r32", "n_days = 2")
    dump = first.folder / "output" / "host.dump.20010103.0.nc"
    run = host.complete("host_r32", f"n_days = 2, restart_from = '{dump}'", moisture_files("wet"))
    assert "the modules start without a history" in run.log


def test_a_damaged_state_is_refused(host: HostRunner) -> None:
    first = host.complete("host_r32", "n_days = 2", moisture_files("wet"))
    state = first.folder / "output" / "host.dump.20010103.0.jules_ml.0000.state"
    content = bytearray(state.read_bytes())
    content[24] += 1  # the number of points
    state.write_bytes(content)
    run = host.run(
        "host_r32", f"n_days = 2, restart_from = '{state.parent}/host.dump.20010103.0.nc'", moisture_files("wet")
    )
    assert run.code != 0
    assert "is damaged" in run.log


def test_a_state_of_other_hooks_is_refused(host: HostRunner) -> None:
    first = host.complete("host_r32", "n_days = 2", moisture_files("wet"))
    dump = first.folder / "output" / "host.dump.20010103.0.nc"
    run = host.run("host_r32", f"n_days = 2, restart_from = '{dump}'", property_files("properties"))
    assert run.code != 0
    assert "it has the state of moisture, and the run needs that of properties" in run.log
