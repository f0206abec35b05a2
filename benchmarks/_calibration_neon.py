"""Calibration of the column at NEON towers on the first halves of their records, scored on the second halves.

Sensors, valid days and halves are those of :mod:`_neon`. All towers are one calibration with parameters of their own: soil moisture of all
sensors within the layers, and soil temperature of the shallowest sensor, both on valid days. The width of the priors and the error of soil
temperature are chosen within the first halves: fitted on the first part of each, scored on the rest.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _calibration_sections import calibration_section
from _claims import Claims
from _neon_daily import read_neon_daily
from _neon_experiments import Tower, neon_towers

from jules_ml.calibration.run import Calibration, calibrate, prepare
from jules_ml.experiment import load_experiment

#: Choices that are tried: standard deviation of the priors in the transformed space, and error of daily soil temperature [K].
CHOICES = ((0.5, 1.0), (0.5, 2.0))
#: Fraction of the first half that is fitted when the width is chosen.
_INNER = 0.5
#: Claim: fraction of the towers whose error is lower in the second half.
_BETTER = 0.85
_TEMPERATURE_DEPTH = 0.05
#: Iterations of the final fit: L-BFGS needs more of them, and each takes less.
_ITERATIONS = {"gauss_newton": 10, "lbfgs": 50}
#: Soil temperature [K] and air temperature [degC] above which a day is valid.
_THAWED, _MILD = 274.15, 2.0


def neon_claims(claims: Claims, data: Path, folder: Path, *, quick: bool) -> None:
    """Make the claims on NEON towers.

    Parameters
    ----------
    claims : Claims
    data : Path
        Folder of real records.
    folder : Path
        Empty folder for the experiments.
    quick : bool
        Two towers and one choice: the fit is tried, and the claims are not measured.
    """
    towers = neon_towers(data, folder, most=2 if quick else None)
    _add_temperature(data, folder, towers)
    loss = {
        choice: _loss(_fitted(folder, towers, choice, inner=True, quick=quick, method="gauss_newton"))
        for choice in (CHOICES[:1] if quick else CHOICES)
    }
    choice = min(loss, key=loss.__getitem__)
    note = ", ".join(f"{width:g} and {error:g} K: {x:.2f} worse, {y:.3f}" for (width, error), (x, y) in loss.items())
    claims.report("NEON: width of the priors, chosen within the first halves", choice[0], note=note)
    claims.report("NEON: error of soil temperature, chosen within the first halves", choice[1], unit="K")
    for method in ("gauss_newton", "lbfgs"):
        start = time.perf_counter()
        result = _fitted(folder, towers, choice, inner=False, quick=quick, method=method)
        seconds = time.perf_counter() - start
        claims.report(f"NEON, {method}: time of the joint fit of all towers", seconds, unit="s", note=_effort(result))
        for variable, ratios in _ratios(result).items():
            name = f"NEON, {method}, {variable}: fraction of towers with a lower RMSE in the second half"
            claims.check_whole(name, float((ratios < 1.0).mean()), ">=", _BETTER, note=_each(result, variable))
            claims.report(
                f"NEON, {method}, {variable}: median RMSE relative to the prior run", float(np.median(ratios))
            )


def _add_temperature(data: Path, folder: Path, towers: list[Tower]) -> None:
    """Add the soil temperature of the shallowest sensor to the records, on the days that are valid for soil moisture."""
    daily = read_neon_daily(data / "jules" / "neon_daily.nc")
    for tower in towers:
        name = tower.experiment.file.stem
        here = daily.sel(site=name).reindex(day=tower.days)
        values = here["observed_t_soil"].to_numpy()[:, 0]
        frozen = np.repeat(values <= _THAWED, 24)
        values = np.where((values > _THAWED) & (here["obs_tair"].to_numpy() > _MILD), values, np.nan)
        file = folder / f"{name}.parquet"
        frame = pd.read_parquet(file)
        for sensor in (each for each in frame if each.startswith("theta")):
            frame.loc[frozen, sensor] = np.nan
        frame["t_soil_0"] = np.repeat(values.astype(np.float64), 24)
        frame.to_parquet(file)
        column = f'columns.t_soil_0 = {{variable = "t_soil", unit = "K", depth = {_TEMPERATURE_DEPTH}}}'
        text = tower.experiment.text.replace("\n[soil]\n", f"\n{column}\n[soil]\n", 1)
        tower.experiment.file.write_text(text, encoding="utf-8")


def _fitted(
    folder: Path, towers: list[Tower], choice: tuple[float, float], *, inner: bool, quick: bool, method: str
) -> Calibration:
    """Fit all towers together, on the first halves or on the first part of each."""
    files: list[Path] = []
    for tower in towers:
        name = tower.experiment.file.stem
        split, number = tower.split, tower.split.boundary
        if inner:
            first = np.flatnonzero(split.first)
            number = int(first[round(_INNER * len(first))])
        # the start of a local day in UTC
        offset = pd.Timedelta(hours=float(prepared_offset(tower)))
        end = tower.days[number] - offset
        until = tower.days[split.boundary] - offset if inner else None
        section = calibration_section(
            *choice, fit_end=end, method=method, iterations=3 if quick else 6 if inner else _ITERATIONS[method]
        )
        text = (folder / f"{name}.toml").read_text(encoding="utf-8")
        if until is not None:
            text = text.replace("[run]\n", f"[run]\nend = {until:%Y-%m-%dT%H:%M:%S}\n", 1)
        others = [str(folder / f"{each.experiment.file.stem}.fit.toml") for each in towers[1:]] if not files else []
        file = folder / f"{name}.fit.toml"
        file.write_text(text + "\n" + section.replace("SITES", repr(others).replace("'", '"')), encoding="utf-8")
        files.append(file)
    experiment = load_experiment(files[0])
    return calibrate(experiment, simulation=prepare(experiment))


def prepared_offset(tower: Tower) -> float:
    """Local standard time minus UTC of a tower [h]."""
    data: Any = tower.experiment.data
    return float(data.utc_offset_hours)


def _scored(result: Calibration, variable: str) -> dict[str, tuple[float, float]]:
    """RMSE of each tower with the prior and with the fitted parameters, for the first sensor, in the period after the fit."""
    from jules_ml.calibration.report import scores

    errors: dict[str, tuple[float, float]] = {}
    for row in scores(result):
        if row["variable"] == variable and row["site"] not in errors and row["test"]:
            errors[row["site"]] = (row["test"]["prior"]["rmse"], row["test"]["fitted"]["rmse"])
    return errors


def _ratios(result: Calibration) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """RMSE with the fitted parameters relative to the prior, for each variable, shape (tower,)."""
    return {
        variable: np.array([after / before for before, after in _scored(result, variable).values()])
        for variable in ("theta", "t_soil")
    }


def _loss(result: Calibration) -> tuple[float, float]:
    """Fraction of towers and variables that are not better, and the geometric mean of their RMSE relative to the prior."""
    ratios = np.concatenate(list(_ratios(result).values()))
    return float((ratios >= 1.0).mean()), float(np.exp(np.mean(np.log(ratios))))


def _each(result: Calibration, variable: str) -> str:
    return ", ".join(
        f"{name} {before:.3f} to {after:.3f}" for name, (before, after) in _scored(result, variable).items()
    )


def _effort(result: Calibration) -> str:
    return f"{len(result.displacements)} parameters, cost {result.costs[0]:.1f} to {result.costs[-1]:.1f} in {len(result.costs) - 1} steps"
