"""Antecedent drivers of respiration in the host: their history, restarts, ranks, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.hosts import (
    F_NODES,
    ICE_POINT,
    KINDS,
    PYTHON,
    RESPIRATION,
    SCHEMES,
    F,
    HostRun,
    HostRunner,
    curve_table,
    respiration_files,
)
from helpers.respiration_folder import three_draws, with_antecedent
from numpy.typing import NDArray

from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.export.curves import antecedent_entries, antecedent_file
from jules_ml.learned.respiration.tables import antecedent_tables

Array = NDArray[np.float64]

STEP = 3600.0
DAY = 86400.0
#: Nodes and factors of each driver; some have more nodes than others, and negative abscissae.
CURVES: dict[str, tuple[Array, Array]] = {
    "wetness_1d": (np.linspace(-0.02, 0.03, 11), np.linspace(0.8, 1.4, 11) ** 2),
    "wetness_10d": (np.linspace(-0.05, 0.1, 41), 1.0 + 0.5 * np.sin(np.linspace(-3.0, 3.0, 41))),
    "temperature_1d": (np.linspace(-2.0, 2.0, 41), np.exp(np.linspace(-0.4, 0.3, 41))),
    "temperature_10d": (np.linspace(-4.0, 3.0, 21), np.exp(np.linspace(0.5, -0.3, 21))),
    "air_temperature": (np.linspace(-6.0, 6.0, 41), np.linspace(0.7, 1.5, 41)),
}
TEMPERATURES = ("temperature_1d", "temperature_10d", "air_temperature")


def antecedent_files(drivers: tuple[str, ...], x: str = "sthu") -> dict[str, str]:
    """Files of two respiration curves and the curves of antecedent drivers."""
    names, tables = (", ".join(f"'{form.format(name)}'" for name in drivers) for form in ("{}", "h_{}.nml"))
    entries = f"antecedent = {names}, antecedent_tables = {tables}\n"
    files = respiration_files(x)
    files["jules_ml.nml"] = files["jules_ml.nml"].replace("\n/\n", f"\n{entries}/\n")
    for name in drivers:
        nodes, h = CURVES[name]
        files[f"h_{name}.nml"] = curve_table("antecedent", name, h, nodes[0], nodes[-1])
    return files


def departure(x: Array, days: float) -> Array:
    """Departure of each step from the exponential mean of the steps before, by the equation of the documentation."""
    mean, departures = x[0], np.empty_like(x)
    for step, value in enumerate(x):
        departures[step] = value - mean
        mean = mean + (1.0 - np.exp(-STEP / (days * DAY))) * (value - mean)
    return departures


def reference(run: HostRun, drivers: tuple[str, ...], *, level: int, ice: bool) -> Array:
    """Factor from the state at the end of each step and the air temperature of the next, shape (step - 1, point).

    The first step starts from the initial state, which the host does not write: it has the state that is uniform in time.
    """
    s = run.column("sthu")[:-1, level] + (run.column("sthf")[:-1, level] if ice else 0.0)
    t = run.column("t_soil")[:-1, level]
    s, t = (
        np.concatenate([first[None], after])
        for first, after in ((INITIAL_WETNESS + 0 * s[0], s), (INITIAL_T + 0 * t[0], t))
    )
    values = {
        "wetness_1d": departure(s, 1.0),
        "wetness_10d": departure(s, 10.0),
        "temperature_1d": departure(t, 1.0),
        "temperature_10d": departure(t, 10.0),
        "air_temperature": run.column("tl_1")[:, 0] - t,
    }
    factor: Array = np.prod([np.interp(values[name], *CURVES[name]) for name in drivers], axis=0)
    return factor


#: Initial state of the host: 0.3 m3 m-3 of 0.45, unfrozen, at 278 K.
INITIAL_WETNESS, INITIAL_T = 0.3 / 0.45, 278.0


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_factor_follows_from_the_history_of_the_state(host: HostRunner, kind: str, scheme: str, calls: int) -> None:
    drivers = tuple(CURVES)
    level, ice = (1, True) if "level 2" in scheme else (0, False)
    settings = f"{SCHEMES[scheme]}, n_days = 30, microbe_calls = {calls}"
    run = host.complete(f"host_{kind}", settings, antecedent_files(drivers, "sthu+sthf" if ice else "sthu"))
    assert f"respiration (native; antecedent {', '.join(drivers)})" in run.log
    wetness = run.column("sthu") + (run.column("sthf") if ice else 0.0)
    f = np.interp(wetness[:-1], F_NODES, F)
    factor = reference(run, drivers, level=level, ice=ice)
    assert factor.std() > 0.05
    soil = np.arange(wetness.shape[2]) != ICE_POINT - 1
    expected = f.copy()
    for each in range(4) if "layers" in scheme else [level]:
        expected[:, each] *= factor[1:]
    tolerance = 1e-10 if kind == "r64" else 3e-6
    np.testing.assert_allclose(run.column("fsth")[1:][..., soil], expected[..., soil], rtol=tolerance)
    assert (run.column("fsth")[..., ~soil] == 0.0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_first_step_has_no_departure(host: HostRunner, kind: str) -> None:
    drivers = ("wetness_1d", "temperature_10d")
    run = host.complete(f"host_{kind}", "n_days = 1", antecedent_files(drivers))
    plain = host.complete(f"host_{kind}", "n_days = 1", respiration_files())
    at_rest = np.prod([np.interp(0.0, *CURVES[name]) for name in drivers])
    np.testing.assert_allclose(run.column("fsth")[0, 0], at_rest * plain.column("fsth")[0, 0], rtol=1e-6)


def test_without_drivers_no_state_is_written(host: HostRunner) -> None:
    run = host.complete("host_r32", "n_days = 2, dump_days = 1", respiration_files())
    assert not any(".jules_ml." in name for name in run.output)


@pytest.mark.parametrize("kind", KINDS)
def test_temperature_drivers_restart_to_the_bit(host: HostRunner, kind: str) -> None:
    """The host's dumps contain temperature to the bit, and its respiration of one level depends on nothing else with a constant f."""
    files = antecedent_files(TEMPERATURES)
    files["fsth.nml"] = curve_table("fsth", "sthu", np.ones(2), 0.0, 1.0)
    whole = host.complete(f"host_{kind}", "n_days = 6, dump_days = 3", files)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    settings = f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'"
    rest = host.complete(f"host_{kind}", settings, files)
    assert "read " in rest.log
    for name in ("t_soil", "fsth", "ftemp", "resp", "cs"):
        pd.testing.assert_series_equal(rest.steps[name], late[name], check_exact=True)
    (dump.parent / "host.dump.20010104.0.jules_ml.0000.state").unlink()
    fresh = host.complete(f"host_{kind}", settings, files)
    assert "the modules start without a history" in fresh.log
    assert np.abs(fresh.steps["fsth"] / late["fsth"] - 1.0).max() > 0.01


def test_all_drivers_restart_within_the_rounding_of_the_dump(host: HostRunner) -> None:
    files = antecedent_files(tuple(CURVES))
    whole = host.complete("host_r64", "n_days = 6, dump_days = 3", files)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.complete("host_r64", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    np.testing.assert_allclose(rest.steps["fsth"], late["fsth"], rtol=1e-10)


def test_a_truncated_state_is_refused(host: HostRunner) -> None:
    files = antecedent_files(TEMPERATURES)
    first = host.complete("host_r32", "n_days = 2", files)
    state = first.folder / "output" / "host.dump.20010103.0.jules_ml.0000.state"
    state.write_bytes(state.read_bytes()[:-8])
    run = host.run("host_r32", f"n_days = 2, restart_from = '{state.parent}/host.dump.20010103.0.nc'", files)
    assert run.code != 0
    assert "is truncated" in run.log


def test_means_continue_from_cycle_to_cycle_of_spin_up(host: HostRunner) -> None:
    drivers = ("temperature_10d", "wetness_10d")
    run = host.complete("host_r64", "n_days = 4, spinup_cycles = 2", antecedent_files(drivers))
    f = np.interp(run.column("sthu")[:-1, 0], F_NODES, F)
    factor = reference(run, drivers, level=0, ice=False)
    soil = np.arange(f.shape[1]) != ICE_POINT - 1
    np.testing.assert_allclose(run.column("fsth")[1:, 0][:, soil], (f * factor[1:])[:, soil], rtol=1e-10)


def test_two_ranks_give_the_result_of_one(host: HostRunner, two_ranks: tuple[str, ...]) -> None:
    tables = []
    for launch in ((), two_ranks):
        run = host.complete("host_mpi", "nx = 4, ny = 3, n_days = 3", antecedent_files(tuple(CURVES)), launch=launch)
        tables.append(run.steps.set_index(["latitude", "longitude", "time", "level"])[["fsth", "resp"]])
    pd.testing.assert_frame_equal(tables[0].sort_index(), tables[1].sort_index(), check_exact=True)


def test_drivers_multiply_f_of_the_python_backend_too(host: HostRunner) -> None:
    files = antecedent_files(("air_temperature",))
    files["jules_ml.nml"] = files["jules_ml.nml"].replace(
        "fsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'",
        "backend = 'python', python_callable = 'trial_module:quiet_soil'",
    )
    files["jules_ml.nml"] += PYTHON
    run = host.complete("host_r32", "n_days = 1", files)
    factor = reference(run, ("air_temperature",), level=0, ice=False)
    np.testing.assert_allclose(run.column("fsth")[:, 0, 0], 0.5 * factor[:, 0], rtol=1e-5)


GROUP = RESPIRATION.removesuffix("\n/\n")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            "antecedent = 'wetness_1d', 'rain', antecedent_tables = 'a.nml', 'b.nml'",
            "antecedent names 'rain', which is not a driver: give wetness_1d, wetness_10d",
        ),
        ("antecedent = 'wetness_1d', 'wetness_10d', antecedent_tables = 'h_wetness_1d.nml'", "2 drivers and antecedent_tables 1"),
        ("antecedent_tables = 'h_wetness_1d.nml'", "0 drivers and antecedent_tables 1"),
        (
            "antecedent = 'wetness_1d', 'wetness_1d', antecedent_tables = 'h_wetness_1d.nml', 'h_wetness_1d.nml'",
            "names 'wetness_1d' more than once",
        ),
        ("antecedent(2) = 'wetness_1d', antecedent_tables(2) = 'h_wetness_1d.nml'", "has a gap"),
        ("antecedent = 'temperature_1d', antecedent_tables = 'nowhere.nml'", "nowhere.nml: cannot be opened"),
        ("antecedent = 'temperature_1d', antecedent_tables = 'h_wetness_1d.nml'", "h_wetness_1d.nml: x is 'wetness_1d'"),
        ("antecedent = 'wetness_1d', antecedent_tables = 'fsth.nml'", "fsth.nml: name is 'fsth'"),
    ],
)  # fmt: skip
def test_a_wrong_list_of_drivers_is_refused_before_any_output(host: HostRunner, entries: str, words: str) -> None:
    files = antecedent_files(("wetness_1d",))
    files["jules_ml.nml"] = f"{GROUP}\n{entries}\n/\n"
    run = host.run("host_r32", "", files)
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: ./jules_ml.nml" in run.log
    assert words in run.log
    assert run.output == []


def test_drivers_with_soil_tiles_are_refused(host: HostRunner) -> None:
    run = host.run("host_r32", "nsoilt = 2", antecedent_files(("wetness_1d",)))
    assert run.code != 0
    assert "antecedent in &jules_ml_respiration needs one soil tile" in run.log


def test_a_call_of_microbe_with_some_of_the_points_is_refused(host: HostRunner) -> None:
    run = host.run("host_r32", "n_days = 1, use_threads = .true.", antecedent_files(("wetness_1d",)))
    assert run.code != 0
    assert "called microbe with 1 of" in run.log


def test_files_of_a_module_are_read(host: HostRunner, tmp_path_factory: pytest.TempPathFactory) -> None:
    numbers = {0: torch.linspace(-0.03, 0.04, 41), 4: torch.linspace(-5.0, 5.0, 41)}
    module = with_antecedent(three_draws(), {k: (x.double(), 10.0 * x.double() / x[-1]) for k, x in numbers.items()})
    tables = antecedent_tables(module)
    folder = tmp_path_factory.mktemp("curves")
    files = respiration_files()
    for name, table in tables.items():
        files[antecedent_file(name)] = write_curve(table, folder / antecedent_file(name)).read_text(encoding="ascii")
    files["jules_ml.nml"] = f"{GROUP}\n{antecedent_entries(tables)}\n/\n"
    run = host.complete("host_r64", "n_days = 3", files)
    plain = host.complete("host_r64", "n_days = 3", respiration_files())
    s = np.concatenate([[INITIAL_WETNESS], run.column("sthu")[:-1, 0, 0]])
    t = np.concatenate([[INITIAL_T], run.column("t_soil")[:-1, 0, 0]])
    values = {"wetness_1d": departure(s, 1.0), "air_temperature": run.column("tl_1")[:, 0, 0] - t}
    h = np.prod([tables[name](torch.from_numpy(values[name])).numpy() for name in tables], axis=0)
    # files have nine digits
    np.testing.assert_allclose(run.column("fsth")[:, 0, 0] / plain.column("fsth")[:, 0, 0], h, rtol=1e-8)
