"""The hooks in a land host of our own: what they change, what they leave alone, what they refuse, and how they are linked.

The host has modules and procedures of the names and arguments of JULES's, traps floating-point exceptions, and holds a
netCDF file open. It proves only itself; ``benchmarks/bridge_jules.py`` does the same in a real JULES.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import f90nml
import numpy as np
import pandas as pd
import pytest
from helpers.moisture_site import QUICK
from helpers.moisture_site import site as made_up_site

from jules_ml.data.humidity import saturation_vapour_pressure, vapour_pressure
from jules_ml.errors import BadInput, RunFailed
from jules_ml.jules.hooks import BuiltHooks, Hook, build_hooks, check_executable, find_modules, relink
from jules_ml.jules.sources import SOURCES
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite

KINDS = ("r32", "r64")
#: Names of a host's settings for the ways that carbon is kept.
SCHEMES = {
    "one pool": "soil_bgc_model = 1",
    "four pools, level 2": "soil_bgc_model = 2, l_soil_resp_lev2 = .true.",
    "four pools in layers": "soil_bgc_model = 2, l_layeredC = .true.",
    "one pool in layers": "soil_bgc_model = 1, l_layeredC = .true.",
}
ICE_POINT = 5
DZ = np.array([0.1, 0.25, 0.65, 2.0])
PYTHON = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
#: Two threads; and Open MPI may run as root, on fewer processors than ranks.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "2",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
#: Soil moisture and soil properties to try the hooks with.
MODULE = """
import numpy as np

def wet(*, sthu, **_):
    return np.full_like(sthu, 0.4), np.ones(sthu.shape, dtype=bool)

def dry(*, sthu, **_):
    return np.full_like(sthu, 0.2), np.ones(sthu.shape, dtype=bool)

def top_layer(*, sthu, **_):
    mask = np.zeros(sthu.shape, dtype=bool)
    mask[0] = True
    return np.full_like(sthu, 0.35), mask

def narrow(*, sthu, **_):
    return np.full(sthu.shape, 0.4, dtype=np.float16), np.ones(sthu.shape, dtype=bool)

def flat(*, sthu, **_):
    return np.full(sthu.shape[1], 0.4, dtype=sthu.dtype), np.ones(sthu.shape, dtype=bool)

def nowhere(*, sthu, **_):
    return np.full_like(sthu, np.nan), np.ones(sthu.shape, dtype=bool)

def percent(*, sthu, **_):
    return np.full_like(sthu, 40.0), np.ones(sthu.shape, dtype=bool)

def fail_later(*, date, sthu, **_):
    if date[2] >= 4:
        raise RuntimeError("the series ends here")
    return wet(sthu=sthu)

def fail_east(*, date, longitude, sthu, **_):
    if date[2] >= 4 and longitude.max() > 2:
        raise RuntimeError("no series in the east")
    return wet(sthu=sthu)

def print_weather(*, date, forcing, latitude, longitude, sthu, **_):
    print("WEATHER", date, *(float(forcing[k][0]) for k in ("rain", "t", "wind", "pstar", "vpd")), latitude[0], longitude[0])
    return wet(sthu=sthu)

class Counting:
    def __init__(self):
        self.calls = 0

    def __call__(self, *, sthu, forcing, **_):
        self.calls += 1
        target = 0.30 + 0.01 * self.calls + 1e-4 * (forcing["t"] - 273.15)
        return np.broadcast_to(target, sthu.shape).astype(sthu.dtype), np.ones(sthu.shape, dtype=bool)

    def state(self):
        return {"calls": np.array(self.calls)}

    def set_state(self, state):
        self.calls = int(state["calls"])

def soil(cs, sm_levels, sm_sat=0.5):
    shape = (sm_levels, cs.shape[-1])
    full = lambda value, n=0: np.full((shape[0] + n, shape[1]), value, dtype=cs.dtype)
    values = dict(b=full(5.0), sathh=full(0.1), satcon=full(0.01, 1), sm_sat=full(sm_sat), sm_crit=full(0.2),
                  sm_wilt=full(0.1), hcap=full(1.3e6), hcon=full(0.3, 1))
    values["b"] += cs.sum(axis=(0, 1))
    return values

def properties(*, cs, sm_levels, **_):
    return soil(cs, sm_levels)

def tight(*, cs, sm_levels, **_):
    return soil(cs, sm_levels, sm_sat=0.25)

def impossible(*, cs, sm_levels, **_):
    return soil(cs, sm_levels) | {"b": np.zeros((sm_levels, cs.shape[-1]), dtype=cs.dtype)}

def quiet_soil(*, sthu, t_soil, **_):
    with np.errstate(all="ignore"):
        assert np.isnan(np.zeros(1) / np.zeros(1)).all()
    return (sthu * 0 + 0.5).astype(sthu.dtype), (t_soil * 0 + 1).astype(sthu.dtype)
"""
RESPIRATION = "&jules_ml_respiration\nfsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'\n/\n"


@pytest.fixture(scope="session")
def hosts(bridge_build: Path) -> Path:
    """The folder of the hosts' executables."""
    with (bridge_build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["cmake", "--build", str(bridge_build), "--target", "hosts"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return bridge_build / "fortran_bridge" / "host"


@dataclass(frozen=True)
class Run:
    """A run of a host that has ended, well or not."""

    folder: Path
    code: int
    said: str

    @property
    def steps(self) -> pd.DataFrame:
        """The table of all ranks, a row a step, point and level."""
        tables = [pd.read_csv(path) for path in sorted((self.folder / "output").glob("host.[0-9]*.csv"))]
        return pd.concat(tables, keys=range(len(tables)), names=["rank"]).reset_index("rank")

    @property
    def ledger(self) -> pd.DataFrame:
        """What the hooks say they added, in the first rank."""
        return pd.read_csv(self.folder / "output" / "host.jules_ml_increments.0000.csv", comment="#")

    def column(self, name: str) -> np.ndarray:
        """A column by step, level and point."""
        table = self.steps
        shape = (-1, table["level"].max(), table["point"].max())
        return table[name].to_numpy().reshape(shape)

    @property
    def output(self) -> list[str]:
        """Names of what it wrote."""
        return sorted(path.name for path in (self.folder / "output").iterdir())


class Hosts:
    """Runs the hosts, each time in a folder of its own."""

    def __init__(self, executables: Path, root: Path) -> None:
        self.executables = executables
        self.root = root

    def run(
        self, exe: str, settings: str = "", files: dict[str, str] | None = None, *, launch: tuple[str, ...] = ()
    ) -> Run:
        """Run to the end, with files beside host.nml."""
        folder = self.root / f"{len(list(self.root.iterdir()))}_{exe}"
        (folder / "output").mkdir(parents=True)
        (folder / "host.nml").write_text(f"&host {settings} /\n", encoding="utf-8")
        (folder / "module_to_try.py").write_text(MODULE, encoding="utf-8")
        for name, text in (files or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [*launch, str(self.executables / exe), "."], cwd=folder, capture_output=True, text=True, check=False,
            timeout=120, env=os.environ | ENVIRONMENT,
        )  # fmt: skip
        return Run(folder, done.returncode, done.stdout + done.stderr)

    def good(
        self, exe: str, settings: str = "", files: dict[str, str] | None = None, *, launch: tuple[str, ...] = ()
    ) -> Run:
        """The same, and it must end well."""
        run = self.run(exe, settings, files, launch=launch)
        assert run.code == 0, run.said
        return run


@pytest.fixture
def host(hosts: Path, tmp_path: Path) -> Hosts:
    return Hosts(hosts, tmp_path)


def curve(name: str, x: str, y: np.ndarray, x_min: float, x_max: float) -> str:
    """A curve table."""
    return (
        f"&jules_ml_curve version = 1, name = '{name}', x = '{x}', x_units = '{'K' if x == 't_soil' else '1'}', "
        f"x_min = {x_min}, x_max = {x_max}, n = {y.size}, seen_min = {x_min}, seen_max = {x_max}, reference = 1.0,\n"
        f"y = {', '.join(f'{value:.17g}' for value in y)} /\n"
    )


F_NODES, G_NODES = np.linspace(0.0, 1.0, 65), np.linspace(240.0, 320.0, 129)
F, G = 0.1 + F_NODES**2, np.exp(0.06 * (G_NODES - 282.4))


def learned(x: str = "sthu") -> dict[str, str]:
    """Files that put two curves into a run."""
    return {
        "jules_ml.nml": RESPIRATION,
        "fsth.nml": curve("fsth", x, F, 0.0, 1.0),
        "ftemp.nml": curve("ftemp", "t_soil", G, 240.0, 320.0),
    }


def moisture(function: str, settings: str = "mode = 'replace'") -> dict[str, str]:
    """Files that put a moisture module into a run."""
    return {"jules_ml.nml": f"&jules_ml_moisture python_callable = 'module_to_try:{function}', {settings} /\n{PYTHON}"}


def properties(function: str, settings: str = "every_days = 0") -> dict[str, str]:
    """Files that put a module of soil properties into a run."""
    group = f"&jules_ml_properties python_callable = 'module_to_try:{function}', {settings} /\n"
    return {"jules_ml.nml": group + PYTHON}


def tolerance(kind: str) -> float:
    return 1e-6 if kind == "r32" else 1e-13


# --- hooks off


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", SCHEMES.values(), ids=SCHEMES)
def test_hooks_that_are_off_leave_every_byte(host: Hosts, kind: str, settings: str) -> None:
    settings += ", n_days = 3"
    plain, off = host.good(f"host_plain_{kind}", settings), host.good(f"host_{kind}", settings)
    assert "hooks are linked and off" in off.said
    assert plain.output == off.output
    for name in plain.output:
        if not name.endswith(".nc"):  # netCDF files hold times of their making
            assert (plain.folder / "output" / name).read_bytes() == (off.folder / "output" / name).read_bytes()


# --- respiration


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_output_shows_the_curves_at_the_state_of_the_step_before(host: Hosts, kind: str, scheme: str) -> None:
    x = "sthu+sthf" if "level 2" in scheme else "sthu"
    run = host.good(f"host_{kind}", SCHEMES[scheme] + ", n_days = 8", learned(x))
    wetness = run.column("sthu") + (run.column("sthf") if x == "sthu+sthf" else 0.0)
    soil = np.arange(run.column("sthu").shape[2]) != ICE_POINT - 1
    expected_f = np.where(soil, np.interp(wetness, F_NODES, F), 0.0)
    assert (run.column("sthf") > 0).any()
    assert run.column("fsth")[1:] == pytest.approx(expected_f[:-1], abs=tolerance(kind))
    expected_g = np.interp(run.column("t_soil"), G_NODES, G)
    assert run.column("ftemp")[1:][..., soil] == pytest.approx(expected_g[:-1][..., soil], abs=tolerance(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_respiration_is_rebuilt_from_the_factors(host: Hosts, kind: str, scheme: str) -> None:
    """The ratio to the host's own respiration, of the same carbon in the first step, is that of the factors."""
    settings = SCHEMES[scheme] + ", n_days = 1"
    plain = host.good(f"host_plain_{kind}", settings)
    run = host.good(f"host_{kind}", settings, learned("sthu+sthf" if "level 2" in scheme else "sthu"))
    levels = range(4) if "layers" in scheme else [1 if "level 2" in scheme else 0]
    for level in levels:
        row = level if "layers" in scheme else 0
        factors = [r.column("fsth")[0, level, 0] * r.column("ftemp")[0, level, 0] for r in (run, plain)]
        resp = [r.column("resp")[0, row, 0] for r in (run, plain)]
        assert resp[0] / resp[1] == pytest.approx(factors[0] / factors[1], rel=10 * tolerance(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_missing_diagnostics_change_nothing(host: Hosts, kind: str) -> None:
    serial = host.good(f"host_{kind}", "n_days = 4", learned())
    threads = host.good(f"host_{kind}", "n_days = 4, use_threads = .true.", learned())
    silent = host.good(f"host_{kind}", "n_days = 4, diagnostics = .false.", learned())
    pd.testing.assert_frame_equal(serial.steps, threads.steps)
    assert (silent.steps["fsth"] == 0).all()
    pd.testing.assert_series_equal(serial.steps["resp"], silent.steps["resp"])


def test_python_serves_respiration_under_traps(host: Hosts) -> None:
    group = "&jules_ml_respiration backend = 'python', python_callable = 'module_to_try:quiet_soil' /\n"
    run = host.good("host_r32", "n_days = 1", {"jules_ml.nml": group + PYTHON})
    assert (run.column("fsth")[..., 0] == 0.5).all()


# --- refusals before any output


@pytest.mark.parametrize(
    ("settings", "files", "words"),
    [
        ("soil_bgc_model = 3", learned(), "ECOSSE"),
        ("lsm_id = 2", learned(), "CABLE"),
        ("l_top = .true.", moisture("wet"), "l_top = .false."),
        ("have_prescribed_sthuf = .true.", moisture("wet"), "remove sthuf from JULES_PRESCRIBED_DATASET"),
        ("nsoilt = 2", moisture("wet"), "l_tile_soil"),
        ("l_irrig_dmd = .true.", moisture("wet"), "l_irrig_dmd"),
        ("nsoilt = 2", properties("properties"), "l_tile_soil"),
        ("l_irrig_dmd = .true.", properties("properties"), "l_irrig_dmd"),
        ("", moisture("wet", "mode = 'replace', levels = 2, 5"), "sm_levels = 4"),
        ("", {"jules_ml.nml": RESPIRATION}, "fsth.nml"),
        ("", learned() | {"fsth.nml": learned()["fsth.nml"].replace("n = 65", "n = 66")}, "fsth.nml"),
        ("", moisture("wet", "mode = 'nudge'"), "tau_hours"),
        ("", moisture("nobody"), "nobody"),
    ],
)
def test_what_cannot_work_is_refused_before_any_output(
    host: Hosts, settings: str, files: dict[str, str], words: str
) -> None:
    run = host.run("host_r32", settings, files)
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: ./jules_ml.nml" in run.said
    assert words in run.said
    assert run.output == []


def test_topmodel_is_no_obstacle_to_respiration(host: Hosts) -> None:
    host.good("host_r32", "n_days = 1, l_top = .true., have_prescribed_sthuf = .true., nsoilt = 1", learned())


def test_a_hook_that_nothing_calls_is_fatal(host: Hosts) -> None:
    run = host.run("host_without_microbe", "n_days = 2", learned())
    assert run.code != 0
    assert "microbe was not called in the first step" in run.said
    assert run.steps["step"].max() == 1


# --- soil moisture


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", ["mode = 'replace'", "mode = 'replace', every = 'step'", "mode = 'nudge', tau_hours = 12.0"]
)
def test_increments_close_the_water_budget(host: Hosts, kind: str, settings: str) -> None:
    run = host.good(f"host_{kind}", "n_days = 6", moisture("wet", settings))
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


def test_replaced_moisture_is_the_target_until_the_soil_drains(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 3", moisture("wet", "mode = 'replace', levels = 3, 4"))
    first = run.steps.query("time == '2001-01-02T00' and point == 1").set_index("level")
    plain = (
        host.good("host_plain_r64", "n_days = 3")
        .steps.query("time == '2001-01-02T00' and point == 1")
        .set_index("level")
    )
    theta = first["smcl"] / (1000.0 * DZ)
    assert theta[4] == pytest.approx(0.4, abs=0.002)
    assert theta[3] == pytest.approx(0.4, abs=0.005)
    assert theta[1] == pytest.approx(plain["smcl"][1] / 100.0, abs=1e-12)


def test_mask_and_time_scale_by_level(host: Hosts) -> None:
    nudged = host.good(
        "host_r64", "n_days = 3", moisture("dry", "mode = 'nudge', levels = 3, 4, tau_hours = 6.0, 48.0")
    )
    by_level = nudged.ledger.query("point == 1").groupby("level")["water_kg_m-2"].sum()
    share = by_level / (1000.0 * DZ[[2, 3]] * -0.1)  # of the distance from 0.3 to 0.2
    assert share[3] == pytest.approx(1.0, abs=0.05)
    assert share[4] == pytest.approx(1.0 - np.exp(-48.0 / 48.0), abs=0.02)
    masked = host.good("host_r64", "n_days = 3", moisture("top_layer"))
    assert set(masked.ledger["level"]) == {1}


def test_heat_of_the_water_is_booked(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 12", moisture("wet", "mode = 'replace', levels = 1"))
    rows = run.ledger.query("point == 1")
    state = run.steps.query("point == 1 and level == 1").set_index("time")
    warm, frozen = rows.iloc[0], rows.iloc[-1]
    before = state.loc["2001-01-01T23"]
    assert warm["sensible_heat_J_m-2"] == pytest.approx(4180.0 * warm["water_kg_m-2"] * (before["t_soil"] - 273.15))
    assert warm["latent_heat_J_m-2"] == 0.0
    assert state.iloc[-30:]["sthf"].min() > 0.0
    # all that is added to frozen soil freezes, and gives up its heat of fusion
    assert frozen["latent_heat_J_m-2"] == pytest.approx(-0.334e6 * frozen["water_kg_m-2"], rel=1e-6)


def test_the_module_sees_the_mean_weather_of_the_day_gone_by(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 5", moisture("print_weather"))
    lines = [line.split() for line in run.said.splitlines() if line.startswith("WEATHER")]
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
def test_vapour_pressure_deficit_is_averaged_over_steps(host: Hosts, kind: str) -> None:
    """As in training; from the day's mean temperature and humidity it would be several percent lower."""
    run = host.good(f"host_{kind}", "n_days = 2, start_date = 2001, 7, 1, 0", moisture("print_weather"))
    line = [line.split() for line in run.said.splitlines() if line.startswith("WEATHER")][1]
    season = 2 * np.pi * (30.5 * (7 - 1) + 1 - 110) / 365
    hour = 2 * np.pi * (np.arange(24) - 9) / 24
    t_air = 280 + 9 * np.sin(season) + 4 * np.sin(hour) + 0.5 * 2  # the host's, at longitude 2
    vapour = vapour_pressure(np.array(0.006), np.array(1e5))
    vpd = np.maximum(saturation_vapour_pressure(t_air) - vapour, 0.0).mean()
    assert float(line[11]) == pytest.approx(vpd, rel=2e-6)
    assert float(line[11]) > 1.02 * (saturation_vapour_pressure(t_air.mean()) - vapour)


def test_a_new_cycle_of_spin_up_is_a_new_day(host: Hosts) -> None:
    run = host.good("host_r32", "n_days = 2, spinup_cycles = 2", moisture("print_weather"))
    dates = [line.split("(")[1].split(")")[0] for line in run.said.splitlines() if line.startswith("WEATHER")]
    assert [date.split(",")[2].strip() for date in dates] == ["1", "2", "1", "2", "1", "2"]  # the trial first
    rows = run.ledger.query("point == 1 and level == 1")
    assert rows["cycle"].tolist() == [1, 2, 2, 0, 0]
    assert [time[8:10] for time in rows["time"]] == ["02", "01", "02", "01", "02"]
    states = [name for name in run.output if name.endswith(".state")]
    assert "host.dump.spin2.20010101.0.jules_ml.0000.state" in states
    assert "host.dump.20010101.0.jules_ml.0000.state" in states


@pytest.mark.parametrize(
    ("function", "words"),
    [("narrow", "float16"), ("flat", "has shape"), ("nowhere", "is nan at"), ("percent", "above 1")],
)
def test_what_a_daily_module_gives_is_checked_before_the_first_step(host: Hosts, function: str, words: str) -> None:
    run = host.run("host_r32", "n_days = 3", moisture(function))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: soil moisture, test call at the start" in run.said
    assert words in run.said
    assert not any(
        name.endswith(".csv") and (run.folder / "output" / name).read_text().count("\n") > 1 for name in run.output
    )


def test_a_trial_leaves_no_trace_in_what_a_module_remembers(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 2", moisture("Counting"))
    with np.load(run.folder / "output" / "host.dump.20010103.0.jules_ml.0000.npz") as stored:
        assert stored["state.calls"] == 1


def test_prescribed_properties_are_refused_beside_learned_ones(host: Hosts) -> None:
    run = host.run("host_r32", "n_days = 2, have_prescribed_b = .true.", properties("properties"))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: &jules_ml_properties is overwritten by prescribed b: remove b from" in run.said
    alone = host.good("host_r32", "n_days = 1, have_prescribed_b = .true.", learned())
    assert alone.code == 0


# --- failures later in the run


def test_a_later_exception_closes_the_output(host: Hosts) -> None:
    netcdf = pytest.importorskip("netCDF4")
    run = host.run("host_r32", "n_days = 6", moisture("fail_later"))
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: soil moisture: Python: RuntimeError: the series ends here" in run.said
    assert run.steps["time"].max() == "2001-01-03T23"
    if "host.0000.nc" in run.output:
        with netcdf.Dataset(run.folder / "output" / "host.0000.nc") as ds:
            assert ds["smcl"].shape[0] == 72


@pytest.mark.parametrize("kind", KINDS)
def test_netcdf_file_held_open_beside_python(host: Hosts, kind: str) -> None:
    netcdf = pytest.importorskip("netCDF4")
    run = host.good(f"host_{kind}", "n_days = 3", moisture("wet"))
    if "host.0000.nc" not in run.output:
        pytest.skip("the host was built without netCDF-Fortran")
    with netcdf.Dataset(run.folder / "output" / "host.0000.nc") as ds:
        np.testing.assert_allclose(ds["smcl"][:], run.column("smcl"))


# --- soil properties


@pytest.mark.parametrize("kind", KINDS)
def test_properties_and_what_follows_from_them(host: Hosts, kind: str) -> None:
    settings = "n_days = 2, l_use_pft_psi = .true."
    plain = host.good(f"host_plain_{kind}", settings).steps.query("point == 1")
    run = host.good(f"host_{kind}", settings, properties("properties")).steps.query("point == 1")
    rel = tolerance(kind)
    assert run["b"].to_numpy() == pytest.approx(8.0, rel=rel)  # 5 and 3 kg m-2 of carbon
    assert run["satcon0"].to_numpy() == pytest.approx(0.01, rel=rel)
    assert run["infil"].to_numpy() == pytest.approx(0.04, rel=rel)
    assert run["sm_sat"].to_numpy() == pytest.approx(0.5, rel=rel)
    assert run["v_close"].to_numpy() == pytest.approx(0.5 * (0.1 / (1.5e6 / 9806.65)) ** (1 / 8.0), rel=10 * rel)
    # water stays, wetness follows
    wetness = run["smcl"] / (500.0 * np.tile(DZ, len(run) // 4))
    assert (run["sthu"] + run["sthf"]).to_numpy() == pytest.approx(wetness.to_numpy(), rel=10 * rel)
    assert run["smcl"].iloc[3] == pytest.approx(plain["smcl"].iloc[3], rel=1e-3)


def test_water_that_no_longer_fits_is_booked(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 1", properties("tight"))
    rows = run.ledger.query("point == 1")
    assert set(rows["cause"]) == {"properties"}
    assert rows["water_kg_m-2"].to_numpy() == pytest.approx(-1000.0 * DZ * 0.05, rel=1e-6)


def test_properties_renewed_at_an_interval(host: Hosts) -> None:
    run = host.good("host_r64", "n_days = 7", properties("properties", "every_days = 3")).steps
    b = run.query("point == 1 and level == 1").groupby(run["time"].str[8:10])["b"].agg(["min", "max"])
    assert (b["min"] == b["max"]).all()  # changes between days only
    assert list(np.diff(b["min"]) < 0) == [False, False, True, False, False, True]  # as carbon is lost


def test_a_soil_that_cannot_be_is_refused(host: Hosts) -> None:
    run = host.run("host_r32", "n_days = 1", properties("impossible"))
    assert run.code != 0
    assert "b, sathh, hcap and hcon must be positive" in run.said


# --- restart


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_goes_on_as_if_there_had_been_none(host: Hosts, kind: str) -> None:
    both = (
        "&jules_ml_moisture python_callable = 'module_to_try:Counting', mode = 'nudge', tau_hours = 10.0 /\n"
        "&jules_ml_properties python_callable = 'module_to_try:properties', every_days = 2 /\n"
    )
    files = {"jules_ml.nml": both + PYTHON}
    whole = host.good(f"host_{kind}", "n_days = 6, dump_days = 3", files)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.good(f"host_{kind}", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    assert "20010104.0.jules_ml.0000.state" in rest.said
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    for name in ("smcl", "sthu", "sthf", "t_soil", "resp", "b"):
        # JULES's dumps hold wetness, so water comes back within rounding
        np.testing.assert_allclose(rest.steps[name], late[name], rtol=2e-5 if kind == "r32" else 1e-10, atol=1e-7)


@pytest.fixture(scope="session")
def learned_moisture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module folder of soil moisture, of made-up sites: what matters is who calls it."""
    sites = [
        MoistureSite(moisture_record(made_up_site(400, seed=i, name=f"site {i}"), static={"clay": 3.0 * i}))
        for i in range(8)
    ]
    return fit_moisture(
        sites, QUICK.model_copy(update={"static": "none"}), tmp_path_factory.mktemp("theta") / "module"
    ).folder


@pytest.mark.parametrize("kind", KINDS)
def test_learned_moisture_is_followed_through_a_restart(host: Hosts, kind: str, learned_moisture: Path) -> None:
    static = {"precip_year": 800.0, "t_air_mean": 283.0, "vpd_mean": 500.0}
    files = moisture("follow", "mode = 'nudge', tau_hours = 12.0") | {
        "module_to_try.py": "from jules_ml.bridge.moisture import Follow\n"
        f"follow = Follow({str(learned_moisture)!r}, levels=(1, 2), warm_up=2, static={static})\n"
    }
    whole = host.good(f"host_{kind}", "n_days = 6, dump_days = 3", files)
    free = host.good(f"host_{kind}", "n_days = 6")
    moved = np.abs(whole.column("smcl") - free.column("smcl"))
    assert (moved[-1, :2] > 0.0).any()
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = host.good(f"host_{kind}", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    for name in ("smcl", "sthu", "t_soil"):
        np.testing.assert_allclose(rest.steps[name], late[name], rtol=2e-5 if kind == "r32" else 1e-10, atol=1e-7)


def test_a_dump_without_state_is_a_warning(host: Hosts) -> None:
    first = host.good("host_r32", "n_days = 2")
    dump = first.folder / "output" / "host.dump.20010103.0.nc"
    run = host.good("host_r32", f"n_days = 2, restart_from = '{dump}'", moisture("wet"))
    assert "the modules start without a history" in run.said


def test_a_state_of_other_points_is_refused(host: Hosts) -> None:
    first = host.good("host_r32", "n_days = 2", moisture("wet"))
    state = first.folder / "output" / "host.dump.20010103.0.jules_ml.0000.state"
    content = bytearray(state.read_bytes())
    content[8] += 1  # the number of points
    state.write_bytes(content)
    run = host.run("host_r32", f"n_days = 2, restart_from = '{state.parent}/host.dump.20010103.0.nc'", moisture("wet"))
    assert run.code != 0
    assert "does not fit this run" in run.said


# --- MPI


@pytest.fixture
def two_ranks(hosts: Path, bridge_build: Path) -> tuple[str, ...]:
    """How to start two ranks with the launcher of the MPI that the host was linked with; another one's would not do."""
    if not (hosts / "host_mpi").exists():
        pytest.skip("no MPI for Fortran was found")
    cache = (bridge_build / "CMakeCache.txt").read_text(encoding="utf-8")
    compiler = re.search(r"^MPI_Fortran_COMPILER:FILEPATH=(.+)$", cache, flags=re.MULTILINE)
    # the one beside the compiler: an active virtual environment may hold another MPI's, which stands first in the PATH
    launcher = None if compiler is None else shutil.which(Path(compiler[1]).with_name("mpiexec"))
    if launcher is None:
        pytest.skip("the MPI that was found has no mpiexec")
    return (launcher, "-n", "2")


@pytest.mark.parametrize(
    "files", [learned(), moisture("wet", "mode = 'nudge', tau_hours = 6.0")], ids=["curves", "moisture"]
)
def test_two_ranks_give_what_one_gives(host: Hosts, two_ranks: tuple[str, ...], files: dict[str, str]) -> None:
    # without points of ice, which are the last of each rank
    where = "(latitude < 52 or longitude < 2)"
    tables = []
    for launch in ((), two_ranks):
        run = host.good("host_mpi", "nx = 4, ny = 3, n_days = 3", files, launch=launch)
        tables.append(run.steps.set_index(["latitude", "longitude", "time", "level"])[["smcl", "fsth", "resp"]])
    shared = tables[0].query(where).index.intersection(tables[1].query(where).index)
    assert len(shared) > 500
    pd.testing.assert_frame_equal(tables[0].loc[shared], tables[1].loc[shared])


def test_one_rank_that_fails_stops_both(host: Hosts, two_ranks: tuple[str, ...]) -> None:
    run = host.run("host_mpi", "nx = 4, n_days = 6", moisture("fail_east"), launch=two_ranks)
    assert run.code != 0
    assert "no series in the east" in run.said
    assert run.steps.groupby("rank")["time"].max().tolist() == ["2001-01-03T23"] * 2


# --- executables


def test_check_tells_what_is_in_an_executable(hosts: Path) -> None:
    hooked, plain = check_executable(hosts / "host_r64"), check_executable(hosts / "host_plain_r64")
    assert hooked.complete
    assert hooked.compiler == "gfortran"
    assert set(plain.hooks.values()) == {Hook.ABSENT}
    assert "relink JULES" in plain.report
    lacking = check_executable(hosts / "host_without_microbe")
    assert lacking.hooks["microbe"] is Hook.DROPPED
    assert lacking.hooks["write_dump"] is Hook.IN


def test_check_sees_hooks_dropped_by_link_time_optimisation(hosts: Path) -> None:
    checked = check_executable(hosts / "host_lto")
    assert not checked.complete
    assert checked.hooks["microbe"] is Hook.DROPPED
    assert "-flto" in checked.report


def test_check_refuses_what_it_cannot_read(hosts: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        check_executable(tmp_path / "none")
    text = tmp_path / "text"
    text.write_text("no executable")
    with pytest.raises(BadInput, match="not an executable"):
        check_executable(text)
    stripped = tmp_path / "stripped"
    shutil.copy(hosts / "host_r32", stripped)
    subprocess.run(["strip", str(stripped)], check=True)
    with pytest.raises(BadInput, match="link JULES without -s"):
        check_executable(stripped)
    other = shutil.which("gfortran")
    assert other is not None
    with pytest.raises(BadInput, match=r"symbols were stripped|no procedure of JULES"):
        check_executable(Path(other).resolve())


@pytest.fixture(scope="session")
def built(hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltHooks:
    """Hooks built as a user builds them, against the host's .mod files."""
    return build_hooks(hosts / "host_r32_objects_mod", out=tmp_path_factory.mktemp("hooks"))


def test_hooks_are_built_against_mod_files_and_relinked(
    built: BuiltHooks, hosts: Path, host: Hosts, tmp_path: Path
) -> None:
    assert built.flags == built.flags_file.read_text().strip()
    assert "-Wl,--wrap=__microbe_mod_MOD_microbe" in built.flags
    assert str(built.flags_file) in built.advice
    objects = sorted(hosts.glob("CMakeFiles/host_r32_objects.dir/*.o"))
    libraries = ["-fopenmp"] + (["-lnetcdff"] if any(b"netcdf" in p.read_bytes() for p in objects) else [])
    exe = hosts / "host_relinked"
    relink(objects, built, exe=exe, compiler="gfortran", libraries=libraries)
    assert check_executable(exe).complete
    run = host.good(exe.name, "n_days = 1", learned())
    assert "hooks on: respiration (native)" in run.said
    assert "jules_ml: kernels of the native backend: " in run.said


def test_the_log_names_the_kernels(host: Hosts) -> None:
    files = learned()
    files["jules_ml.nml"] += "&jules_ml reproducible = .true. /\n"
    run = host.good("host_r32", "n_days = 1", files)
    assert "[INFO] jules_ml: kernels of the native backend: base\n" in run.said


def test_the_template_has_the_entries_that_are_read(built: BuiltHooks) -> None:
    text = built.template.read_text(encoding="utf-8")
    assert not any(line and not line.startswith("!") for line in text.splitlines())  # as it is, every hook is off
    source = (SOURCES / "fortran_bridge" / "src" / "jml_config.f90").read_text(encoding="utf-8")
    read = {group: set(re.findall(r"\w+", entries)) for group, entries in re.findall(r"namelist /(\w+)/ (.+)", source)}
    shown: dict[str, set[str]] = {}
    for group in re.findall(r"^!&(?s:.+?)^!/", text, flags=re.MULTILINE):
        ((name, entries),) = f90nml.reads(group.replace("!", "")).items()
        shown.setdefault(name, set()).update(entries)
    assert shown == read


def test_an_installed_package_carries_the_sources(tmp_path: Path) -> None:
    """What goes into a wheel, and that the hooks are then built from there."""
    pytest.importorskip("setuptools", minversion="77")
    build = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=SOURCES, check=True, capture_output=True)
    carried = tmp_path / "jules_ml" / "bridge_sources"
    for folder in ("src", "hooks", "include"):
        wanted = SOURCES / "fortran_bridge" / folder
        for path in filter(Path.is_file, wanted.rglob("*")):
            assert (carried / path.relative_to(SOURCES)).read_bytes() == path.read_bytes()
    say = "from jules_ml.jules.sources import SOURCES; print(SOURCES)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", say], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert Path(done.stdout.strip()) == carried


def test_what_the_build_lacks_is_said(hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"no microbe_mod\.mod there.*build/include") as caught:
        find_modules(tmp_path)
    assert "FCM" in caught.value.remedy

    modules = tmp_path / "build" / "include"
    shutil.copytree(hosts / "host_r32_objects_mod", modules)
    (modules / "freeze_soil_mod.mod").unlink()
    with pytest.raises(BadInput, match=r"freeze_soil_mod\.mod not there"):
        build_hooks(tmp_path, out=tmp_path / "out")

    with pytest.raises(BadInput, match="the sources of the bridge are not here"):
        build_hooks(tmp_path, out=tmp_path / "out", sources=tmp_path)

    shutil.copy(hosts / "host_r32_objects_mod" / "freeze_soil_mod.mod", modules)
    with pytest.raises(BadInput, match="no_such_fortran is not found"):
        build_hooks(tmp_path, out=tmp_path / "out", compiler="no_such_fortran")

    (modules / "microbe_mod.mod").write_bytes(b"written by another compiler")
    monkeypatch.delenv("FC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="not written by gfortran") as caught:
        build_hooks(tmp_path, out=tmp_path / "out")
    assert "FC" in caught.value.remedy


@pytest.mark.skipif("JULES_BUILD_DIR" not in os.environ, reason="JULES_BUILD_DIR is not set: no JULES to build against")
def test_hooks_are_built_against_a_real_jules(tmp_path: Path) -> None:
    built = build_hooks(Path(os.environ["JULES_BUILD_DIR"]), out=tmp_path)
    assert built.object_file.is_file()


def test_mod_files_that_cannot_be_read_are_reported(built: BuiltHooks, hosts: Path, tmp_path: Path) -> None:
    """Stands last, for it spoils the build of the fixture."""
    modules = tmp_path / "mod"
    shutil.copytree(hosts / "host_r32_objects_mod", modules)
    (modules / "um_types.mod").write_bytes(b"spoilt")
    with pytest.raises(RunFailed, match=r"could not compile the hooks:\n(.|\n)*um_types\.mod"):
        build_hooks(modules, out=built.object_file.parent, compiler="gfortran")
