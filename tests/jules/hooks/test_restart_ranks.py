"""Restarts of the host with another number of ranks, and state files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.hosts import PYTHON, HostRun, HostRunner, curve_table, moisture_files, respiration_files

GRID = "nx = 7, ny = 3"
VARIABLES = ["smcl", "sthu", "sthf", "t_soil", "fsth", "resp", "cs", "b"]


def all_hooks(callable_: str = "Remembering") -> dict[str, str]:
    """Files of respiration with antecedent drivers, soil properties and a moisture module with a history."""
    files = respiration_files()
    files["h.nml"] = curve_table("antecedent", "temperature_10d", np.linspace(0.5, 1.5, 21), -4.0, 3.0)
    files["jules_ml.nml"] = (
        files["jules_ml.nml"].replace("\n/\n", "\nantecedent = 'temperature_10d', antecedent_tables = 'h.nml'\n/\n")
        + f"&jules_ml_moisture python_callable = 'trial_module:{callable_}', mode = 'nudge', tau_hours = 10.0 /\n"
        + "&jules_ml_properties python_callable = 'trial_module:properties', every_days = 2 /\n"
        + PYTHON
    )
    return files


def steps(run: HostRun) -> pd.DataFrame:
    """The table of a run by place and time."""
    return run.steps.set_index(["latitude", "longitude", "time", "level"])[VARIABLES].sort_index()


def restart(dump: Path) -> str:
    return f"{GRID}, n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'"


@pytest.fixture
def first(host: HostRunner, mpiexec: str) -> HostRun:
    """A run of two ranks that has written a dump after three days."""
    launch = (mpiexec, "-n", "2")
    return host.complete("host_mpi", f"{GRID}, n_days = 6, dump_days = 3", all_hooks(), launch=launch)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (3, 2), (1, 3), (2, 3)])
def test_a_run_continues_with_another_number_of_ranks(host: HostRunner, mpiexec: str, before: int, after: int) -> None:
    files = all_hooks()

    def complete(ranks: int, settings: str) -> HostRun:
        return host.complete("host_mpi", settings, files, launch=(mpiexec, "-n", str(ranks)))

    whole = complete(before, f"{GRID}, n_days = 6, dump_days = 3")
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    same = complete(before, restart(dump))
    other = complete(after, restart(dump))
    assert len(other.output) != len(same.output)
    pd.testing.assert_frame_equal(steps(other), steps(same), check_exact=True)
    late = steps(whole).query("time >= '2001-01-04'")
    # dumps of JULES contain wetness, so water content is recovered within rounding error
    np.testing.assert_allclose(steps(other), late, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (3, 2)])
def test_antecedent_temperature_continues_to_the_bit(host: HostRunner, mpiexec: str, before: int, after: int) -> None:
    """The host's dumps contain temperature to the bit, and its respiration depends on nothing else with a constant f."""
    files = all_hooks()
    files["jules_ml.nml"] = files["jules_ml.nml"].split("&jules_ml_moisture")[0]
    files["fsth.nml"] = curve_table("fsth", "sthu", np.ones(2), 0.0, 1.0)
    launches = [(mpiexec, "-n", str(ranks)) for ranks in (before, after)]
    whole = host.complete("host_mpi", f"{GRID}, n_days = 6, dump_days = 3", files, launch=launches[0])
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.complete("host_mpi", restart(dump), files, launch=launches[1])
    late = steps(whole).query("time >= '2001-01-04'")
    names = ["t_soil", "fsth", "resp", "cs"]
    pd.testing.assert_frame_equal(steps(rest)[names], late[names], check_exact=True)


def test_a_state_that_cannot_be_split_is_refused_with_other_ranks_only(host: HostRunner, mpiexec: str) -> None:
    files = moisture_files("PointFirst")
    launch = (mpiexec, "-n", "2")
    whole = host.complete("host_mpi", f"{GRID}, n_days = 6, dump_days = 3", files, launch=launch)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    host.complete("host_mpi", restart(dump), files, launch=launch)
    other = host.run("host_mpi", restart(dump), files)
    assert other.code != 0
    assert "mean" in other.log
    assert "shared_state" in other.log


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 4)])
def test_points_at_the_same_position_are_refused_with_other_ranks_only(
    host: HostRunner, mpiexec: str, before: int, after: int
) -> None:
    files, grid = all_hooks(), "nx = 4, ny = 2, replicates = .true."
    files["jules_ml.nml"] = files["jules_ml.nml"].split("&jules_ml_moisture")[0]  # Python refuses them too
    launches = [(mpiexec, "-n", str(ranks)) for ranks in (before, after)]
    whole = host.complete("host_mpi", f"{grid}, n_days = 6, dump_days = 3", files, launch=launches[0])
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    settings = restart(dump).replace(GRID, grid)
    host.complete("host_mpi", settings, files, launch=launches[0])
    other = host.run("host_mpi", settings, files, launch=launches[1])
    assert other.code != 0
    assert "more than one point is at 5" in other.log
    assert "use the ranks of the run that wrote it" in other.log


@pytest.mark.parametrize(("before", "after"), [(2, 2), (1, 2), (2, 1)])
def test_a_rank_may_have_no_land_point(host: HostRunner, mpiexec: str, before: int, after: int) -> None:
    files, grid = all_hooks(), "nx = 2, ny = 1"  # the first column is sea
    launches = [(mpiexec, "-n", str(ranks)) for ranks in (before, after)]
    whole = host.complete("host_mpi", f"{grid}, n_days = 6, dump_days = 3", files, launch=launches[0])
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.complete("host_mpi", restart(dump).replace(GRID, grid), files, launch=launches[1])
    late = steps(whole).query("time >= '2001-01-04'")
    np.testing.assert_allclose(steps(rest).astype(float), late.astype(float), rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("ranks", ["1", "2"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content[:-9], "is truncated"),
        (lambda content: content[:5], "is truncated"),
        (lambda content: b"", "is truncated"),
        (lambda content: b"CDF\x01" + content[4:], "is not a state file of jules_ml"),
        (lambda content: b"JML0002 " + content[8:], "JML0002"),
    ],
    ids=["short", "header", "empty", "foreign", "old"],
)
def test_a_state_file_that_cannot_be_read_is_named(
    host: HostRunner, mpiexec: str, first: HostRun, ranks: str, spoil: object, words: str
) -> None:
    state = first.folder / "output" / "host.dump.20010104.0.jules_ml.0001.state"
    state.write_bytes(spoil(state.read_bytes()))  # type: ignore[operator]
    dump = state.with_name("host.dump.20010104.0.nc")
    run = host.run("host_mpi", restart(dump), all_hooks(), launch=(mpiexec, "-n", ranks))
    assert run.code != 0
    assert f"{state} {words}" in run.log
    assert "remove" in run.log


def test_a_missing_state_file_of_a_rank_is_named(host: HostRunner, mpiexec: str, first: HostRun) -> None:
    state = first.folder / "output" / "host.dump.20010104.0.jules_ml.0001.state"
    state.unlink()
    run = host.run("host_mpi", restart(state.with_name("host.dump.20010104.0.nc")), all_hooks())
    assert run.code != 0
    assert f"{state} does not exist" in run.log


def test_points_without_a_state_are_refused(host: HostRunner, first: HostRun) -> None:
    dump = first.folder / "output" / "host.dump.20010104.0.nc"
    run = host.run("host_mpi", restart(dump).replace("nx = 7", "nx = 8"), all_hooks())
    assert run.code != 0
    assert "no state of the point at" in run.log


def test_a_truncated_history_is_named(host: HostRunner, first: HostRun) -> None:
    history = first.folder / "output" / "host.dump.20010104.0.jules_ml.0001.npz"
    history.write_bytes(history.read_bytes()[:-30])
    run = host.run("host_mpi", restart(history.with_name("host.dump.20010104.0.nc")), all_hooks())
    assert run.code != 0
    assert f"{history}" in run.log
    assert "truncated" in run.log


def test_no_part_of_a_file_is_left(first: HostRun) -> None:
    assert not [name for name in first.output if name.endswith(".part")]
