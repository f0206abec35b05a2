"""A calibration whose truth is known: a NEON tower's weather, and observations simulated with other parameters and noise."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _claims import Claims
from _neon_experiments import neon_towers
from torch import Tensor

from jules_ml.calibration.cost import first_errors
from jules_ml.calibration.lbfgs import cost_and_gradient
from jules_ml.calibration.run import calibrate, prepare
from jules_ml.calibration.simulation import Simulation
from jules_ml.experiment import load_experiment

#: Displacements of the true parameters from the prior, in the transformed space.
TRUTH = {"b": 0.5, "satcon": -0.6, "sm_sat": 0.4, "hcap": 0.5, "lai": -0.5, "nl0": 0.4, "rootd_ft": -0.5, "kaps": 0.6}
#: Standard deviation of the noise of daily values.
NOISE = {"theta": 0.01, "t_soil": 0.3, "le": 5.0, "h": 5.0, "gpp": 0.3, "night_nee": 0.2}
_DAYS = {"complete": 1095, "quick": 200}
#: Greatest error of a recovered parameter [1].
_TARGET = 0.05
#: Displacement of finite differences: the cost has small steps, where JULES solves for heat once more or not.
_STEP = 1e-3


def twin_claims(claims: Claims, data: Path, folder: Path, *, quick: bool) -> None:
    """Make the claims on known parameters.

    Parameters
    ----------
    claims : Claims
    data : Path
        Folder of real records.
    folder : Path
        Empty folder for the experiment.
    quick : bool
        A shorter record.
    """
    file = _write(data, folder, days=_DAYS["quick" if quick else "complete"])
    experiment = load_experiment(file)
    simulation = prepare(experiment)
    truth = torch.tensor([TRUTH[each.parameter] for each in simulation.parameters.displacements], dtype=torch.float64)
    _observe(simulation, truth)
    true = simulation.parameters.values(simulation.parameters.of_columns(truth))
    _gradient_claims(claims, simulation)
    assert experiment.calibration is not None
    for method in ("lbfgs", "gauss_newton"):
        section = experiment.calibration.model_copy(update={"method": method})
        start = time.process_time()
        result = calibrate(experiment.model_copy(update={"calibration": section}), simulation=simulation)
        seconds = time.process_time() - start
        values = result.values(result.displacements)
        errors = {
            name: float(((values[name] - true[name]).abs() / true[name].abs().clamp(min=1e-12)).max()) for name in TRUTH
        }
        note = ", ".join(f"{name} {100.0 * error:.2f} %" for name, error in errors.items())
        claims.check(f"twin, {method}: greatest error of a parameter", max(errors.values()), "<=", _TARGET, note=note)
        inside = ((result.displacements - truth).abs() <= 2.0 * result.sd).double().mean()
        claims.report(f"twin, {method}: fraction of parameters within two standard deviations", float(inside))
        claims.report(f"twin, {method}: processor time", seconds, unit="s", note=f"{len(result.costs)} steps")


def _write(data: Path, folder: Path, *, days: int) -> Path:
    """Write the experiment of a tower, with columns for all observed variables."""
    tower = next(iter(neon_towers(data, folder, most=5)[-1:]))
    name = tower.experiment.file.stem
    frame = pd.read_parquet(folder / f"{name}.parquet").iloc[: 24 * days]
    columns = ""
    units = {"le": "W m-2", "h": "W m-2", "gpp": "umol m-2 s-1", "nee": "umol m-2 s-1"}
    for column, unit in units.items():
        frame[column] = 1.0
        columns += f'columns.{column} = {{variable = "{column}", unit = "{unit}"}}\n'
    frame["t_soil_0"], frame["theta_0"] = 290.0, 0.2
    columns += 'columns.t_soil_0 = {variable = "t_soil", unit = "K", depth = 0.05}\n'
    frame.to_parquet(folder / f"{name}.parquet")
    parameters = "".join(f'[[calibration.parameters]]\nname = "{each}"\nprior_sd = 3.0\n' for each in TRUTH)
    observed = "".join(
        f'[[calibration.observations]]\nvariable = "{each}"\nerror = {error}\nindependent_days = 1.0\n'
        for each, error in NOISE.items()
    )
    section = f"[calibration]\ntest_fraction = 0.0\niterations = 60\nsegment_days = 30\n{parameters}{observed}"
    section += "[respiration.rows]\nnee_is_measured = true\n"
    text = tower.experiment.text.replace("\n[soil]\n", f"\n{columns}[soil]\n", 1)
    file = folder / "twin.toml"
    file.write_text(f"{text}\n{section}", encoding="utf-8")
    return file


def _observe(simulation: Simulation, truth: Tensor) -> None:
    """Replace the observations by those of the truth, with noise, on every day."""
    observed = simulation.observations
    days = simulation.columns.days
    simulated = simulation.predict(simulation.parameters.of_columns(truth), days=days)[:, 0]
    noise = torch.tensor([NOISE[each.settings.variable] for each in observed.series], dtype=torch.float64)
    standard = torch.as_tensor(np.random.default_rng(0).standard_normal(tuple(simulated.shape)))
    simulation.observations = observed._replace(
        observed=simulated + noise * standard, fit=torch.ones_like(observed.fit)
    )


def _gradient_claims(claims: Claims, simulation: Simulation) -> None:
    """Compare the gradient with finite differences, and its time with that of a run."""
    errors = first_errors(simulation.observations.series)
    at = torch.full((len(simulation.parameters.displacements),), 0.1, dtype=torch.float64)
    _, gradient = cost_and_gradient(simulation, at, errors)
    start = time.process_time()
    cost_and_gradient(simulation, at, errors)
    seconds = time.process_time() - start
    start = time.process_time()
    simulation.predict(simulation.parameters.of_columns(at), days=simulation.observations.fit_days)
    of_run = time.process_time() - start
    differences = []
    for k in range(len(at)):
        step = _STEP * (torch.arange(len(at)) == k)
        above, below = (cost_and_gradient(simulation, at + sign * step, errors)[0] for sign in (1.0, -1.0))
        differences.append(float(above - below) / (2.0 * _STEP))
    finite = torch.tensor(differences, dtype=torch.float64)
    error = float(((gradient - finite).abs() / finite.abs().max()).max())
    claims.check("gradient: difference from finite differences, relative to the greatest", error, "<=", 0.02)
    years = simulation.columns.days / 365.25 + 1.0
    claims.report(
        "gradient: processor time of a year of hours",
        seconds / years,
        unit="s",
        note=f"a run takes {of_run / years:.3f} s",
    )
