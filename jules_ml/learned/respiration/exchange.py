"""Photosynthesis, learned along with respiration from NEE of day and night."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.data.humidity import saturation_vapour_pressure
from jules_ml.data.record import place
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.factors import Curve, Factor, Level, Surface
from jules_ml.learned.respiration.network import MOISTURE_NODES
from jules_ml.learned.respiration.nights import estimated_ustar, least_ustar, measured_nee, night_rows
from jules_ml.learned.respiration.nodes import (
    Placement,
    place_in_groups,
    place_on_circle,
    place_on_line,
    scaled_nodes,
    spanned_nodes,
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

#: Photons in a joule of sunlight [umol J-1]: half of the energy is in the visible, at 4.57 umol J-1.
PHOTONS_PER_JOULE = 2.1
#: Weights of roughness and departure: photosynthesis is there to be taken off, not to be believed.
_ROUGH, _SIZE = 1e-3, 0.01


@dataclass(frozen=True, eq=False)
class Exchange:
    """Rows of NEE of day and night, and the weather at them."""

    rows: Rows
    weather: Weather


def select_exchange(ds: xr.Dataset, settings: RespirationSettings) -> Exchange:
    """Choose the rows of NEE, day and night, that photosynthesis can be learned from.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of a tower, with ``ppfd`` or ``sw_down``, ``t_air``, and ``vpd`` or ``relative_humidity``.
    settings : RespirationSettings
        Whose rules are followed; the threshold of friction velocity at night only, and no limits to the flux.

    Returns
    -------
    Exchange

    Raises
    ------
    BadInput
        If a driver is missing, or too few rows are left.
    """
    light = _first(ds, {"ppfd": 1.0, "sw_down": PHOTONS_PER_JOULE})
    t_air = _first(ds, {"t_air": 1.0})
    vpd = ds["vpd"] if "vpd" in ds else _vpd(ds)
    drivers = xr.Dataset({"light": light, "t_air": t_air, "vpd": vpd})
    here = np.logical_and.reduce([drivers[name].notnull() for name in drivers])
    dark = night_rows(ds, settings.rows).to_numpy()
    seen = measured_nee(ds, settings.rows)
    rules = settings.rows.model_copy(update={"least_flux": None, "most_flux": None, "nee_is_measured": True})
    ustar_min = least_ustar(settings.rows, estimated_ustar(ds, settings.rows))
    if ustar_min is not None and "ustar" in ds:
        calm_night = dark & ~(ds["ustar"] >= ustar_min).to_numpy()
        seen = seen & ~xr.DataArray(calm_night, dims="time", coords={"time": ds["time"]})
    every = ds.assign(nee=ds["nee"].where(seen & xr.DataArray(here, dims="time", coords={"time": ds["time"]})))
    every = every.drop_vars([name for name in ("nee_ustar", "nee_qc") if name in every])
    rows = usable_rows(every, settings.model_copy(update={"rows": rules}), all_hours=True)
    at = drivers.sel(time=rows.time)
    weather = Weather(
        light=torch.tensor(at["light"].to_numpy()),
        vpd=torch.tensor(at["vpd"].to_numpy()),
        t_air=torch.tensor(at["t_air"].to_numpy()),
        day=torch.tensor((rows.middle.day_of_year - 1.0 + rows.middle.hour / 24.0).to_numpy()),
        moisture=torch.tensor(moisture_of(rows, settings)),
    )
    return Exchange(rows, weather)


def take_exchange(exchange: Exchange, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Exchange:
    """Some of the rows, with their weather."""
    index = torch.from_numpy(np.asarray(chosen))
    of = {name: getattr(exchange.weather, name)[index] for name in ("light", "vpd", "t_air", "day", "moisture")}
    return replace(exchange, rows=exchange.rows.take(chosen), weather=Weather(**of))


def assimilation_terms(
    exchange: Exchange, members: int, settings: RespirationSettings
) -> tuple[dict[str, Term], Product]:
    """Terms of photosynthesis, and the product that they make, which is taken off respiration."""
    generator = torch.Generator().manual_seed(settings.seed + 1)
    weather = exchange.weather
    group = place_in_groups(torch.from_numpy(exchange.rows.group))
    terms = {"capacity": Term([Level(len(exchange.rows.groups), 4.0) for _ in range(members)], group)}
    for name, (x, every) in _lines(weather).items():
        values = x.numpy()
        nodes, _ = spanned_nodes(every, (float(values.min()), float(values.max())))
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
    """The module that fitted terms make: constant beyond the weather seen.

    Parameters
    ----------
    log_factor : dict of str to Tensor
        Fitted logarithms at the nodes that the weather spans.
    weather : Weather
        That was learned from.
    group_scale : array, shape (group,)
        Unit that fluxes were fitted in [umol m-2 s-1].
    """
    capacity = log_factor["capacity"] + torch.from_numpy(np.log(group_scale))
    tables = {"season": log_factor["season"]}
    for name, (x, every) in _lines(weather).items():
        _, first = spanned_nodes(every, (float(x.min()), float(x.max())))
        log = log_factor[name]
        at = torch.clamp(torch.arange(len(every)) - first, 0, log.shape[1] - 1)
        tables[name] = log[:, at]
    return LearnedAssimilation(capacity, tables)


def _lines(weather: Weather) -> dict[str, tuple[Tensor, Tensor]]:
    """Drivers that lie on a line, with the nodes of their tables."""
    return {
        "light": (torch.sqrt(torch.clamp(weather.light, min=0.0)), ROOT_LIGHT_NODES),
        "vpd": (weather.vpd, VPD_NODES),
        "air": (weather.t_air, AIR_NODES),
        "water": (weather.moisture, MOISTURE_NODES),
    }


def _penalty(rough: Tensor, placement: Placement, nodes: int, members: int) -> Tensor:
    return (_ROUGH * rough + _SIZE * penalties.size(placement, nodes)).expand(members, -1, -1)


def _first(ds: xr.Dataset, choices: dict[str, float]) -> xr.DataArray:
    for name, factor in choices.items():
        if name in ds and bool(ds[name].notnull().any()):
            return factor * ds[name]
    raise BadInput(
        f"{' and '.join(choices)} {'is' if len(choices) == 1 else 'are'} missing, which photosynthesis is learned from",
        where=place(ds),
        remedy="name its column when the file is read, or set assimilation = false",
    )


def _vpd(ds: xr.Dataset) -> xr.DataArray:
    """Vapour pressure deficit from relative humidity [Pa]."""
    humidity = _first(ds, {"relative_humidity": 1.0})
    saturated = xr.DataArray(
        saturation_vapour_pressure(ds["t_air"].to_numpy()), dims="time", coords={"time": ds["time"]}
    )
    return (saturated * (1.0 - humidity)).clip(min=0.0)
