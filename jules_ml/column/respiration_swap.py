"""Respiration of a learned module in a finished run of the column, without a second run.

Respiration of the one-pool column is computed from water and temperature of the soil, and neither depends on it: soil carbon is constant.
A run with other curves and another rate therefore differs in respiration only, which follows from the states of the first run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from jules_ml.column.antecedent import antecedent_factor, antecedent_notes, module_antecedent
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.run import ColumnRun
from jules_ml.column.setup import experiment_column
from jules_ml.experiment import Experiment
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.respiration import respiration_one_pool

#: Output that is the state before each step.
STATE: Final = ("sthu", "sthf", "t_soil")


def with_module_respiration(run: ColumnRun, experiment: Experiment) -> ColumnRun:
    """Replace the respiration of a run by that of a module, as if the column had run with it.

    Parameters
    ----------
    run : ColumnRun
        Run with output at every time step, which includes ``sthu``, ``sthf`` and ``t_soil``.
    experiment : Experiment
        Experiment of the run, with ``[modules] respiration``.

    Returns
    -------
    ColumnRun
        With ``fsth``, ``ftemp`` and ``resp_s_gb`` of the module, at its rate; other output, budgets and times are those of the first run.

    Raises
    ------
    BadInput
        If the folder has no learned respiration, or f depends on a moisture variable that the column does not have.
    ValueError
        If the output consists of means over several steps, or lacks the state.
    """
    section = experiment.required(experiment.run, "run")
    missing = [name for name in STATE if name not in run.output]
    folder = experiment.modules.respiration
    if section.mean_over != 1 or missing or folder is None:
        raise ValueError("this needs a module, and a run with sthu, sthf and t_soil at every time step")
    with_rate, notes = with_learned_rate(experiment, record=run.record)
    with_soil, _ = with_learned_soil(with_rate, record=run.record)
    column, _ = experiment_column(
        with_soil, timestep=section.timestep, dtype=run.start.smcl.dtype, factors=learned_factors(folder)
    )
    start = run.start
    saturated = RHO_WATER * column.dzsoil * column.soil.sm_sat
    first = {"sthu": start.smcl / saturated - start.sthf, "sthf": start.sthf, "t_soil": start.t_soil}
    with torch.no_grad():
        sthu, sthf, t_soil = (_before(first[name], run, name) for name in STATE)
        f = column.factors(sthu, sthf, t_soil, column.soil)
        antecedent = module_antecedent(folder)
        t_air = torch.as_tensor(run.weather.series["t_air"].to_numpy())
        h = antecedent_factor(antecedent, wetness=sthu[0], t_soil=t_soil[0], t_air=t_air, timestep=section.timestep)
        f = f._replace(fsth=torch.cat([f.fsth[:1] * h.to(f.fsth.dtype), f.fsth[1:]]))
        carbon = respiration_one_pool(torch.as_tensor(column.cs), f.fsth[0], f.ftemp[0], kaps=column.kaps)
    output = run.output.copy()
    for name, values in {"fsth": f.fsth, "ftemp": f.ftemp, "resp_s_gb": carbon}.items():
        if name in output:
            output[name] = output[name].copy(data=values.numpy().T)
    output.attrs["modules"] = "; ".join(
        f"{name} {each.name}" for name, each in experiment.modules.folders().items() if each
    )
    return replace(run, experiment=with_rate, output=output, notes=(*notes, *antecedent_notes(antecedent), *run.notes))


def _before(start: Tensor, run: ColumnRun, name: str) -> Tensor:
    """State at the start of each step, shape (layer, step): that after spin-up, then the output of the step before."""
    after = torch.as_tensor(run.output[name].to_numpy().T, dtype=start.dtype)
    return torch.cat([start, after[:, :-1]], dim=1)
