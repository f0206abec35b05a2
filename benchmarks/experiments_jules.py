"""Experiments in a real JULES: what goes in by file comes through, runs go to their end, and what goes wrong is said.

JULES is not part of this project, so the numbers come from whoever has one. These environment variables say where it is:

JULES_EXE
    The unmodified executable.
JULES_RUN_DIR
    Folder with one folder a run of Loobos, each with its input and ``nml``, its namelists: ``colvg`` and ``colbc`` (one pool, van
    Genuchten and Clapp-Hornberger), ``gl4`` (TOPMODEL), ``trif`` (four pools) and ``layeredcn`` (four pools in layers), of one year.
JULES_VERSION
    Version of JULES, to be kept with the numbers.
JULES_ROSE_APPS
    Folder of Rose applications, as ``rose-stem/app`` of JULES's source. Optional.
JULES_HOOKED_EXE
    The same JULES, relinked with the hooks. Optional.
JULES_EXTRA_ENTRIES
    Entries that this JULES needs beside those of a release, as TOML: ``{jules_vegetation = {rd_model = 1}}``. Optional.

Without them the claims on JULES are "not measured", and a result file that holds measured ones is left as it is.

Run as ``python benchmarks/experiments_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import Claims, argument_parser

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules import run as experiment
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.export.curves import FSTH_FILE, FTEMP_FILE
from jules_ml.jules.input_files import sthuf_from_theta, write_ancillary, write_prescribed
from jules_ml.jules.namelist_text import fortran
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run import JulesRun, run_jules
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.sources import POINT_RUN
from jules_ml.jules.swap.ancillary import standing_property
from jules_ml.jules.template import write_site, write_template
from jules_ml.learned.respiration.tables import jules_fsth, jules_ftemp
from jules_ml.physics.soil_names import LAYERED

VARIABLES = ("JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")
RUNS = ("colvg", "colbc", "gl4", "trif", "layeredcn")
YEAR = "2019-01-01T{hour:02d}:00:00", "2020-01-01T{hour:02d}:00:00"
TYPES = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "bare_soil")


@dataclass(frozen=True)
class Jules:
    """An executable, runs, a folder to work in, and what the executable needs beside a release's entries."""

    executable: Path
    runs: Path
    work: Path
    extra: str

    def user(self, run: str) -> Path:
        """A copy of a run, as a user's."""
        folder = self.work / run
        if not folder.is_dir():
            shutil.copytree(self.runs / run, folder, ignore=shutil.ignore_patterns("output", "log"))
            for path in folder.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    def run(
        self, folder: Path, name: str, *, via: str = "", jules: str = "", run: str = "", own: bool = True
    ) -> JulesRun:
        """Run a folder by an experiment file."""
        path = self.work / f"{name}.toml"
        extra = f"set = {self.extra}\n" if self.extra and not own else ""
        path.write_text(
            f'[jules]\nfolder = "{folder}"\nexecutable = "{self.executable}"\n{extra}{jules}\n[run]\nmodel = "jules"\n'
            f"via = [{via}]\n{run}\n",
            encoding="utf-8",
        )
        return run_jules(load_experiment(path), self.work / f"{folder.name}_{name}")


def round_trip(claims: Claims, loobos: Path, template: Path) -> None:
    """Every entry of every group, read, written anew and read again."""
    for name, folder in (("Loobos", loobos), ("the template", template)):
        read = NamelistFolder.read(folder)
        before = list(read.groups())
        for file, group, values in before:
            occurrence = sum(1 for f, g, _ in before[: before.index((file, group, values))] if (f, g) == (file, group))
            read.set(group, values, occurrence=occurrence, file=file)
        differing = sum(a != b for a, b in zip(before, list(read.groups()), strict=True))
        note = f"{len(before)} groups, {sum(len(v) for *_, v in before)} entries"
        claims.check(f"groups whose values differ after writing: {name}", differing, "<=", 0, note=note)


def edited_in_fortran(claims: Claims, loobos: Path, work: Path) -> None:
    """The edited Loobos folder, every group read by Fortran's own namelist reader, its values printed by that."""
    if shutil.which("gfortran") is None:
        claims.not_measured("edited entries that Fortran reads otherwise", "<=", 0, why="no gfortran")
        return
    read = NamelistFolder.read(loobos)
    read.set("jules_soil_props", {"use_file": [True] * 8 + [False], "const_z": False, "file": "swapped/it's soil.nc"})
    read.set("jules_soil_biogeochem", {"q10_soil": 2.4567891, "kaps": 1.23456e-9, "l_q10": True})
    folder = work / "fortran"
    read.write(folder / "nml")
    wrong = 0
    for file, group, entries in read.groups():
        numeric = {k: v for k, v in entries.items() if not isinstance(v, list)}
        declared = "\n".join(f"  {_declaration(k, v)}" for k, v in entries.items())
        body = "\n".join(f"  if (.not. ({_equals(k, v)})) wrong = wrong + 1" for k, v in numeric.items())
        names = ", ".join(entries)
        listed = f"  namelist /{group}/ {names}\n" if entries else ""
        read_it = f"  read(10, nml={group})\n" if entries else ""
        program = (
            f"program p\n  implicit none\n  integer :: wrong = 0\n{declared}\n{listed}  open(10, file='nml/{file}')\n{read_it}{body}\n"
            "  stop wrong\nend program\n"
        )
        (folder / "p.f90").write_text(program, encoding="ascii")
        subprocess.run(["gfortran", "-ffree-line-length-none", "-o", "p", "p.f90"], cwd=folder, check=True)
        wrong += subprocess.run([str(folder / "p")], cwd=folder, check=False, capture_output=True).returncode
    claims.check(
        "edited entries that Fortran reads otherwise", wrong, "<=", 0, note="gfortran's namelist reader, Loobos"
    )


def rose_applications(claims: Claims) -> None:
    """JULES's own Rose applications, read as run folders and checked for what a run needs."""
    name = "Rose applications that cannot be read as run folders"
    if "JULES_ROSE_APPS" not in os.environ:
        claims.not_measured(name, "<=", 0, why="JULES_ROSE_APPS not set")
        return
    apps = [path.parent for path in sorted(Path(os.environ["JULES_ROSE_APPS"]).glob("*/rose-app.conf"))]
    texts = {app: (app / "rose-app.conf").read_text(encoding="utf-8") for app in apps}
    of_jules = [app for app, text in texts.items() if "[namelist:jules_time]" in text]
    failed = []
    for app in of_jules:
        # a suite sets these; any path will do for reading
        for variable in re.findall(r"\$\{?(\w+)", texts[app]):
            os.environ.setdefault(variable, "anywhere")
        try:
            read_run_folder(app)
        except BadInput as error:
            failed.append(f"{app.name}: {error}")
    claims.check(name, len(failed), "<=", 0, note="; ".join(failed) or f"{len(of_jules)} applications")


def _declaration(name: str, value: object) -> str:
    first = next((v for v in value if v is not None), 0.0) if isinstance(value, list) else value
    kind = {bool: "logical", int: "double precision", float: "double precision", str: "character(len=200)"}[type(first)]
    return f"{kind} :: {name}{f'({max(len(value), 1)})' if isinstance(value, list) else ''}"


def _equals(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{name} .eqv. {fortran(value)}"
    if isinstance(value, str):
        return f"{name} == {fortran(value)}"
    assert isinstance(value, int | float)
    return f"{name} == {_double(float(value))}"


def _double(value: float) -> str:
    text = f"{value:.17g}"
    return text.replace("e", "d") if "e" in text else f"{text}d0"


def same_constants(claims: Claims, jules: Jules, quick: bool) -> None:
    """Soil properties that the namelist has, given by an ancillary file."""
    for run in RUNS[:1] if quick else RUNS:
        user = jules.user(run)
        folder = read_run_folder(user)
        values = {name: np.full(len(folder.dzsoil), standing_property(folder, name)) for name in LAYERED}
        soil = write_ancillary(jules.work / f"{run}_soil.nc", values, grid=folder.grid)
        stock = jules.run(user, "stock")
        swapped = jules.run(user, "same", via='"ancillary"', jules=f'ancillary = "{soil}"')
        pairs = zip((*stock.output, *stock.dumps), (*swapped.output, *swapped.dumps), strict=True)
        differing = sum(a.read_bytes() != b.read_bytes() for a, b in pairs)
        note = f"{len(stock.output) + len(stock.dumps)} files, byte by byte"
        claims.check(f"files that differ, the same constants by ancillary: {run}", differing, "<=", 0, note=note)


def drawn_soil(rng: np.random.Generator, layers: int, *, van_genuchten: bool) -> dict[str, np.ndarray]:
    """Soil properties as a learned module may give them: another soil in each layer, from sand to clay and peat."""
    sm_sat = rng.uniform(0.3, 0.7, layers)
    wilt = rng.uniform(0.1, 0.35, layers)
    crit = wilt + rng.uniform(0.15, 0.4, layers)
    return {
        "b": rng.uniform(0.4, 4.0, layers) if van_genuchten else rng.uniform(3.0, 12.0, layers),
        "sathh": np.exp(rng.uniform(np.log(0.03), np.log(1.0), layers)),
        "satcon": np.exp(rng.uniform(np.log(5e-4), np.log(0.1), layers)),
        "sm_sat": sm_sat,
        "sm_crit": sm_sat * crit,
        "sm_wilt": sm_sat * wilt,
        "hcap": rng.uniform(0.6e6, 1.6e6, layers),
        "hcon": rng.uniform(0.06, 0.35, layers),
    }


def tower(jules: Jules, towers: xr.Dataset, site: str, data: Path) -> Path:
    """A run folder of a NEON tower, by ``jules-ml init``, of one year."""
    folder = jules.work / site
    if folder.is_dir():
        return folder
    s = towers.sel(site=site)
    # the longitude of DELA says -6, its table -5
    offset = -6 if site == "DELA" else round(float(s["utc"]))
    shares = [float(x) for x in str(s["surface_fracs_BT_NT_C3_C4_SH_soil"].item()).split()]
    leaves = [float(x) for x in str(s["laimax_BT_NT_C3_C4_SH"].item()).split()] + [0.0]
    lines = [
        f"[site]\nlatitude = {float(s['lat'])}\nlongitude = {float(s['lon'])}\nelevation = {float(s['elev'])}",
        f'[data]\nreader = "neon_driving"\npath = "{data}/jules/neon_hourly_driving.nc"\ntower = "{site}"',
        f"utc_offset_hours = {offset}",
        '[soil]\nform = "van_genuchten"\n[soil.properties]',
        *(f"{name} = {float(s[f'soil_{name}'])}" for name in (*LAYERED, "theta_r")),
        *(
            f'[[surface.tiles]]\ntype = "{kind}"\nfrac = {share}' + (f"\nlai = {lai}" if lai else "")
            for kind, share, lai in zip(TYPES, shares, leaves, strict=True)
            if share > 0.0
        ),
        f"[carbon]\ncs = {float(s['cs'])}",
        "[run]\n" + "\n".join(f"{k} = {v.format(hour=-offset)}" for k, v in zip(("start", "end"), YEAR, strict=True)),
        "[run.spin_up]\ncycles = 2",
    ]
    path = jules.work / f"{site}_site.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_site(load_experiment(path), folder)
    return folder


def learned_properties(claims: Claims, jules: Jules, data: Path, quick: bool) -> None:
    """A year with other soil properties, at Loobos and at every tower."""
    rng = np.random.default_rng(6)
    with xr.open_dataset(data / "jules" / "neon_daily.nc") as opened:
        towers = opened.load()
    sites = [str(s) for s in towers["site"].to_numpy()][: 1 if quick else None]
    folders = {run: jules.user(run) for run in (RUNS[:1] if quick else RUNS)}
    folders |= {site: tower(jules, towers, site, data) for site in sites}
    ended, failures = {"Loobos": 0, "towers": 0}, []
    for name, user in folders.items():
        folder = read_run_folder(user)
        soil = drawn_soil(rng, len(folder.dzsoil), van_genuchten=folder.van_genuchten)
        path = write_ancillary(jules.work / f"{name}_drawn.nc", soil, grid=folder.grid)
        try:
            done = jules.run(user, "drawn", via='"ancillary"', jules=f'ancillary = "{path}"', own=name in RUNS)
            with xr.open_dataset(done.output[0], decode_times=False) as ds:
                sound = bool(np.isfinite(ds["smcl"]).all()) and bool((ds["smcl"] > -1e-6).all())
                days = float(ds["time"].to_numpy()[-1]) / 86400.0
            ended["Loobos" if name in RUNS else "towers"] += sound and days >= 363.0
        except RunFailed as error:
            failures.append(f"{name}: {error}")
    note = "; ".join(failures) or "soils drawn from sand to clay and peat, another in each layer"
    claims.check(
        "Loobos runs of a year with other soil properties", ended["Loobos"], ">=", len(folders) - len(sites), note=note
    )
    claims.check("tower runs of a year with other soil properties", ended["towers"], ">=", len(sites), note=note)


def prescribed_water(claims: Claims, jules: Jules, data: Path, quick: bool) -> None:
    """Daily water content, prescribed and looked for in output."""
    days = np.arange(368)
    theta = np.stack([0.27 + 0.1 * np.sin(2 * np.pi * days / 365 + k) for k in range(4)], axis=1)
    user = jules.user("colvg")
    sm_sat = float(standing_property(read_run_folder(user), "sm_sat"))
    path = write_prescribed(
        jules.work / "loobos_theta.nc",
        {"sthuf": sthuf_from_theta(theta, sm_sat)},
        start="1996-12-31 00:00:00",
        period_seconds=86400.0,
    )
    ways = (("held", ""), ("linear", 'interp = "i"'), ("two layers", "levels = [1, 2]"))
    for how, keys in ways[: 1 if quick else None]:
        done = jules.run(
            user, f"theta_{how.split()[0]}", via='"prescribed"', jules=f'[jules.prescribed]\nfile = "{path}"\n{keys}'
        )
        with xr.open_dataset(done.output[0]) as opened:
            ds = opened.load().squeeze()
        out = ds["smcl"].to_numpy() / (1000.0 * np.array([0.1, 0.25, 0.65, 2.0]))
        # the step that ends at a stamp began with what was prescribed for its start
        at = (ds["time"].to_numpy() - np.timedelta64(1800, "s") - np.datetime64("1996-12-31")) / np.timedelta64(1, "D")
        index = at.astype(int)
        share = (at - index)[:, None] if how == "linear" else 0.0
        wanted = theta[index] * (1.0 - share) + theta[index + 1] * share
        layers = 2 if how == "two layers" else 4
        error = np.abs(out - wanted)[:, :layers]
        daily = np.abs((out - wanted).reshape(-1, 48, 4).mean(axis=1))[:, :layers]
        claims.check(
            f"prescribed water in output, daily means, worst layer: Loobos, {how}",
            daily.max(),
            "<=",
            0.01,
            unit="m3 m-3",
        )
        dry = ds["precip"].to_numpy() * 1800.0 < 0.1
        claims.check(f"the same, every step without rain: Loobos, {how}", error[dry].max(), "<=", 0.01, unit="m3 m-3")
        claims.report(
            f"the same, every step: Loobos, {how}", error.max(), unit="m3 m-3",
            note=f"rain that fell within the step itself; {(error.max(axis=1) > 0.01).mean():.1%} of steps above 0.01",
        )  # fmt: skip
    if not quick:
        prescribed_at_tower(claims, jules, data)


def prescribed_at_tower(claims: Claims, jules: Jules, data: Path) -> None:
    """Water of another soil prescribed through a winter with frozen ground."""
    with xr.open_dataset(data / "jules" / "neon_daily.nc") as opened:
        towers = opened.load()
    user = tower(jules, towers, "UNDE", data)
    folder = read_run_folder(user)
    sm_sat = float(standing_property(folder, "sm_sat"))
    theta_r = float(towers["soil_theta_r"].sel(site="UNDE"))
    water = towers["jules_theta"].sel(site="UNDE", time=slice("2019-01-01", "2020-01-03")).to_numpy() * 0.9
    wetness = sthuf_from_theta(water, sm_sat, theta_r)
    path = write_prescribed(
        jules.work / "unde_theta.nc", {"sthuf": wetness}, start="2019-01-01", period_seconds=86400.0, grid=folder.grid
    )
    done = jules.run(user, "theta", via='"prescribed"', jules=f'[jules.prescribed]\nfile = "{path}"', own=False)
    with xr.open_dataset(done.output[0]) as opened:
        ds = opened.load().squeeze()
    out = ds["smcl"].to_numpy() / (1000.0 * np.array(folder.dzsoil)) + theta_r
    index = ((ds["time"].to_numpy() - np.datetime64("2019-01-01")) / np.timedelta64(1, "D")).astype(int) - 1
    error = np.abs(out - (wetness[index] * sm_sat + theta_r))
    ice = float((ds["sthf"].to_numpy() > 0.05).any(axis=1).mean())
    claims.check(
        "prescribed water in output, daily means, worst layer: UNDE",
        error.max(),
        "<=",
        0.01,
        unit="m3 m-3",
        note=f"ice on {ice:.0%} of days",
    )


def hooks(claims: Claims, jules: Jules) -> None:
    """The way 'hooks': JULES's own curves as tables give JULES's own respiration, and twice f gives twice as much."""
    if "JULES_HOOKED_EXE" not in os.environ:
        claims.not_measured("a year's respiration by hooks", "<=", 1e-4, why="JULES_HOOKED_EXE not set")
        return
    user = jules.user("colvg")
    folder = read_run_folder(user)
    wilt, sat = (float(standing_property(folder, name)) for name in ("sm_wilt", "sm_sat"))
    f, g = jules_fsth(wilt, sat), jules_ftemp()
    hooked = replace(jules, executable=Path(os.environ["JULES_HOOKED_EXE"]))
    runs = {"stock": jules.run(user, "unhooked")}
    for name, factor in (("own", 1.0), ("twice", 2.0)):
        config = jules.work / f"hooks_{name}"
        config.mkdir()
        write_curve(replace(f, y=factor * f.y), config / FSTH_FILE)
        write_curve(g, config / FTEMP_FILE)
        (config / "jules_ml.nml").write_text(
            f"&jules_ml_respiration\n  fsth_table = '{FSTH_FILE}', ftemp_table = '{FTEMP_FILE}'\n/\n", encoding="ascii"
        )
        runs[name] = hooked.run(user, f"hooked_{name}", via='"hooks"', jules=f'hooks = "{config}"')
    total = {}
    for name, done in runs.items():
        with xr.open_dataset(done.output[0]) as ds:
            total[name] = float(ds["resp_s_gb"].astype(np.float64).sum())
    for name, factor, what in (
        ("own", 1.0, "JULES's own curves"),
        ("twice", 2.0, "twice JULES's own f, against twice its own"),
    ):
        error = abs(total[name] / (factor * total["stock"]) - 1.0)
        claims.check(f"a year's respiration by hooks, {what}: Loobos, relative", error, "<=", 1e-4)


def template_runs(claims: Claims, jules: Jules) -> None:
    """The shipped template as it is."""
    folder = jules.work / "template"
    write_template(folder)
    done = jules.run(folder, "template", own=False)
    with xr.open_dataset(done.output[0], decode_times=False) as ds:
        days = ds.sizes["time"]
        sound = all(bool(np.isfinite(ds[name]).all()) for name in ("smcl", "t_soil", "latent_heat", "gpp_gb"))
    note = f"{days} days" + (f", with this JULES's own entries {jules.extra}" if jules.extra else "")
    claims.check("shipped template runs to its end, all finite", float(sound and days == 365), ">=", 1, note=note)


def bad_input(claims: Claims, jules: Jules) -> None:
    """What must be said clearly, with the user's folder as it was."""
    user = jules.user("colvg")
    before = {p.relative_to(user): p.read_bytes() for p in user.rglob("*") if p.is_file()}
    broken = jules.work / "broken"
    shutil.copytree(user, broken)
    (broken / "nml" / "jules_snow.nml").write_text("! empty\n", encoding="ascii")
    three = write_ancillary(jules.work / "three.nc", {"b": [5.0] * 3})
    not_jules = Jules(Path(sys.executable), jules.runs, jules.work, jules.extra)
    gone = Jules(jules.work / "gone.exe", jules.runs, jules.work, jules.extra)
    wrong_entry = "set = {jules_soil_biogeochem = {q10_soyl = 2.0}}"
    cases: dict[str, tuple[Callable[[], object], str]] = {
        "missing group": (lambda: jules.run(broken, "bad1"), "JULES_SNOW"),
        "no executable": (lambda: gone.run(user, "bad2"), "no such executable"),
        "another program": (lambda: not_jules.run(user, "bad3"), "not a stand-alone JULES"),
        "layers that differ": (
            lambda: jules.run(user, "bad4", via='"ancillary"', jules=f'ancillary = "{three}"'), "3 layers, and the run 4",
        ),
        "entry that JULES does not know": (lambda: jules.run(user, "bad5", jules=wrong_entry), "q10_soyl"),
        "TOPMODEL with prescribed water": (
            lambda: jules.run(
                jules.user("gl4"), "bad6", via='"prescribed"', jules=f'[jules.prescribed]\nfile = "{jules.work}/loobos_theta.nc"'
            ), "l_top",
        ),
        "killed half way": (lambda: killed(jules, user), "SIGKILL"),
    }  # fmt: skip
    said = 0
    for name, (work, word) in cases.items():
        try:
            work()
            message = "nothing was said"
        except (BadInput, RunFailed) as error:
            message = str(error)
        said += word in message
        print(f"  {name}: {message[:160]}")
    claims.check("bad input said clearly, share", said / len(cases), ">=", 1.0, note=f"{len(cases)} cases")
    after = {p.relative_to(user): p.read_bytes() for p in user.rglob("*") if p.is_file()}
    differing = sum(before.get(k) != after.get(k) for k in before.keys() | after.keys())
    claims.check("files of the user's that differ after all runs", differing, "<=", 0)
    full_disk(claims, jules, user)


def killed(jules: Jules, user: Path) -> None:
    """A run whose process is killed once it has written output."""

    def kill() -> None:
        log = jules.work / "colvg_bad7" / "jules.log"
        for _ in range(600):
            time.sleep(0.01)
            if log.is_file() and "Started at: 1997-03" in log.read_text(encoding="utf-8"):
                break
        children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        for child in " ".join(c.read_text(encoding="ascii") for c in children).split():
            os.kill(int(child), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    jules.run(user, "bad7")


def full_disk(claims: Claims, jules: Jules, user: Path) -> None:
    """A run on a file system of 2 MB, which its output overfills."""
    name = "full disk said, what was written kept"
    small = jules.work / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False, capture_output=True
    ).returncode:
        claims.not_measured(name, ">=", 1, why="no small file system can be mounted")
        return
    try:
        path = jules.work / "full.toml"
        path.write_text(
            f'[jules]\nfolder = "{user}"\nexecutable = "{jules.executable}"\n[run]\nmodel = "jules"\n', encoding="utf-8"
        )
        # the check before the run would see it, and leave the rest untried
        experiment.LEAST_FREE = 0
        try:
            run_jules(load_experiment(path), small / "out")
            message = "nothing was said"
        except RunFailed as error:
            message = str(error)
        kept = any((small / "out" / "output").glob("*.nc"))
        print(f"  full disk: {message[:200]}")
        claims.check(name, float(kept and ("space" in message or "disk is full" in message)), ">=", 1)
    finally:
        subprocess.run(["umount", str(small)], check=False)


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("experiments_jules", quick=options.quick)
    with tempfile.TemporaryDirectory() as work_name:
        work = Path(work_name)
        loobos = options.data / "jules" / "loobos_namelists"
        round_trip(claims, loobos, POINT_RUN)
        edited_in_fortran(claims, loobos, work)
        rose_applications(claims)
        absent = [name for name in VARIABLES if name not in os.environ]
        if absent:
            claims.not_measured("experiments in a real JULES", why=f"{', '.join(absent)} not set")
            return 0
        extra = os.environ.get("JULES_EXTRA_ENTRIES", "")
        tomllib.loads(f"set = {extra or '{}'}")  # a mistake in it is better seen here
        jules = Jules(Path(os.environ["JULES_EXE"]), Path(os.environ["JULES_RUN_DIR"]), work, extra)
        claims.report("JULES", 1, note=os.environ["JULES_VERSION"])
        template_runs(claims, jules)
        same_constants(claims, jules, options.quick)
        prescribed_water(claims, jules, options.data, options.quick)
        hooks(claims, jules)
        learned_properties(claims, jules, options.data, options.quick)
        if not options.quick:
            bad_input(claims, jules)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
