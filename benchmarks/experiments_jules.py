"""Experiments in a real JULES: input by file takes effect, runs finish, and errors are reported.

JULES is not part of this project. These environment variables say where it is:

JULES_EXE
    The unmodified executable.
JULES_RUN_DIR
    Folder with one folder for each run of Loobos, each with its input and ``nml``, its namelists: ``colvg`` and ``colbc`` (one pool, van
    Genuchten and Clapp-Hornberger), ``gl4`` (TOPMODEL), ``trif`` (four pools) and ``layeredcn`` (four pools in layers), of one year.
JULES_VERSION
    Version of JULES, for the result file.
JULES_ROSE_APPS
    Folder of Rose applications, as ``rose-stem/app`` of JULES's source. Optional.
JULES_HOOKED_EXE
    The same JULES, relinked with the hooks. Optional.
JULES_EXTRA_ENTRIES
    Entries that this JULES needs in addition to those of a release, as TOML: ``{jules_vegetation = {rd_model = 1}}``. Optional.

Without them the claims on JULES are "not measured", and an existing result file is not changed.

Run as ``python benchmarks/experiments_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import Claims, argument_parser
from _jules_curves import jules_fsth, jules_ftemp
from _jules_errors import bad_input
from _jules_namelists import edited_in_fortran, rose_applications, round_trip
from _jules_runs import RUNS, Jules, drawn_soil, tower

from jules_ml.errors import RunFailed
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.export.curves import FSTH_FILE, FTEMP_FILE
from jules_ml.jules.input_files import sthuf_from_theta, write_ancillary, write_prescribed
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.soil_properties import original_property
from jules_ml.jules.template import write_template
from jules_ml.physics.soil_names import LAYERED
from jules_ml.support.sources import POINT_RUN

VARIABLES = ("JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")


def same_constants(claims: Claims, jules: Jules, quick: bool) -> None:
    """Give the soil properties of the namelist by an ancillary file."""
    for run in RUNS[:1] if quick else RUNS:
        user = jules.user(run)
        folder = read_run_folder(user)
        values = {name: np.full(len(folder.dzsoil), original_property(folder, name)) for name in LAYERED}
        soil = write_ancillary(jules.work / f"{run}_soil.nc", values, grid=folder.grid)
        stock = jules.run(user, "stock")
        swapped = jules.run(user, "same", via='"ancillary"', jules=f'ancillary = "{soil}"')
        pairs = zip((*stock.output, *stock.dumps), (*swapped.output, *swapped.dumps), strict=True)
        differing = sum(a.read_bytes() != b.read_bytes() for a, b in pairs)
        note = f"{len(stock.output) + len(stock.dumps)} files, byte by byte"
        claims.check(f"files that differ, the same constants by ancillary: {run}", differing, "<=", 0, note=note)


def learned_properties(claims: Claims, jules: Jules, data: Path, quick: bool) -> None:
    """Run a year with other soil properties, at Loobos and at every tower."""
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
    """Prescribe daily water content, and compare it with the output."""
    days = np.arange(368)
    theta = np.stack([0.27 + 0.1 * np.sin(2 * np.pi * days / 365 + k) for k in range(4)], axis=1)
    user = jules.user("colvg")
    sm_sat = float(original_property(read_run_folder(user), "sm_sat"))
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
        # the step that ends at a stamp started with the value prescribed for its start
        begin = ds["time"].to_numpy() - np.timedelta64(1800, "s")
        at = (begin - np.asarray("1996-12-31", dtype="datetime64[ns]")) / np.timedelta64(1, "D")
        index = at.astype(int)
        fraction = (at - index)[:, None] if how == "linear" else 0.0
        expected = theta[index] * (1.0 - fraction) + theta[index + 1] * fraction
        layers = 2 if how == "two layers" else 4
        error = np.abs(out - expected)[:, :layers]
        daily = np.abs((out - expected).reshape(-1, 48, 4).mean(axis=1))[:, :layers]
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
    """Prescribe the water of another soil through a winter with frozen soil."""
    with xr.open_dataset(data / "jules" / "neon_daily.nc") as opened:
        towers = opened.load()
    user = tower(jules, towers, "UNDE", data)
    folder = read_run_folder(user)
    sm_sat = float(original_property(folder, "sm_sat"))
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
    """By hooks, JULES's own curves as tables give JULES's own respiration, and twice f gives twice as much."""
    if "JULES_HOOKED_EXE" not in os.environ:
        claims.not_measured("a year's respiration by hooks", "<=", 1e-4, why="JULES_HOOKED_EXE not set")
        return
    user = jules.user("colvg")
    folder = read_run_folder(user)
    wilt, sat = (float(original_property(folder, name)) for name in ("sm_wilt", "sm_sat"))
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
    """Run the shipped template unchanged."""
    folder = jules.work / "template"
    write_template(folder)
    done = jules.run(folder, "template", own=False)
    with xr.open_dataset(done.output[0], decode_times=False) as ds:
        days = ds.sizes["time"]
        sound = all(bool(np.isfinite(ds[name]).all()) for name in ("smcl", "t_soil", "latent_heat", "gpp_gb"))
    note = f"{days} days" + (f", with this JULES's own entries {jules.extra}" if jules.extra else "")
    claims.check("shipped template runs to its end, all finite", float(sound and days == 365), ">=", 1, note=note)


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
        tomllib.loads(f"set = {extra or '{}'}")  # so that a mistake in it is reported here
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
