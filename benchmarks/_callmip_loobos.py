"""Loobos in 1997 calibrated to the fluxes of CalLMIP Phase 1, with JULES's example weather and the cover of the protocol."""

from __future__ import annotations

import importlib
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _claims import REPOSITORY, Claims
from numpy.typing import NDArray

from jules_ml.calibration.files import write_calibration
from jules_ml.calibration.flux_file import all_fluxes
from jules_ml.calibration.run import FITTED, PRIOR, Calibration, calibrate
from jules_ml.comparison.callmip import Submission, template_differences, write_submissions
from jules_ml.comparison.converted_files import write_converted
from jules_ml.comparison.convertible import read_convertible
from jules_ml.experiment import load_experiment

FLUXES = "NL-Loo_daily_aggregated_1997-2013_FLUXNET2015_Flux.nc"
TEMPLATE = "CLASSIC.v2_Phase1b_Scen1_DK-Sor_Cal_Prior.nc"
#: Cover of Loobos in table 1 of the protocol.
COVER = {"broadleaf_tree": 0.029, "needleleaf_tree": 0.936, "c3_grass": 0.035}
PARAMETERS = (
    "nl0",
    "lai",
    "f0",
    "dqcrit",
    "alpha",
    "fd",
    "rootd_ft",
    "albsnf_max",
    "dz0v_dh",
    "tupp",
    "cs",
    "q10_soil",
    "satcon",
    "b",
)
CALIBRATION = """
[physics]
diff_frac_const = 0.4

[calibration]
flux_file = "fluxes.nc"
method = "gauss_newton"
iterations = 8
draws = 20
simulations = true
"""
_UNITS = {"nee": "umol m-2 s-1", "le": "W m-2", "h": "W m-2"}


def write_loobos(folder: Path, data: Path) -> Path:
    """Experiment of the calibration."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    head, tail = text.split("[[surface.tiles]]", 1)[0], text[text.index("[carbon]") :]
    tiles = "".join(f'[[surface.tiles]]\ntype = "{kind}"\nfrac = {frac}\n\n' for kind, frac in COVER.items())
    fitted = "".join(f'\n[[calibration.parameters]]\nname = "{name}"\n' for name in PARAMETERS)
    observed = "".join(
        f'\n[[calibration.observations]]\nvariable = "{name}"\nerror = "estimated"\nindependent_days = 5\n'
        for name in _UNITS
    )
    path = folder / "loobos.toml"
    path.write_text(head + tiles + tail + CALIBRATION + fitted + observed, encoding="utf-8")
    shutil.copyfile(data / "jules" / "loobos_inputs" / "Loobos_1997.dat", folder / "Loobos_1997.dat")
    shutil.copyfile(data / "callmip" / FLUXES, folder / "fluxes.nc")
    return path


def climatology(name: str, fluxes: Path, days: int) -> NDArray[np.float64]:
    """Mean of the other years within 15 days of each day of 1997."""
    table = all_fluxes(fluxes)[name]["observed"]
    other = table[table.index.year != 1997].dropna()
    result = np.full(days, np.nan)
    for day in range(days):
        distance = np.abs((other.index.dayofyear.to_numpy() - (day + 1) + 182) % 365 - 182)
        result[day] = other.to_numpy()[distance <= 15].mean()
    return result


def rmse(predicted: NDArray[np.float64], observed: NDArray[np.float64]) -> float:
    """Root mean square error where observed."""
    return float(np.sqrt(np.nanmean((predicted - observed) ** 2)))


def score(claims: Claims, result: Calibration, fluxes: Path) -> None:
    """RMSE of prior, posterior and climatology on the days that were fitted and on those held out."""
    better = {"fit": 0, "held out": 0}
    for k, series in enumerate(result.simulation.observations.series):
        name = series.settings.variable
        mean = climatology(name, fluxes, len(series.observed))
        for period, mask in (("fit", series.fit), ("held out", series.test)):
            observed = np.where(mask, series.observed, np.nan)
            predicted = result.predicted.numpy()[: len(observed), :, k]
            prior, fitted = (rmse(predicted[:, copy], observed) for copy in (PRIOR, FITTED))
            note = f"prior {prior:.3g}, climatology of other years {rmse(mean, observed):.3g}, {int(mask.sum())} days"
            claims.report(f"Loobos 1997, {name}, {period}: RMSE of posterior", fitted, unit=_UNITS[name], note=note)
            better[period] += fitted < prior
    claims.check("Loobos 1997, fluxes better than the prior, fitted days", better["fit"], ">=", 3)
    claims.check("Loobos 1997, fluxes better than the prior, held-out days", better["held out"], ">=", 2)


def ilamb_scores(claims: Claims, simulations: Path, fluxes: Path, folder: Path) -> None:
    """Bias scores of ilamb3 for monthly means of latent and sensible heat, of prior and posterior."""
    name = "ilamb3 reads and scores converted runs, runs"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            analysis = importlib.import_module("ilamb3.analysis").bias_analysis
    except ImportError:
        claims.not_measured(name, ">=", 2, why="ilamb3 is not installed")
        return
    scored = 0
    for stage in ("prior", "posterior"):
        path = write_converted(read_convertible(simulations / f"NL-Loo_{stage}.nc"), "cmip", folder / stage)
        for variable, observed in (("hfls", "le"), ("hfss", "h")):
            value = _bias_score(analysis, path, variable, all_fluxes(fluxes)[observed]["observed"])
            claims.report(f"ilamb3, {variable}, {stage}: bias score", value)
            scored += bool(np.isfinite(value)) and variable == "hfls"
    claims.check(name, scored, ">=", 2)


def _bias_score(analysis: type, path: Path, variable: str, observed: pd.Series) -> float:
    """Score of daily means on the days with observations."""
    with xr.open_dataset(path) as opened:
        run = opened[[variable, "time_bounds"]].load()
    days = observed.reindex(pd.DatetimeIndex(run["time"].to_numpy()).normalize()).to_numpy()
    run[variable] = run[variable].where(xr.DataArray(np.isfinite(days), dims="time"))
    site = run.squeeze(["lat", "lon"]).drop_vars(["lat", "lon"])
    site[variable] = ("time", days, run[variable].attrs)
    site[variable] = site[variable].expand_dims("site", axis=1)
    position = {name: ("site", run[name].to_numpy()) for name in ("lat", "lon")}
    window = {"window_half_width": 2.0, "scale_width_by_grid_resolution": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, *_ = analysis(variable, site_extraction=window)(site.assign_coords(position), run)
    return float(table.loc[table["type"] == "score", "value"].iloc[0])


def loobos_claims(claims: Claims, data: Path, folder: Path) -> list[Path]:
    """Calibrate, write the submission and score it; return the files that follow the CF conventions."""
    path = write_loobos(folder, data)
    result = calibrate(load_experiment(path))
    write_calibration(result, folder / "calibration")
    submission = write_submissions(folder / "calibration", Submission("JULES-ML.v0-1"), folder / "submission")
    found = sum(len(template_differences(each, data / "callmip" / TEMPLATE)) for each in submission)
    claims.check("CalLMIP, Loobos: differences from the template", found, "<=", 0, note=f"{len(submission)} files")
    score(claims, result, folder / "fluxes.nc")
    simulations = folder / "calibration" / "simulations"
    ilamb_scores(claims, simulations, folder / "fluxes.nc", folder)
    return [folder / "calibration" / "predictions.nc", *sorted(simulations.iterdir())]
