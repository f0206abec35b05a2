"""Hooks in a real JULES: what they change, what they leave alone, and what they cost.

JULES is not part of this project, so the numbers come from whoever has one. These environment variables say where it is:

JULES_BUILD_DIR
    Folder where JULES was built with FCM: ``build/include`` holds its ``.mod`` files, ``build/o`` its objects. The hooks are
    compiled against the former and linked to the latter.
JULES_EXE
    The unmodified executable of that build.
JULES_RUN_DIR
    Folder with one folder a run, each with its input and ``nml``, its namelists: ``colvg`` (one pool, van Genuchten, no
    TOPMODEL), ``trif`` (four pools, ``l_soil_resp_lev2``) and ``layeredcn`` (four pools in layers), of one year.
JULES_VERSION
    Version of JULES, to be kept with the numbers.

Without them every claim is "not measured", and a result file that holds measured ones is left as it is.

Run as ``python benchmarks/bridge_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import f90nml
import numpy as np
import pandas as pd
import torch
import xarray as xr
from _claims import Claims, argument_parser
from numpy.typing import NDArray

from jules_ml.jules.hooks import build_hooks, check_executable, relink
from jules_ml.jules.net_files import NetInput, write_net
from jules_ml.physics import respiration

RUNS = ("colvg", "trif", "layeredcn")
VARIABLES = ("JULES_BUILD_DIR", "JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")
#: Output at the end of each step, and over it.
STATES = (
    "smcl", "sthu", "sthf", "t_soil", "fsth", "ftemp", "resp_s", "resp_s_gb", "cs", "sm_wilt", "sm_sat",
)  # fmt: skip
#: Water that enters the soil, and that leaves it [kg m-2 s-1]; ``ext`` by layer, with evaporation from the soil.
GAINS = ("tfall", "snow_melt_gb")
LOSSES = ("surf_roff", "sub_surf_roff", "ext")
#: Points of a table; the kinks of JULES's f lie within 1/8000 of one.
TABLE_POINTS = 4001
T_RANGE = (223.0, 333.0)
SECONDS_PER_DAY = 86400
REPEATS = 21

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Jules:
    """A JULES without hooks, the same with hooks, and its runs."""

    stock: Path
    hooked: Path
    runs: Path
    work: Path

    def prepare(self, run: str, name: str, files: dict[str, str] | None = None, *, profile: bool = True) -> Path:
        """A copy of a run's folder with files added beside its namelists; its output folder is empty."""
        folder = self.work / f"{run}_{name}"
        shutil.copytree(self.runs / run, folder, ignore=shutil.ignore_patterns("output", "log"))
        (folder / "output").mkdir()
        for file, text in (files or {}).items():
            (folder / "nml" / file).write_text(text, encoding="utf-8")
        states, fluxes = (STATES, (*GAINS, *LOSSES)) if profile else (("t_soil",), ())
        output = {
            "jules_output": {"run_id": run, "output_dir": "output", "nprofiles": 1, "dump_period": 1},
            "jules_output_profile": {
                "profile_name": "steps",
                "file_period": 0,
                "output_main_run": True,
                "output_period": 1800 if profile else SECONDS_PER_DAY,
                "nvars": len(states) + len(fluxes),
                "var": [*states, *fluxes],
                "output_type": [*["S"] * len(states), *["M"] * len(fluxes)],
            },
        }
        f90nml.Namelist(output).write(folder / "nml" / "output.nml", force=True)
        return folder

    def start(self, folder: Path, *, hooked: bool) -> subprocess.CompletedProcess[str]:
        """Run to the end, well or not."""
        exe = self.hooked if hooked else self.stock
        return subprocess.run([str(exe), "nml"], cwd=folder, capture_output=True, text=True, check=False)

    def output(self, folder: Path, *, hooked: bool) -> xr.Dataset:
        """Run, and read what came out, without its one x and y."""
        done = self.start(folder, hooked=hooked)
        if done.returncode != 0:
            raise SystemExit(f"JULES failed in {folder.name}:\n{done.stderr[-2000:]}")
        return read_output(folder)


def read_output(folder: Path) -> xr.Dataset:
    """The output of a run of one point."""
    (path,) = (folder / "output").glob("*.steps.nc")
    with xr.open_dataset(path) as ds:
        return ds.load().squeeze(("y", "x"))


@dataclass(frozen=True)
class Scheme:
    """How a run respires."""

    pools: int
    layered: bool
    level2: bool

    @classmethod
    def of(cls, folder: Path) -> Scheme:
        """As the namelists of a run say."""
        group = f90nml.read(folder / "nml" / "jules_soil_biogeochem.nml")["jules_soil_biogeochem"]
        return cls(
            pools=4 if group.get("soil_bgc_model", 1) == 2 else 1,
            layered=bool(group.get("l_layeredc", False)),
            level2=bool(group.get("l_soil_resp_lev2", False)),
        )

    @property
    def x(self) -> str:
        """Abscissa of the moisture curve."""
        return "sthu+sthf" if self.level2 else "sthu"


def table(name: str, x: str, values: Array, x_min: float, x_max: float) -> str:
    """A curve table as a namelist."""
    units = {"t_soil": "K"}.get(x, "1")
    lines = ",\n".join(", ".join(f"{y:.17g}" for y in row) for row in np.array_split(values, len(values) // 4))
    return (
        f"&jules_ml_curve\nversion = 1, name = '{name}', x = '{x}', x_units = '{units}',\nx_min = {x_min}, x_max = {x_max}, "
        f"n = {len(values)},\nseen_min = {x_min}, seen_max = {x_max}, reference = 1.0,\ny =\n{lines}\n/\n"
    )


RESPIRATION = "&jules_ml_respiration\nfsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'\n/\n"


def tables(scheme: Scheme, f: Callable[[Array], Array], g: Callable[[Array], Array]) -> dict[str, str]:
    """Files that put two curves into a run."""
    wetness = np.linspace(0.0, 1.0, TABLE_POINTS)
    temperature = np.linspace(*T_RANGE, TABLE_POINTS)
    return {
        "jules_ml.nml": RESPIRATION,
        "fsth.nml": table("fsth", scheme.x, f(wetness), 0.0, 1.0),
        "ftemp.nml": table("ftemp", "t_soil", g(temperature), *T_RANGE),
    }


def learned_f(wetness: Array) -> Array:
    """A moisture factor as respiration data give it and JULES does not: dry soil is silent, wet soil drowns."""
    return np.asarray(0.05 + 0.95 * np.exp(-(((wetness - 0.55) / 0.25) ** 2)))


def learned_g(temperature: Array) -> Array:
    """The temperature factor of Lloyd and Taylor (1994), 1 at 282.4 K."""
    return np.asarray(np.exp(308.56 * (1.0 / (282.4 - 227.13) - 1.0 / np.maximum(temperature - 227.13, 1.0))))


def unmodified_off(claims: Claims, jules: Jules) -> None:
    """Hooks linked and off: every byte of output as without them."""
    for run in RUNS:
        folders = [jules.prepare(run, "stock"), jules.prepare(run, "off")]
        for folder, hooked in zip(folders, (False, True), strict=True):
            jules.output(folder, hooked=hooked)
        stock, off = ({p.name: p.read_bytes() for p in (folder / "output").iterdir()} for folder in folders)
        claims.check(f"files that differ, hooks off: {run}", sum(stock[n] != off.get(n) for n in stock), "<=", 0)


def curves_shown(claims: Claims, jules: Jules) -> None:
    """JULES's output of the learned factors against the tables, evaluated on the state of the step before."""
    for run in RUNS:
        scheme = Scheme.of(jules.runs / run)
        ds = jules.output(jules.prepare(run, "learned", tables(scheme, learned_f, learned_g)), hooked=True)
        wetness = ds["sthu"] + ds["sthf"] if scheme.level2 else ds["sthu"]
        for name, x, curve, span in (
            ("fsth", wetness, learned_f, (0.0, 1.0)),
            ("ftemp", ds["t_soil"], learned_g, T_RANGE),
        ):
            nodes = np.linspace(*span, TABLE_POINTS)
            expected = np.interp(x.to_numpy().astype(np.float64)[:-1], nodes, curve(nodes))
            error = (np.abs(ds[name].to_numpy()[1:] - expected) / np.maximum(expected, 1.0)).max()
            claims.check(f"greatest error of output {name}: {run}", error, "<=", 1e-6, note="relative where above 1")


def own_curves(claims: Claims, jules: Jules) -> None:
    """JULES's own curves, exported as tables, against JULES's own formulas."""
    for run in RUNS:
        scheme = Scheme.of(jules.runs / run)
        stock = read_output(jules.work / f"{run}_stock")
        wilt, sat = (
            torch.tensor(float(stock[name].isel(time=0).to_numpy().flat[0])).double() for name in ("sm_wilt", "sm_sat")
        )
        pools = scheme.pools

        def f(wetness: Array, wilt: torch.Tensor = wilt, sat: torch.Tensor = sat, pools: int = pools) -> Array:
            return respiration.fsth(torch.from_numpy(wetness), wilt, sat, pools=pools).numpy()  # type: ignore[arg-type]

        def g(temperature: Array, pools: int = pools) -> Array:
            t = torch.from_numpy(temperature)
            return (respiration.ftemp_q10(t, 2.0) if pools == 1 else respiration.ftemp_rothc(t)).numpy()

        ds = jules.output(jules.prepare(run, "own", tables(scheme, f, g)), hooked=True)
        total = [float(d["resp_s_gb"].astype(np.float64).sum()) for d in (stock, ds)]
        claims.check(
            f"year's resp_s_gb, own curves as tables, relative: {run}", abs(total[1] / total[0] - 1), "<=", 1e-4
        )
        scale = float(stock["resp_s_gb"].mean())
        worst = float(np.abs(ds["resp_s_gb"] - stock["resp_s_gb"]).max()) / scale
        note = "with the steps after TRIFFID, whose rounding surplus JULES adds" if pools == 4 else ""
        claims.report(f"worst step of the same, relative to the year's mean: {run}", worst, note=note)


def wall_time(claims: Claims, jules: Jules, *, quick: bool) -> None:
    """Time of a year with curves, and with hooks off, over that of JULES, in turns."""
    scheme = Scheme.of(jules.runs / "colvg")
    kinds = {
        "stock": (jules.prepare("colvg", "time_stock", profile=False), False),
        "off": (jules.prepare("colvg", "time_off", profile=False), True),
        "curves": (jules.prepare("colvg", "time_curves", tables(scheme, learned_f, learned_g), profile=False), True),
    }
    wall: dict[str, list[float]] = {kind: [] for kind in kinds}
    cpu: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = list(kinds)
    for _ in range(3 if quick else REPEATS):
        for kind in order:
            folder, hooked = kinds[kind]
            before = time.perf_counter(), cpu_of_children()
            done = jules.start(folder, hooked=hooked)
            if done.returncode != 0:
                raise SystemExit(f"JULES failed in {folder.name}:\n{done.stderr[-2000:]}")
            wall[kind].append(time.perf_counter() - before[0])
            cpu[kind].append(cpu_of_children() - before[1])
        order = order[1:] + order[:1]
    claims.report("a year at a point, unmodified", statistics.median(wall["stock"]), unit="s")
    for kind, label in (("off", "hooks off"), ("curves", "learned curves")):
        claims.check(f"wall time, {label} / unmodified", _paired(wall, kind), "<=", 1.02)
    for kind, label in (("off", "hooks off"), ("curves", "learned curves")):
        claims.report(f"processor time, {label} / unmodified", _paired(cpu, kind))


def _paired(times: dict[str, list[float]], kind: str) -> float:
    """Median over rounds of a time over the unmodified one's of the same round: a load that comes and goes touches both."""
    return statistics.median(one / stock for one, stock in zip(times[kind], times["stock"], strict=True))


def cpu_of_children() -> float:
    """Processor time of the programs run so far [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


#: A soil that follows a given series: the water content that depends on the day alone.
SERIES_MODULE = """
import numpy as np
from datetime import date as day_of

def series(date):
    return 0.25 + 0.10 * np.sin(2 * np.pi * (day_of(*date[:3]).timetuple().tm_yday - 30) / 365.0)

def wide(*, sthu, t_soil, **_):
    return sthu.astype(np.float64), t_soil.astype(np.float64)

def follow(*, date, sthu, **_):
    return np.full_like(sthu, series(date)), np.ones(sthu.shape, dtype=bool)

def percent(*, sthu, **_):
    return np.full_like(sthu, 25.0), np.ones(sthu.shape, dtype=bool)

def soil(*, cs, sm_levels, **_):
    values = dict(b=6.63, sathh=0.04946, satcon=0.004715, sm_sat=0.45815, sm_crit=0.242433, sm_wilt=0.136328,
                  hcap=1185676.0, hcon=0.226873)
    return {
        name: np.full((sm_levels + (name in ("satcon", "hcon")), cs.shape[-1]), value, dtype=cs.dtype)
        for name, value in values.items()
    }

def roomier_soil(*, cs, sm_levels, **_):
    return soil(cs=cs, sm_levels=sm_levels) | {"sm_sat": np.full((sm_levels, cs.shape[-1]), 0.5, dtype=cs.dtype)}

def fail_in_march(*, date, sthu, **_):
    if date[1] == 3:
        raise RuntimeError("the series ends here")
    return follow(date=date, sthu=sthu)
"""


def moisture_config(function: str, mode: str) -> dict[str, str]:
    """Files that put the series into a run."""
    return python_config("moisture", function, mode)


def python_config(hook: str, function: str, settings: str) -> dict[str, str]:
    """Files that put a function of the module into a run."""
    venv = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
    group = f"&jules_ml_{hook}\npython_callable = 'series_module:{function}', {settings}\n/\n"
    return {"jules_ml.nml": group + venv, "series_module.py": SERIES_MODULE}


def nudging(claims: Claims, jules: Jules) -> None:
    """Soil moisture drawn to a series, and what that added against what the budget of JULES's own output lacks."""
    scope: dict[str, Callable[..., float]] = {}
    exec(SERIES_MODULE, scope)
    stock = read_output(jules.work / "colvg_stock")
    for name, mode in (("nudge", "mode = 'nudge', tau_hours = 24.0"), ("replace", "mode = 'replace'")):
        folder = jules.prepare("colvg", name, moisture_config("follow", mode))
        ds = jules.output(folder, hooked=True)
        dz = ds["smcl"].isel(time=0) / (1000.0 * ds["sm_sat"].isel(time=0) * (ds["sthu"] + ds["sthf"]).isel(time=0))
        stamps = ds["time"].to_numpy() - np.timedelta64(1800, "s")
        dates = [tuple(int(p) for p in str(day).split("-")) for day in stamps.astype("datetime64[D]")]
        aim = np.array([scope["series"](date) for date in dates])
        rmse = {
            kind: float(np.sqrt((((run["smcl"] / (1000.0 * dz)).to_numpy()[96:] - aim[96:, None]) ** 2).mean()))
            for kind, run in (("stock", stock), (name, ds))
        }
        claims.check(
            f"distance to the series, {name} / unmodified", rmse[name] / rmse["stock"], "<=", 0.25,
            note=f"{rmse['stock']:.3f} m3 m-3 unmodified",
        )  # fmt: skip
        gaps = budget_gaps(ds, folder)
        claims.check(f"worst day's budget with the increments of {name}", gaps.max(), "<=", 1e-3, unit="kg m-2")
        claims.report(f"largest day's increment of {name}", largest_increment(folder), unit="kg m-2")
    claims.report("worst day's budget, unmodified JULES", budget_gaps(stock, None).max(), unit="kg m-2")


def soil_properties(claims: Claims, jules: Jules) -> None:
    """Soil properties as JULES has them already, and with more room for water."""
    stock = read_output(jules.work / "colvg_stock")
    same = jules.output(
        jules.prepare("colvg", "same_soil", python_config("properties", "soil", "every_days = 0")), hooked=True
    )
    worst = float(np.abs(same["smcl"].astype(np.float64) - stock["smcl"]).max())
    claims.report("greatest change of smcl by JULES's own soil properties as a module's", worst, unit="kg m-2")
    folder = jules.prepare("colvg", "roomier_soil", python_config("properties", "roomier_soil", "every_days = 10"))
    roomier = jules.output(folder, hooked=True)
    claims.check(
        "greatest error of output sm_sat under learned properties",
        float(np.abs(roomier["sm_sat"] - np.float32(0.5)).max()),
        "<=",
        0.0,
    )
    gaps = budget_gaps(roomier, folder)
    claims.check("worst day's budget under learned properties", gaps.max(), "<=", 1e-3, unit="kg m-2")


def budget_gaps(ds: xr.Dataset, folder: Path | None) -> Array:
    """What the soil's water budget does not close by in each whole day [kg m-2]."""
    store = ds["smcl"].astype(np.float64).sum("soil").to_numpy()
    rates = [sign * by_step(ds, name) for names, sign in ((GAINS, 1.0), (LOSSES, -1.0)) for name in names]
    residual = np.diff(store) - 1800.0 * np.sum(rates, axis=0)[1:]
    # steps are counted by the day they begin in, as the ledger counts them
    days = (ds["time"].to_numpy()[1:] - np.timedelta64(1800, "s")).astype("datetime64[D]")
    names, where = np.unique(days, return_inverse=True)
    gaps = np.bincount(where, weights=residual)
    if folder is not None:
        gaps -= ledger(folder, names)
    return np.abs(gaps[1:-1])


def by_step(ds: xr.Dataset, name: str) -> Array:
    """A flux of the whole column [kg m-2 s-1]."""
    flux = ds[name].astype(np.float64)
    return (flux.sum("soil") if "soil" in flux.dims else flux).to_numpy()


def largest_increment(folder: Path) -> float:
    """Largest amount that the hooks added to the column, or took, in a day [kg m-2]."""
    days = np.arange("1997-01-01", "1998-01-01", dtype="datetime64[D]")
    return float(np.abs(ledger(folder, days)).max())


def ledger(folder: Path, days: NDArray[np.datetime64]) -> Array:
    """Water that the hooks say they added in each day [kg m-2]."""
    (path,) = (folder / "output").glob("*.jules_ml_increments.0000.csv")
    rows = pd.read_csv(path, comment="#")
    added = np.zeros(len(days))
    position = np.searchsorted(days, rows["time"].to_numpy(dtype="datetime64[D]"))
    np.add.at(added, position, rows["water_kg_m-2"])
    return added


def steps_written(folder: Path) -> int:
    """Steps in the output of a run."""
    paths = list((folder / "output").glob("*.steps.nc"))
    return read_output(folder).sizes["time"] if paths else 0


def serving_cases(jules: Jules) -> dict[str, tuple[dict[str, str], str]]:
    """A net that holds NaN, and a Python module that serves another kind of real than JULES computes in."""
    layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2), torch.nn.Softplus())
    with torch.no_grad():
        layers[0].weight[0, 0] = 0.123456789
    inputs = (
        NetInput(name="sthu", seen_min=0.0, seen_max=1.0),
        NetInput(name="t_soil", seen_min=250.0, seen_max=310.0, offset=282.4, scale=10.0),
    )
    path = jules.work / "net.nml"
    write_net(path, layers, inputs, ("fsth", "ftemp"), name="to spoil")
    text = path.read_text(encoding="utf-8")
    spoilt = re.sub(r"0\.1234567\d*", "NaN", text, count=1)
    python = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
    wide = "&jules_ml_respiration\nbackend = 'python', python_callable = 'series_module:wide'\n/\n" + python
    return {
        "NaN weight": (
            {"jules_ml.nml": "&jules_ml_respiration\nnet = 'net.nml'\n/\n", "net.nml": spoilt}, "net.nml"
        ),
        "wrong kind": ({"jules_ml.nml": wide, "series_module.py": SERIES_MODULE}, "float64"),
    }  # fmt: skip


#: JULES's own way to prescribe a soil property in every step.
PRESCRIBED_B = """&jules_prescribed n_datasets = 1 /
&jules_prescribed_dataset
data_start = '1996-12-31 23:00:00', data_end = '1997-12-31 23:00:00', data_period = 86400, is_climatology = .false.,
read_list = .false., file = 'b.dat', nvars = 1, var = 'b', var_name = 'b', interp = 'nf'
/
"""


def bad_input(claims: Claims, jules: Jules) -> None:
    """What must stop the run before any output, with a message that names the place."""
    scheme = Scheme.of(jules.runs / "colvg")
    good = tables(scheme, learned_f, learned_g)
    follow = moisture_config("follow", "mode = 'nudge', tau_hours = 24.0")
    cases = {
        "missing entry": (good | {"jules_ml.nml": "&jules_ml_respiration\nfsth_table = 'fsth.nml'\n/\n"}, "ftemp_table"),
        "unknown entry": (good | {"jules_ml.nml": "&jules_ml_respiration\nftable = 'x'\n/\n"}, "jules_ml_respiration"),
        "table n against y": (good | {"fsth.nml": good["fsth.nml"].replace("n = 4001", "n = 4000")}, "fsth.nml"),
        "table without units": (good | {"ftemp.nml": good["ftemp.nml"].replace("x_units = 'K',", "")}, "x_units"),
        "NaN in a table": (good | {"fsth.nml": good["fsth.nml"].replace("y =\n", "y = NaN, ", 1)}, "fsth.nml"),
        "Python that is not there": (follow | {"jules_ml.nml": follow["jules_ml.nml"].replace("follow", "fellow")}, "fellow"),
        "Python that cannot import": (
            follow | {"jules_ml.nml": follow["jules_ml.nml"].replace("series_module", "no_such_module")}, "no_such_module",
        ),
    }  # fmt: skip
    cases["daily module that serves percent"] = (moisture_config("percent", "mode = 'replace'"), "above 1")
    cases["prescribed b beside learned properties"] = (
        python_config("properties", "soil", "every_days = 0"), "prescribed b",
    )  # fmt: skip
    cases |= serving_cases(jules)
    said = 0
    for number, (name, (files, word)) in enumerate(cases.items()):
        folder = jules.prepare("colvg", f"bad{number}", files)
        if word == "prescribed b":
            (folder / "nml" / "prescribed_data.nml").write_text(PRESCRIBED_B, encoding="utf-8")
            (folder / "b.dat").write_text("6.63 6.63 6.63 6.63\n" * 366, encoding="utf-8")
        done = jules.start(folder, hooked=True)
        named = any("jules_ml" in line and word in line for line in (done.stdout + done.stderr).splitlines())
        good_stop = done.returncode != 0 and named and not steps_written(folder)
        print(f"  {name}: {'stopped before output' if good_stop else 'MISSED'}")
        said += good_stop
    claims.check("bad input refused before any step is written, share", said / len(cases), ">=", 1.0)

    folder = jules.prepare("colvg", "late", moisture_config("fail_in_march", "mode = 'replace'"))
    done = jules.start(folder, hooked=True)
    ds = read_output(folder)
    last = str(ds["time"].to_numpy()[-1])
    well = done.returncode != 0 and "the series ends here" in done.stderr and last.startswith("1997-03-01T00:00")
    claims.check(
        "exception in March: output whole until then, message said", well, ">=", 1.0, note=f"last step {last[:16]}"
    )


def main() -> int:
    parser = argument_parser(__doc__)
    quick = parser.parse_args().quick
    claims = Claims("bridge_jules", quick=quick)
    absent = [name for name in VARIABLES if name not in os.environ]
    if absent:
        claims.not_measured("hooks in a real JULES", why=f"{', '.join(absent)} not set")
        return 0
    build, stock, runs = (Path(os.environ[name]) for name in VARIABLES[:3])
    with tempfile.TemporaryDirectory() as work_name:
        work = Path(work_name)
        hooks = build_hooks(build, out=work / "hooks")
        hooked = work / "jules_hooked.exe"
        objects = sorted((build / "build" / "o").glob("*.o"))
        relink(objects, hooks, exe=hooked, compiler="gfortran", libraries=["-lnetcdff"])
        claims.check(
            "hooks found in the executable",
            len(check_executable(hooked).hooks),
            ">=",
            5,
            note=os.environ["JULES_VERSION"],
        )
        jules = Jules(stock, hooked, runs, work)
        unmodified_off(claims, jules)
        curves_shown(claims, jules)
        own_curves(claims, jules)
        nudging(claims, jules)
        soil_properties(claims, jules)
        bad_input(claims, jules)
        wall_time(claims, jules, quick=quick)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
