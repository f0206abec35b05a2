"""The full land surface at the NEON towers in 2019 against JULES, with the same namelists and weather."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import Claims
from _jules_runs import Jules, daily_output, tower, with_full_surface
from scores.continuous import kge

from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.physics.compilation import can_compile

#: Standard deviation of a layer below which a score of its variation means nothing [kg m-2, K].
CONSTANT = {"smcl": 0.01, "t_soil": 0.01}


def neon_claims(claims: Claims, data: Path, *, quick: bool) -> None:
    """Compare daily water and temperature of each layer; needs the executable of JULES in ``JULES_EXE`` and a C++ compiler."""
    name = "NEON, full surface"
    if quick or not can_compile():
        claims.not_measured(name, why="needs a year of two models at 16 towers" if quick else "no C++ compiler")
        return
    if claims.lacks(("JULES_EXE",), name):
        return
    with xr.open_dataset(data / "jules" / "neon_daily.nc") as opened:
        towers = opened.load()
    scores: dict[str, dict[str, list[float]]] = {"smcl": {}, "t_soil": {}}
    with tempfile.TemporaryDirectory() as work:
        jules = Jules(Path(os.environ["JULES_EXE"]), Path(), Path(work), os.environ.get("JULES_EXTRA_ENTRIES", ""))
        for site in (str(s) for s in towers["site"].to_numpy()):
            theirs, ours = site_runs(jules, towers, site, data)
            for variable, by_site in scores.items():
                by_site[site] = layer_scores(ours[variable], theirs[variable], CONSTANT[variable])
    for variable, by_site in scores.items():
        layers = np.array(list(by_site.values()))
        medians = np.nanmedian(layers, axis=0)
        note = ", ".join(f"{x:.3f}" for x in medians)
        claims.check(f"NEON {variable}: KGE, median of the towers, worst layer", medians.min(), ">=", 0.95, note=note)
        worst = min(by_site, key=lambda site: np.nanmin(by_site[site]))
        claims.check(f"NEON {variable}: KGE, worst tower and layer", np.nanmin(layers), ">=", 0.85, note=worst)


def site_runs(jules: Jules, towers: xr.Dataset, site: str, data: Path) -> tuple[xr.Dataset, xr.Dataset]:
    """Daily output of JULES and of the column for a tower."""
    folder = with_full_surface(tower(jules, towers, site, data), jules.extra)
    theirs = daily_output(jules.executable, folder).squeeze(["x", "y"], drop=True)
    return theirs, run_folder_as_column(folder)[0].output


def layer_scores(ours: xr.DataArray, theirs: xr.DataArray, constant: float) -> list[float]:
    """KGE of the daily means of each layer; NaN for a layer that does not change."""
    mine, jules = (x.transpose("time", ...).to_numpy().reshape(x.sizes["time"], -1) for x in (ours, theirs))
    return [
        float(kge(*(xr.DataArray(x[:, k].astype(np.float64), dims="time") for x in (mine, jules))))
        if jules[:, k].std() > constant
        else float("nan")
        for k in range(jules.shape[1])
    ]
