"""Claims on soil moisture and soil properties by hooks, and the water budget of the runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _claims import Claims
from _hooked_jules import GAINS, LOSSES, Array, Jules, read_output
from _series_module import series
from numpy.typing import NDArray

#: The module whose functions the hooks call; a run has a copy of it beside its namelists.
SERIES_MODULE = Path(__file__).with_name("_series_module.py").read_text(encoding="utf-8")


def moisture_config(function: str, mode: str) -> dict[str, str]:
    """Files that put the series into a run."""
    return python_config("moisture", function, mode)


def python_config(hook: str, function: str, settings: str) -> dict[str, str]:
    """Files that put a function of the module into a run."""
    venv = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
    group = f"&jules_ml_{hook}\npython_callable = 'series_module:{function}', {settings}\n/\n"
    return {"jules_ml.nml": group + venv, "series_module.py": SERIES_MODULE}


def nudging(claims: Claims, jules: Jules) -> None:
    """Nudge soil moisture to a series, and compare the increments with the residual of the water budget."""
    stock = read_output(jules.work / "colvg_stock")
    for name, mode in (("nudge", "mode = 'nudge', tau_hours = 24.0"), ("replace", "mode = 'replace'")):
        folder = jules.prepare("colvg", name, moisture_config("follow", mode))
        ds = jules.output(folder, hooked=True)
        dz = ds["smcl"].isel(time=0) / (1000.0 * ds["sm_sat"].isel(time=0) * (ds["sthu"] + ds["sthf"]).isel(time=0))
        stamps = ds["time"].to_numpy() - np.timedelta64(1800, "s")
        dates = [tuple(int(p) for p in str(day).split("-")) for day in stamps.astype("datetime64[D]")]
        aim = np.array([series(date) for date in dates])
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
    """Soil properties equal to those of JULES, and with a larger porosity."""
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
    """Residual of the water budget of the soil on each complete day [kg m-2]."""
    store = ds["smcl"].astype(np.float64).sum("soil").to_numpy()
    rates = [sign * by_step(ds, name) for names, sign in ((GAINS, 1.0), (LOSSES, -1.0)) for name in names]
    residual = np.diff(store) - 1800.0 * np.sum(rates, axis=0)[1:]
    # a step belongs to the day in which it starts, as in the ledger
    days = (ds["time"].to_numpy()[1:] - np.timedelta64(1800, "s")).astype("datetime64[D]")
    names, where = np.unique(days, return_inverse=True)
    gaps: Array = np.bincount(where, weights=residual).astype(np.float64)
    if folder is not None:
        gaps -= ledger(folder, names)
    return np.abs(gaps[1:-1])


def by_step(ds: xr.Dataset, name: str) -> Array:
    """A flux of the whole column [kg m-2 s-1]."""
    flux = ds[name].astype(np.float64)
    return (flux.sum("soil") if "soil" in flux.dims else flux).to_numpy()


def largest_increment(folder: Path) -> float:
    """Largest absolute daily increment of the column [kg m-2]."""
    days = np.arange("1997-01-01", "1998-01-01", dtype="datetime64[D]")
    return float(np.abs(ledger(folder, days)).max())


def ledger(folder: Path, days: NDArray[np.datetime64]) -> Array:
    """Increments of water that the hooks recorded on each day [kg m-2]."""
    (path,) = (folder / "output").glob("*.jules_ml_increments.0000.csv")
    rows = pd.read_csv(path, comment="#")
    added = np.zeros(len(days))
    position = np.searchsorted(days, rows["time"].to_numpy(dtype="datetime64[D]"))
    np.add.at(added, position, rows["water_kg_m-2"])
    return added
