"""Photosynthesis, fitted together with respiration to day-time and night-time NEE."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.data.humidity import with_vpd
from jules_ml.data.record import place
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.factors import Curve, Factor, GroupFactor, Surface
from jules_ml.learned.respiration.network import MOISTURE_NODES
from jules_ml.learned.respiration.nights import estimated_ustar, least_ustar, measured_nee, night_rows
from jules_ml.learned.respiration.nodes import (
    Placement,
    covered_nodes,
    place_in_groups,
    place_on_circle,
    place_on_line,
    scaled_nodes,
)
from jules_ml.learned.respiration.photosynthesis import (
    AIR_NODES,
    DRIVERS,
    ROOT_LIGHT_NODES,
    SEASON_NODES,
    VPD_NODES,
    LearnedAssimilation,
    LightCurve,
    Weather,
)
from jules_ml.learned.respiration.products import Product, Term
from jules_ml.learned.respiration.site import Rows, moisture_of, usable_rows
from jules_ml.physics.constants import DAYS_PER_YEAR

#: Photosynthetically active photons per joule of shortwave radiation [umol J-1]: about half of the energy is visible, at 4.57 umol J-1.
PHOTONS_PER_JOULE = 2.1
#: Penalty weights of roughness and departure: photosynthesis is only needed to separate respiration from NEE.
_ROUGH, _SIZE = 1e-3, 0.01


@dataclass(frozen=True, eq=False)
class Exchange:
    """Rows of day-time and night-time NEE, with the weather of each row."""

    rows: Rows
    weather: Weather


def select_exchange(ds: xr.Dataset, settings: RespirationSettings) -> Exchange:
    """Select the rows of NEE, day and night, that photosynthesis is fitted to.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of a tower, with ``ppfd`` or ``sw_down``, ``t_air``, and ``vpd`` or ``relative_humidity``.
    settings : RespirationSettings
        Rules for the rows. The threshold of friction velocity is applied at night only, and limits of the flux are not applied.

    Returns
    -------
    Exchange

    Raises
    ------
    BadInput
        If a driver is missing, or too few rows remain.
    """
    light = _first(ds, {"ppfd": 1.0, "sw_down": PHOTONS_PER_JOULE})
    t_air = _first(ds, {"t_air": 1.0})
    vpd = _first(with_vpd(ds), {"vpd": 1.0})  # from relative humidity where the record has no vpd
    drivers = xr.Dataset({"light": light, "t_air": t_air, "vpd": vpd})
    complete = np.logical_and.reduce([drivers[name].notnull() for name in drivers])
    dark = night_rows(ds, settings.rows).to_numpy()
    valid = measured_nee(ds, settings.rows)
    rules = settings.rows.model_copy(update={"least_flux": None, "most_flux": None, "nee_is_measured": True})
    ustar_min = least_ustar(settings.rows, estimated_ustar(ds, settings.rows))
    if ustar_min is not None and "ustar" in ds:
        calm_night = dark & ~(ds["ustar"] >= ustar_min).to_numpy()
        valid = valid & ~xr.DataArray(calm_night, dims="time", coords={"time": ds["time"]})
    valid_nee = ds["nee"].where(valid & xr.DataArray(complete, dims="time", coords={"time": ds["time"]}))
    selected = ds.assign(nee=valid_nee)
    selected = selected.drop_vars([name for name in ("nee_ustar", "nee_qc") if name in selected])
    rows = usable_rows(selected, settings.model_copy(update={"rows": rules}), all_hours=True)
    row_drivers = drivers.sel(time=rows.time)
    weather = Weather(
        light=torch.tensor(row_drivers["light"].to_numpy()),
        vpd=torch.tensor(row_drivers["vpd"].to_numpy()),
        t_air=torch.tensor(row_drivers["t_air"].to_numpy()),
        day=torch.tensor((rows.middle.day_of_year - 1.0 + rows.middle.hour / 24.0).to_numpy()),
        moisture=torch.tensor(moisture_of(rows, settings)),
    )
    return Exchange(rows, weather)


def take_exchange(exchange: Exchange, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Exchange:
    """Select rows by index or mask, with their weather."""
    index = torch.from_numpy(np.asarray(chosen))
    weather = {name: getattr(exchange.weather, name)[index] for name in ("light", "vpd", "t_air", "day", "moisture")}
    return replace(exchange, rows=exchange.rows.take(chosen), weather=Weather(**weather))


def assimilation_terms(
    exchange: Exchange, members: int, settings: RespirationSettings
) -> tuple[dict[str, Term], Product]:
    """Build the terms of photosynthesis and their product, which is subtracted from respiration."""
    generator = torch.Generator().manual_seed(settings.seed + 1)
    weather = exchange.weather
    group = place_in_groups(torch.from_numpy(exchange.rows.group))
    terms = {"capacity": Term([GroupFactor(len(exchange.rows.groups), 4.0) for _ in range(members)], group)}
    for name, (x, table_nodes) in _lines(weather).items():
        values = x.numpy()
        nodes, _ = covered_nodes(table_nodes, (float(values.min()), float(values.max())))
        place = place_on_line(x, nodes)
        scaled = scaled_nodes(nodes, nodes, values[weather.lit().numpy() > 0.0])
        curves = [Curve(scaled, settings.hidden, generator) for _ in range(members)]
        factors: list[Factor] = [LightCurve(nodes, curve) for curve in curves] if name == "light" else list(curves)
        terms[name] = Term(factors, place, _penalty(penalties.roughness(scaled), place, len(nodes), members))
    angle = torch.arange(SEASON_NODES, dtype=torch.float64) * (2.0 * torch.pi / SEASON_NODES)
    circle = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    season_place = place_on_circle(weather.day / DAYS_PER_YEAR, SEASON_NODES)
    season = [Surface(circle, settings.hidden, generator) for _ in range(members)]
    rough = penalties.circular_roughness(SEASON_NODES)
    terms["season"] = Term(season, season_place, _penalty(rough, season_place, SEASON_NODES, members))
    return terms, Product(("capacity", *DRIVERS), sign=-1.0, mask=weather.lit())


def assimilation_of(
    log_factor: dict[str, Tensor], weather: Weather, group_scale: NDArray[np.float64]
) -> LearnedAssimilation:
    """Build the photosynthesis module from fitted terms; each factor is constant outside the range of the training weather.

    Parameters
    ----------
    log_factor : dict of str to Tensor
        Fitted logarithms at the nodes that cover the weather.
    weather : Weather
        Weather of the training rows.
    group_scale : array, shape (group,)
        Scale by which the fluxes were divided for the fit [umol m-2 s-1].
    """
    capacity = log_factor["capacity"] + torch.from_numpy(np.log(group_scale))
    tables = {"season": log_factor["season"]}
    for name, (x, table_nodes) in _lines(weather).items():
        _, first = covered_nodes(table_nodes, (float(x.min()), float(x.max())))
        log = log_factor[name]
        index = torch.clamp(torch.arange(len(table_nodes)) - first, 0, log.shape[1] - 1)
        tables[name] = log[:, index]
    return LearnedAssimilation(capacity, tables)


def _lines(weather: Weather) -> dict[str, tuple[Tensor, Tensor]]:
    """Drivers that are not periodic, each with the nodes of its table."""
    return {
        "light": (torch.sqrt(torch.clamp(weather.light, min=0.0)), ROOT_LIGHT_NODES),
        "vpd": (weather.vpd, VPD_NODES),
        "air": (weather.t_air, AIR_NODES),
        "water": (weather.moisture, MOISTURE_NODES),
    }


def _penalty(rough: Tensor, placement: Placement, nodes: int, members: int) -> Tensor:
    """Quadratic penalty of every member, shape (member, node, node)."""
    return (_ROUGH * rough + _SIZE * penalties.size(placement, nodes)).expand(members, -1, -1)


def _first(ds: xr.Dataset, choices: dict[str, float]) -> xr.DataArray:
    """First of several variables that the record contains, multiplied by its factor."""
    for name, factor in choices.items():
        if name in ds and bool(ds[name].notnull().any()):
            return factor * ds[name]
    raise BadInput(
        f"{' or '.join(choices)} is required to fit photosynthesis, and is missing",
        where=place(ds),
        remedy="name its column in [data], or set assimilation = false",
    )
