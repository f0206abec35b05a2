"""Factors of antecedent drivers in the column, calculated from the states of a finished run.

Respiration of the one-pool column does not act on water and heat, so that its history can be evaluated afterwards. The drivers are those
of JULES's hooks, in the first layer. Their means start with the run, after spin-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jules_ml.learned.respiration.antecedent import MEANS, AntecedentDriver
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, antecedent_tables
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import Integration

Antecedent = Mapping[AntecedentDriver, CurveTable]


def module_antecedent(folder: Path | None) -> Antecedent:
    """Read the factors of antecedent drivers of a module folder; empty if it has none, or without a folder."""
    return {} if folder is None else antecedent_tables(load_respiration(folder)[0])


def omitted_drivers(folder: Path | None) -> list[str]:
    """Return a warning for a use of a module that leaves out its factors of antecedent drivers; empty if it has none."""
    drivers = module_antecedent(folder)
    if folder is None or not drivers:
        return []
    return [
        f"warning: the factors of antecedent drivers of {folder.name} ({', '.join(drivers)}) are left out here, where the history of the "
        "soil is not kept: f and g are used alone. 'jules-ml run' and the hooks in JULES use them"
    ]


def antecedent_factor(
    antecedent: Antecedent, *, wetness: Tensor, t_soil: Tensor, t_air: Tensor, timestep: float
) -> Tensor:
    """Evaluate the factor of antecedent drivers.

    Parameters
    ----------
    antecedent : mapping of str to CurveTable
        Factor h of each driver.
    wetness, t_soil : Tensor, shape (step,)
        Liquid water as a fraction of saturation [1], and temperature [K], of the layer that respires, before each step.
    t_air : Tensor, shape (step,)
        Air temperature of each step [K].
    timestep : float
        Length of a step [s].

    Returns
    -------
    Tensor of float64, shape (step,)
        Product of the factors [1]. In the first step wetness and temperature do not depart from their means.
    """
    factor = torch.ones(len(wetness), dtype=torch.float64)
    for name, curve in antecedent.items():
        if name == "air_temperature":
            x = t_air.double() - t_soil.double()
        else:
            x = _departure(wetness if name.startswith("wetness") else t_soil, timestep / MEANS[name][1].total_seconds())
        factor = factor * curve(x)
    return factor


def _departure(x: Tensor, steps: float) -> Tensor:
    """Departure from the exponential mean of the steps before; ``steps`` is the length of a step in time scales."""
    from scipy.signal import lfilter  # half of the time that a run takes to start, and few runs need it

    values = x.double().numpy()
    fraction = -np.expm1(-steps)
    after, _ = lfilter([fraction], [1.0, fraction - 1.0], values, zi=[(1.0 - fraction) * values[0]])
    return torch.from_numpy(values - np.concatenate([values[:1], after[:-1]]))


def with_antecedent(
    integration: Integration,
    antecedent: Antecedent,
    *,
    column: SoilColumn,
    start: ColumnState,
    t_air: Tensor,
    mean_over: int,
) -> Integration:
    """Multiply f of the first layer, and the flux, by the factor of antecedent drivers; then take means over periods of output.

    Parameters
    ----------
    integration : Integration
        Of one column, with outputs at every step, which include ``sthu`` and ``t_soil``.
    antecedent : mapping of str to CurveTable
        Factor h of each driver.
    column : SoilColumn
        The column.
    start : ColumnState
        State at the start.
    t_air : Tensor, shape (step, 1)
        Air temperature [K].
    mean_over : int
        Steps of one period of output.

    Returns
    -------
    Integration
        With outputs of shape (period, ...).
    """
    outputs = dict(integration.outputs)
    saturated = RHO_WATER * column.dzsoil[0] * column.soil.sm_sat[0]
    first = {"sthu": start.smcl[0] / saturated - start.sthf[0], "t_soil": start.t_soil[0]}
    before = {name: torch.cat([first[name].flatten()[:1], outputs[name][:-1, 0, 0]]) for name in first}
    factor = antecedent_factor(
        antecedent,
        wetness=before["sthu"],
        t_soil=before["t_soil"],
        t_air=t_air.flatten(),
        timestep=column.timestep,
    ).to(outputs["fsth"].dtype)
    outputs["fsth"] = torch.cat([outputs["fsth"][:, :1] * factor[:, None, None], outputs["fsth"][:, 1:]], dim=1)
    outputs["resp_s_gb"] = outputs["resp_s_gb"] * factor[:, None]
    means = {name: x.unflatten(0, (-1, mean_over)).mean(1) for name, x in outputs.items()}
    return integration._replace(outputs=means)


def antecedent_notes(antecedent: Antecedent) -> list[str]:
    """Return a note about the factors in a run of the column; empty without drivers."""
    if not antecedent:
        return []
    return [
        f"f is multiplied by factors of the antecedent drivers {', '.join(antecedent)}, whose means start with the run, after spin-up"
    ]
