"""Heat that the solutions of the soil's heat balance leave over in a step, in JULES and with more solutions.

JULES solves the balance three times at most and drops what is left. It is large where rain falls on frozen soil: the water freezes at once,
its latent heat warms the layer to just below the freezing point, and there the freezing curve is steepest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _claims import REPOSITORY, Claims

from jules_ml.column.run import run_column
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.physics.soil_heat import SOLUTIONS_TO_CLOSE, SoilHeatStep, soil_heat_step

#: Steps of US-Hn1 and Davos with what JULES's own routine makes of the same state and fluxes.
JULES_STEPS = REPOSITORY / "tests" / "golden" / "soil_heat.json"


def heat_residual(claims: Claims, data: Path, *, quick: bool) -> None:
    """Compare the worst steps with JULES's own routine, and close them."""
    for case in json.loads(JULES_STEPS.read_text(encoding="utf-8")):
        name = f"{case['site']} {case['stamp'][:10]}"
        as_jules, closed = (_step(case, solutions) for solutions in (3, SOLUTIONS_TO_CLOSE))
        difference = np.abs(as_jules.t_soil.squeeze(-1).numpy() - np.array(case["jules_t_soil"])).max()
        left = float(as_jules.unaccounted)
        note = f"JULES and the column leave {left:.0f} W m-2"
        claims.check(f"{name}: t_soil, difference from JULES's routine", difference, "<=", 2e-4, unit="K", note=note)
        left = abs(float(closed.unaccounted))
        claims.check(f"{name}: heat left by {SOLUTIONS_TO_CLOSE} solutions", left, "<=", 0.04, unit="W m-2")
    experiment = load_experiment(data / "respiration" / "us_hn1_column.toml")
    for solutions in (3, SOLUTIONS_TO_CLOSE):
        worst, mean = _of_run(experiment, solutions, quick=quick)
        name = f"US-Hn1: heat left by {solutions} solutions, worst half-hour"
        note = f"mean {mean:.1e} W m-2"
        if solutions == 3:
            claims.report(name, worst, unit="W m-2", note=note)
        else:
            claims.check(name, worst, "<=", 0.05, unit="W m-2", note=note)


def _step(case: dict[str, Any], solutions: int) -> SoilHeatStep:
    layers = {
        name: torch.tensor(x, dtype=torch.float64).unsqueeze(-1) for name, x in case.items() if isinstance(x, list)
    }
    return soil_heat_step(
        layers["t_soil"],
        layers["smcl"],
        layers["sthf"],
        layers["surf_ht_flux"].squeeze(-1),
        layers["w_flux"],
        layers["snow_depth"].squeeze(-1),
        b=layers["b"],
        sathh=layers["sathh"],
        sm_sat=layers["sm_sat"],
        hcap=layers["hcap"],
        hcon=layers["hcon"],
        dzsoil=layers["dzsoil"],
        timestep=1800.0,
        solutions=solutions,
    )


def _of_run(experiment: Experiment, solutions: int, *, quick: bool) -> tuple[float, float]:
    """Largest and mean residual of a run with so many solutions [W m-2]."""
    soil = experiment.required(experiment.soil, "soil").model_copy(update={"heat_solutions": solutions})
    run = experiment.required(experiment.run, "run")
    if quick:
        run = run.model_copy(update={"spin_up": run.spin_up.model_copy(update={"cycles": 1})})
    output = run_column(experiment.model_copy(update={"soil": soil, "run": run})).output
    left = output["heat_residual"].to_numpy()
    return float(np.abs(left).max()), float(left.mean())
