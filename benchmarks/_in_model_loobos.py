"""Learned respiration in real JULES at Loobos, 1997: the flux that it was fitted for, its curves, and the tower's observations.

The curves and the base respiration are those of another pine forest, Hyytiälä, where they are fitted to sensors; none is fitted at Loobos.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import f90nml
import netCDF4
import numpy as np
import pandas as pd
import torch
import xarray as xr
from _claims import Claims
from _hyytiala import hyytiala
from _relink import hooked_jules
from numpy.typing import NDArray

from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.jules.run import run_jules
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.rate import base_flux
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import learned_tables
from jules_ml.scoring.scores import score

#: Run of the shared settings: one pool, van Genuchten, no TOPMODEL, soil carbon of 12.1 kg m-2.
RUN = "colvg"
#: Output at the end of each step, and means over it.
STATES = ("sthu", "sthf", "t_soil", "fsth", "ftemp", "resp_s_gb", "cs")
FLUXES = ("gpp_gb", "resp_p_gb", "latent_heat", "ftl_gb")
OBSERVED = "NL-Loo_daily_aggregated_1997-2013_FLUXNET2015_Flux.nc"
#: Local standard time of the tower's days.
UTC_OFFSET = pd.Timedelta(hours=1)
STEP = pd.Timedelta(minutes=30)
SECONDS_PER_DAY = 86400.0
WHY = "no build of JULES given"


@dataclass(frozen=True)
class Quantity:
    """A quantity that the tower measured, by day: name in the claims and in the file, unit, and what to know about it."""

    name: str
    variable: str
    unit: str
    note: str = ""


QUANTITIES = (
    Quantity("NEE", "NEE_daily", "g m-2 d-1", "; uptake is negative; KGE says little where the mean is near 0"),
    Quantity("latent heat", "Qle_daily", "W m-2"),
    Quantity("sensible heat", "Qh_daily", "W m-2"),
)


def loobos_claims(claims: Claims, data: Path, build: Path | None) -> None:
    """Measure the swap in real JULES at Loobos.

    Parameters
    ----------
    claims : Claims
        Receives the claims.
    data : Path
        Folder of the shared records.
    build : Path or None
        Folder where JULES was built with FCM: ``build/include``, ``build/o`` and ``build/bin/jules.exe`` in it.
    """
    if build is None:
        not_measured(claims)
        return
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        module = work / "hyytiala"
        fit_respiration([hyytiala(data)], RespirationSettings(target="ecosystem"), module)
        write_run_folder(data / "jules", work / "loobos")
        stock_exe = build / "build" / "bin" / "jules.exe"
        hooked_exe, _ = hooked_jules(build, work)
        runs = {
            "stock": jules_run(work, "stock", stock_exe),
            "learned, by hooks": jules_run(work, "hooks", hooked_exe, via="hooks", module=module),
            "learned, by namelist": jules_run(work, "namelist", stock_exe, via="namelist", module=module),
            "learned curves, rate of JULES": jules_run(
                work, "curves", hooked_exe, via="hooks", module=module, base_rate="jules"
            ),
        }
        fluxes(claims, runs, module)
        curves(claims, runs["learned, by hooks"], module)
        against_tower(claims, runs, data / "callmip" / OBSERVED)


def not_measured(claims: Claims) -> None:
    """Record all claims as not measured."""
    claims.not_measured("Loobos, JULES: mean heterotrophic flux by hooks, relative to the fit", "<=", 0.05, why=WHY)
    for name in ("fsth", "ftemp"):
        claims.not_measured(f"Loobos, JULES: greatest error of output {name}, relative", "<=", 1e-5, why=WHY)
    for quantity in QUANTITIES:
        claims.not_measured(f"Loobos, {quantity.name} against the tower: stock and learned", why=WHY)


def write_run_folder(shared: Path, out: Path) -> None:
    """Write the run folder of Loobos from the shared settings, with output of each step.

    Parameters
    ----------
    shared : Path
        Folder ``jules`` of the shared records.
    out : Path
        Run folder to write.
    """
    namelists = out / "nml"
    shutil.copytree(shared / "loobos_namelists", namelists)
    for path in (namelists, *namelists.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    settings = json.loads((shared / "loobos_settings.json").read_text(encoding="utf-8"))[RUN]
    for name, content in settings.items():
        if name.endswith(".dat"):
            (out / name).write_text(content, encoding="ascii")
        elif content:
            write_groups(content, namelists / f"{name}.nml")
    shutil.copyfile(shared / "loobos_inputs" / "Loobos_1997.dat", out / "Loobos_1997.dat")
    profile = {
        "profile_name": "steps",
        "file_period": 0,
        "output_main_run": True,
        "output_period": int(STEP.total_seconds()),
        "nvars": len(STATES) + len(FLUXES),
        "var": [*STATES, *FLUXES],
        "output_type": [*["S"] * len(STATES), *["M"] * len(FLUXES)],
    }
    output = {"run_id": RUN, "output_dir": "output", "nprofiles": 1}
    write_groups({"jules_output": output, "jules_output_profile": profile}, namelists / "output.nml")


def write_groups(groups: dict[str, dict[str, object]], path: Path) -> None:
    """Write namelist groups in their order, in which JULES reads them."""
    texts = []
    for name, entries in groups.items():
        text = io.StringIO()
        f90nml.Namelist({name: entries}).write(text)
        texts.append(text.getvalue())
    path.write_text("\n".join(texts), encoding="ascii")


def jules_run(
    work: Path, name: str, executable: Path, *, via: str = "", module: Path | None = None, base_rate: str = "learned"
) -> xr.Dataset:
    """Run the folder by an experiment file, and return the output of all steps."""
    path = work / f"{name}.toml"
    modules = "" if module is None else f'[modules]\nrespiration = "{module.name}"\nbase_rate = "{base_rate}"\n'
    ways = f'"{via}"' if via else ""
    path.write_text(
        f'[site]\nname = "NL-Loo"\n\n[jules]\nfolder = "loobos"\nexecutable = "{executable}"\n\n{modules}\n[run]\nmodel = "jules"\n'
        f"via = [{ways}]\n",
        encoding="utf-8",
    )
    done = run_jules(load_experiment(path), work / f"run_{name}")
    for note in done.notes:
        print(f"{name}: {note}", flush=True)
    with xr.open_dataset(done.output[0]) as ds:
        return ds.load().squeeze(("y", "x"))


def fluxes(claims: Claims, runs: dict[str, xr.Dataset], module: Path) -> None:
    """Compare the mean heterotrophic flux of the runs with the flux of the fit at the state of the previous step."""
    learned, settings, card = load_respiration(module)
    flux = base_flux(learned, settings, card, "NL-Loo")
    for way in ("by hooks", "by namelist"):
        ds = runs[f"learned, {way}"]
        with torch.no_grad():
            shape = learned.f(top(ds, "sthu")) * learned.g(top(ds, "t_soil"))
        expected = flux.carbon * shape.numpy()[:-1].mean()
        error = abs(float(ds["resp_s_gb"][1:].astype(np.float64).mean()) / expected - 1.0)
        name = f"Loobos, JULES: mean heterotrophic flux {way}, relative to the fit"
        if way == "by hooks":
            claims.check(name, error, "<=", 0.05, note=str(flux))
        else:
            claims.report(name, error, note="JULES's own f and g, fitted to the learned ones")
    for name, ds in runs.items():
        mean = 1e3 * SECONDS_PER_DAY * 365.0 * float(ds["resp_s_gb"].astype(np.float64).mean())
        claims.report(f"Loobos, JULES: heterotrophic respiration, {name}", mean, unit="g m-2 a-1")


def top(ds: xr.Dataset, name: str) -> torch.Tensor:
    """Top layer of a variable, shape (step,)."""
    return torch.from_numpy(ds[name].isel(soil=0).to_numpy().astype(np.float64))


def curves(claims: Claims, ds: xr.Dataset, module: Path) -> None:
    """Compare the modifiers in the output of JULES with the tables at the state of the previous step."""
    learned, settings, _ = load_respiration(module)
    for table, x in zip(learned_tables(learned, settings), ("sthu", "t_soil"), strict=True):
        expected = table(torch.from_numpy(ds[x].to_numpy().astype(np.float64))[:-1]).numpy()
        written = ds[table.name].to_numpy().astype(np.float64)[1:]
        error = float((np.abs(written - expected) / np.maximum(np.abs(expected), 1e-12)).max())
        claims.check(f"Loobos, JULES: greatest error of output {table.name}, relative", error, "<=", 1e-5)


def against_tower(claims: Claims, runs: dict[str, xr.Dataset], file: Path) -> None:
    """Score daily fluxes of all runs by the tower's observations of 1997, each on the same days."""
    tower = observed(file)
    for quantity in QUANTITIES:
        values = tower[quantity.variable]
        claims.report(
            f"Loobos, {quantity.name}: mean over the days observed",
            values.mean(),
            unit=quantity.unit,
            note=f"{values.notna().sum()} days{quantity.note}",
        )
        for name, ds in runs.items():
            if quantity.variable != "NEE_daily" and name not in ("stock", "learned, by hooks"):
                continue
            days = daily(ds)[quantity.variable].reindex(values.index)
            scores = score(days.to_numpy(), values.to_numpy())
            label = f"Loobos, {quantity.name} against the tower, {name}"
            claims.report(f"{label}: KGE", scores.kge)
            claims.report(f"{label}: r", scores.r)
            claims.report(f"{label}: RMSE", scores.rmse, unit=quantity.unit, note=f"bias {scores.bias:.3g}")


def observed(file: Path) -> pd.DataFrame:
    """Daily observations of 1997, by local day; NaN where the tower did not measure."""
    with netCDF4.Dataset(file) as ds:
        stamps = netCDF4.num2date(ds["time"][:], ds["time"].units, only_use_cftime_datetimes=False)
        columns = {q.variable: np.ma.filled(ds[q.variable][:].astype(np.float64), np.nan) for q in QUANTITIES}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(np.asarray(stamps, dtype="datetime64[ns]")))
    return frame.loc["1997"]


def daily(ds: xr.Dataset) -> pd.DataFrame:
    """Daily fluxes of a run, by local day, in the units of the observations."""
    rates = {name: ds[name].to_numpy().astype(np.float64) for name in ("gpp_gb", "resp_p_gb", "resp_s_gb")}
    nee: NDArray[np.float64] = rates["resp_p_gb"] + rates["resp_s_gb"] - rates["gpp_gb"]
    columns = {
        "NEE_daily": 1e3 * SECONDS_PER_DAY * nee,
        "Qle_daily": ds["latent_heat"].to_numpy().astype(np.float64),
        "Qh_daily": ds["ftl_gb"].to_numpy().astype(np.float64),
    }
    # time stamps are the ends of steps
    middle = pd.DatetimeIndex(ds["time"].to_numpy()) - 0.5 * STEP + UTC_OFFSET
    return pd.DataFrame(columns, index=middle).groupby(middle.floor("D")).mean()
