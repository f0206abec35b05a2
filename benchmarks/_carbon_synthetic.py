"""Synthetic sites for learned soil carbon: columns under real weather, with hydraulics that follow carbon, or do not.

Carbon is drawn independently of climate and texture, so that only the dynamics of the soil contain it. It raises porosity through bulk
density, and all of van Genuchten's parameters through HYPRES.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _neon_daily import neon_sites
from numpy.typing import NDArray

from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.learned.carbon.table import CarbonSite, climate_of
from jules_ml.learned.hydraulics.soil import LearnedSoil
from jules_ml.physics.column import SoilColumn, SoilProperties
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import integrate
from jules_ml.physics.pedotransfer import ORGANIC_MATTER_PER_CARBON, soil_of_texture, van_genuchten_hypres
from jules_ml.physics.surface import Forcing
from jules_ml.physics.tiles import BARE_SOIL, C3_GRASS, surface_properties

#: Layers [m], and their carbon as a fraction of the topsoil's.
_DZSOIL, _CARBON_PROFILE = (0.1, 0.25, 0.65, 2.0), (1.0, 0.8, 0.3, 0.15)
#: Carbon used for soils whose hydraulics do not depend on carbon [g kg-1].
_BLIND = 20.0
#: Daily noise and bias of a sensor [m3 m-3]; standard deviation of cores within a site [ln].
_SENSOR_NOISE, _SENSOR_BIAS, _CORES = 0.003, 0.01, 0.15
_SPIN_UP_DAYS = 365


@dataclass(frozen=True, eq=False)
class SyntheticSoils:
    """Drawn values of each site: carbon [g kg-1], texture [1], and the weather with its first year."""

    soc: NDArray[np.float64]
    sand: NDArray[np.float64]
    silt: NDArray[np.float64]
    clay: NDArray[np.float64]
    weather: tuple[tuple[str, int], ...]


def draw_soils(data: Path, n: int, seed: int, *, first_years: int) -> SyntheticSoils:
    """Draw ``n`` sites: carbon from 5 to 100 g kg-1, texture, and the first year of weather, all independently."""
    rng = np.random.default_rng(seed)
    names = list(neon_sites(data / "jules" / "neon_daily.nc").query("days > 1800 and P_mean > 300.0").index)
    texture = rng.dirichlet([12.0, 12.0, 6.0], size=n)
    return SyntheticSoils(
        soc=np.exp(rng.uniform(np.log(5.0), np.log(100.0), n)),
        sand=texture[:, 0],
        silt=texture[:, 1],
        clay=texture[:, 2],
        weather=tuple(
            (str(names[k]), int(year))
            for k, year in zip(rng.integers(len(names), size=n), rng.integers(0, first_years, n), strict=True)
        ),
    )


def bulk_density(soc: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dry bulk density of mineral and organic matter mixed [kg m-3] (Adams 1973: organic matter packs at 244 kg m-3); ``soc`` [g kg-1]."""
    organic = ORGANIC_MATTER_PER_CARBON * soc / 1000.0
    return np.asarray(1.0 / (organic / 244.0 + (1.0 - organic) / 1550.0))


def hypres_soil(soils: SyntheticSoils, soc: NDArray[np.float64]) -> LearnedSoil:
    """Soil of every site and layer by HYPRES, for a carbon content ``soc`` [g kg-1]."""
    by_layer = np.asarray(_CARBON_PROFILE)[:, None] * soc
    dtype = torch.float32
    clay = torch.tensor(soils.clay, dtype=dtype)
    topsoil = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=dtype)[:, None]
    made = van_genuchten_hypres(
        torch.tensor(soils.silt, dtype=dtype),
        clay,
        torch.tensor(bulk_density(by_layer), dtype=dtype),
        torch.tensor(by_layer / 1000.0, dtype=dtype),
        topsoil,
    )
    return LearnedSoil(soil_of_texture(made, clay), made.theta_r)


def synthetic_sites(
    data: Path, *, n: int = 40, years: int = 2, seed: int = 0, compiled: bool | None = None
) -> tuple[list[CarbonSite], list[CarbonSite]]:
    """Run all columns, with and without hydraulics that depend on carbon, in one batch.

    Returns
    -------
    list of CarbonSite
        Sites whose hydraulics depend on carbon.
    list of CarbonSite
        The same sites, weather and carbon, with hydraulics that do not.
    """
    soils = draw_soils(data, n, seed, first_years=5 - years)
    days = years * 365
    weather, starts = zip(
        *(_weather(data, name, year, days + _SPIN_UP_DAYS) for name, year in soils.weather), strict=True
    )
    forcing = Forcing(*(torch.stack(series, dim=1).repeat(1, 2) for series in zip(*weather, strict=True)))
    soil, theta_r = _side_by_side([hypres_soil(soils, soils.soc), hypres_soil(soils, np.full(n, _BLIND))])
    dzsoil = torch.tensor(_DZSOIL)[:, None]
    surface = surface_properties([C3_GRASS, BARE_SOIL], [0.8, 0.2], albsoil=0.17, dzsoil=dzsoil, height=10.0)
    column = SoilColumn(soil, dzsoil, timestep=3600.0, surface=surface)
    wetness = 0.5 * (soil.sm_wilt + soil.sm_crit) / soil.sm_sat
    state = column.initial_state(wetness, forcing.t_air.mean(0).expand_as(wetness))
    run = integrate(column, state, forcing, outputs=("smcl", "sthf", "t_soil"), mean_over=24, compiled=compiled)
    keep = slice(_SPIN_UP_DAYS, None)
    theta = (run.outputs["smcl"] / (RHO_WATER * dzsoil) + theta_r)[keep, 0].double().numpy()
    theta = np.where(run.outputs["sthf"][keep, 0].numpy() > 0.0, np.nan, theta)
    t_soil = run.outputs["t_soil"][keep, 0].double().numpy()
    rng = np.random.default_rng(seed + 1)
    noise = _SENSOR_NOISE * rng.standard_normal((days, n)) + _SENSOR_BIAS * rng.standard_normal(n)
    cored = soils.soc * np.exp(_CORES * rng.standard_normal(n))
    made: tuple[list[CarbonSite], list[CarbonSite]] = ([], [])
    for k in range(2 * n):
        site = k % n
        precip, t_air = ((x[keep, k].double().numpy()) for x in _daily(forcing))
        index = pd.date_range(starts[site] + pd.Timedelta(days=_SPIN_UP_DAYS), periods=days, freq="D")
        made[k // n].append(
            CarbonSite(
                name=f"S{site:02d}",
                days=index,
                theta=theta[:, k] + noise[:, site],
                precip=precip,
                t_air=t_air,
                t_soil=t_soil[:, k],
                static=climate_of(precip, t_air),
                soc=0.001 * float(cored[site]),
                soc_spread=_CORES,
                region=soils.weather[site][0],
            )
        )
    return made


def _side_by_side(soils: list[LearnedSoil]) -> tuple[SoilProperties, torch.Tensor]:
    rows = zip(*(torch.broadcast_tensors(*s.properties, s.theta_r) for s in soils), strict=True)
    *properties, theta_r = (torch.cat(each, dim=1) for each in rows)
    return SoilProperties(*properties), theta_r


def _weather(data: Path, name: str, year: int, days: int) -> tuple[Forcing, pd.Timestamp]:
    row = neon_sites(data / "jules" / "neon_daily.nc").loc[name]
    offset = float(row["utc_offset_hours"])
    ds = read_neon_driving(data / "jules" / "neon_hourly_driving.nc", name, utc_offset_hours=offset)
    first = 365 * 24 * year
    ds = ds.isel(time=slice(first, first + 24 * days))
    start = (pd.Timestamp(ds["time"].to_numpy()[0]) + pd.Timedelta(hours=offset - 1.0)).normalize()
    return Forcing(*(torch.tensor(ds[v].to_numpy(), dtype=torch.float32) for v in Forcing._fields)), start


def _daily(forcing: Forcing) -> tuple[torch.Tensor, torch.Tensor]:
    """Daily precipitation [kg m-2 d-1] and mean air temperature [K], shape (day, column)."""
    rain = forcing.tot_rain + forcing.tot_snow
    return 86400.0 * rain.unflatten(0, (-1, 24)).mean(1), forcing.t_air.unflatten(0, (-1, 24)).mean(1)
