"""Learned soil moisture under repeated weather, towards which the closed loop nudges the column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.closed_loop.moisture_analysis import DRIEST, WetnessOfCarbon
from jules_ml.data.daily import calendar_days, daily_weather
from jules_ml.errors import BadInput
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.record import DYNAMIC, LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.store import load_moisture, site_at
from jules_ml.physics.surface import Forcing

_Array = NDArray[np.float64]

#: Largest difference between the middles of a layer of the column and of the module [m].
_SAME_DEPTH: Final = 0.02
#: Date of the first day, which no input depends on.
_START: Final = pd.Timestamp("2000-01-01")


class Place(NamedTuple):
    """Site of the column: name, position [degree], and static properties by the names of ``[place]``."""

    site: str
    latitude: float
    longitude: float
    static: Mapping[str, float]


class LearnedWetness(NamedTuple):
    """``wetness`` for :class:`~jules_ml.column.closed_loop.moisture_analysis.FollowedMoisture`, and a note for the user."""

    wetness: WetnessOfCarbon
    note: str


def learned_wetness(
    folder: str | Path,
    place: Place,
    forcing: Forcing,
    *,
    timestep: float,
    dzsoil: Tensor,
    sm_sat: Tensor,
    theta_r: Tensor,
    cs: Tensor,
    levels: Sequence[int],
) -> LearnedWetness:
    """Read a module of soil moisture and predict the wetness on each day of a pass.

    The weather before the pass is the pass itself, repeated over the context of the network. The module gets no JULES run as a first guess,
    because the nudged column is not a free run. If the module was trained with soil carbon (``soc_stock``), this input follows the carbon
    of the column.

    Parameters
    ----------
    folder : str or Path
        Module folder of ``jules-ml fit moisture``.
    place : Place
        Site of the column.
    forcing : Forcing
        Weather of one pass of whole days, shape (step, 1) each.
    timestep : float
        Length of a step [s].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    sm_sat, theta_r : Tensor, shape (layer, 1)
        Water content at saturation and residual water of the soil at the start [m3 m-3].
    cs : Tensor, shape (column,)
        Carbon at the start [kg m-2].
    levels : sequence of int
        Soil levels that are nudged, from 1 at the top.

    Returns
    -------
    LearnedWetness

    Raises
    ------
    BadInput
        If the folder has no such module, its layers differ from those of the column, or the mean offset of the site cannot be predicted.
    """
    ensemble, card = load_moisture(folder)
    _refuse_layers(dzsoil, levels, Path(folder))
    trained = place.site if place.site in card["sites"] else site_at(card, place.latitude, place.longitude)
    record, days = _repeated_record(
        trained, card, place, forcing, timestep=timestep, context=ensemble.members[0].context
    )
    uses_carbon = "soc_stock" in ensemble.static and "soc_stock" in record.static
    at_start = _wetness(ensemble, record, days, sm_sat, theta_r, levels)

    def wetness(now: Tensor) -> Tensor:
        if not uses_carbon:
            return at_start[..., None].expand(-1, -1, len(now))
        columns = []
        for ratio in (now / cs).tolist():
            soc = {"soc_stock": ratio * record.static["soc_stock"]}
            changed = replace(record, static={**record.static, **soc})
            columns.append(_wetness(ensemble, changed, days, sm_sat, theta_r, levels))
        return torch.stack(columns, dim=-1)

    level = "a site of the module" if trained else "no site of the module: its mean offset is predicted"
    follows = "its input soc_stock follows carbon" if uses_carbon else "carbon acts through porosity alone"
    note = f"the soil is nudged towards learned moisture of {Path(folder).name} ({level}; {follows})"
    return LearnedWetness(wetness, note)


def _refuse_layers(dzsoil: Tensor, levels: Sequence[int], folder: Path) -> None:
    """Refuse layers that differ from those of the module, and levels that do not exist."""
    middle = (dzsoil.cumsum(0) - 0.5 * dzsoil).flatten().tolist()
    same = len(middle) == len(LAYER_DEPTHS) and np.allclose(middle, LAYER_DEPTHS, rtol=0.0, atol=_SAME_DEPTH)
    if not same:
        raise BadInput(
            f"the layers of learned moisture have their middles at {', '.join(f'{d:g}' for d in LAYER_DEPTHS)} m, those of the column at "
            f"{', '.join(f'{d:g}' for d in middle)}",
            where=folder,
            remedy="give soil.dzsoil = [0.1, 0.25, 0.65, 2.0]",
        )
    wrong = [level for level in levels if not 1 <= level <= len(LAYER_DEPTHS)]
    if wrong:
        raise BadInput(
            f"the soil has no level {wrong[0]}",
            where="closed_loop.moisture_levels",
            remedy=f"choose among 1 to {len(LAYER_DEPTHS)}, from the top",
        )


def _repeated_record(
    trained: str | None,
    card: Mapping[str, Any],
    place: Place,
    forcing: Forcing,
    *,
    timestep: float,
    context: int,
) -> tuple[MoistureRecord, int]:
    """Record of one pass, repeated to cover the context of the network, and the number of days of the pass."""
    one_pass = daily_forcing(forcing, timestep)
    days = len(one_pass["t_air"])
    rounds = math.ceil(context / days) + 1
    of_site = card["sites"].get(trained, {})
    # a place that is no site of the module gets one sensor without measurements
    depth = np.asarray(of_site.get("depths", LAYER_DEPTHS[:1]), dtype=np.float64)
    static = {name: value for name, value in of_site.get("static", {}).items() if value is not None}
    record = MoistureRecord(
        site=place.site if trained is None else trained,
        days=pd.date_range(_START, periods=rounds * days, freq="D"),
        dynamic={name: np.tile(values, rounds) for name, values in one_pass.items()},
        jules=np.full((rounds * days, len(LAYER_DEPTHS)), np.nan),
        static={**static, **place.static},
        theta=np.full((rounds * days, len(depth)), np.nan),
        usable=np.zeros((rounds * days, len(depth)), dtype=bool),
        depth=depth,
        names=tuple(of_site.get("sensors", ("theta_1",))),
        latitude=place.latitude,
        longitude=place.longitude,
    )
    return record, days


def daily_forcing(forcing: Forcing, timestep: float) -> dict[str, _Array]:
    """Daily weather of one pass, computed as for a site's record.

    Parameters
    ----------
    forcing : Forcing
        Weather of whole days, shape (step, 1) each.
    timestep : float
        [s].

    Returns
    -------
    dict of str to array, shape (day,)
        By the names and in the units of :data:`~jules_ml.learned.moisture.record.DYNAMIC`.
    """
    step = pd.Timedelta(seconds=timestep)
    # the date does not matter: days are numbered from the start of the pass
    time = pd.date_range(_START + step, periods=len(forcing.t_air), freq=step)
    steps = xr.Dataset(
        {name: ("time", values[:, 0].double().numpy()) for name, values in forcing._asdict().items()},
        coords={"time": time},
        attrs={"interval_seconds": timestep},
    )
    return daily_weather(steps, DYNAMIC, calendar_days(steps))


def _wetness(
    ensemble: MoistureEnsemble,
    record: MoistureRecord,
    days: int,
    sm_sat: Tensor,
    theta_r: Tensor,
    levels: Sequence[int],
) -> Tensor:
    """Wetness of each day, shape (day, layer); NaN in layers that are not nudged."""
    theta = torch.tensor(ensemble.layers(record)[-days:], dtype=sm_sat.dtype)
    wetness = ((theta - theta_r.flatten()) / sm_sat.flatten()).clamp(DRIEST, 1.0)
    follows = torch.tensor([k + 1 in levels for k in range(wetness.shape[1])])
    return torch.where(follows, wetness, torch.nan)
