"""Sites of the benchmark of learned hydraulics: NEON towers and USCRN stations as columns, and their texture baselines.

NEON: hourly weather disaggregated from the days of the towers, tiles and leaf area of the JULES runs there. USCRN: daily weather of 2020
disaggregated to hours, with fixed wind (2 m s-1), longwave from clear sky and cloud cover, pressure of the standard atmosphere at 500 m,
and grass as cover, or shrub where annual precipitation is below 300 mm.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _neon_daily import neon_sites, read_neon_daily
from numpy.typing import NDArray
from rosetta import rosetta

from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.data.readers.uscrn import read_uscrn, uscrn_stations
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite
from jules_ml.learned.hydraulics.inputs import climate_inputs
from jules_ml.learned.hydraulics.soil import LearnedSoil
from jules_ml.physics import tiles
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, SUCTION_CRIT, SUCTION_WILT, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.pedotransfer import clapp_hornberger_cosby
from jules_ml.physics.surface import Forcing
from jules_ml.physics.thermal import dry_conductivity, dry_heat_capacity
from jules_ml.weather import site_weather

#: NEON sites whose rain or soil moisture is in doubt.
DOUBTFUL = ("OAES", "NOGP", "YELL", "SRER", "UKFS")
#: Nominal depth of the sensors' JULES layer by index: index 1, 2-3, 4-6, 7-8 [m].
_LAYER_MIDDLE = (0.05, 0.225, 0.225, 0.675, 0.675, 0.675, 2.0, 2.0)
#: Carbon of the subsoil as a fraction of the topsoil.
_SUBSOIL_CARBON = 0.25
_TILES = (tiles.BROADLEAF_TREE, tiles.NEEDLELEAF_TREE, tiles.C3_GRASS, tiles.C4_GRASS, tiles.SHRUB, tiles.BARE_SOIL)
#: Elevation assumed where it is unknown [m].
USCRN_ELEVATION = 500.0


def scored_sensors(
    theta: NDArray[np.floating], valid: NDArray[np.bool_], *, least: int, least_half: int
) -> list[tuple[int, int]]:
    """Sensors for scoring, from the top: their index and the first day of the second half.

    Halves are separated at the calendar midpoint between the first and last valid day, or at the median valid day where one half
    would have too few.
    """
    found = []
    for index in range(theta.shape[1]):
        days = np.flatnonzero(valid & np.isfinite(theta[:, index]))
        if len(days) < least:
            continue
        middle = (days[0] + days[-1] + 1) // 2
        if min((days < middle).sum(), (days >= middle).sum()) < least_half:
            middle = int(np.median(days))
        low, high = np.quantile(theta[days, index], [0.01, 0.99])
        if min((days < middle).sum(), (days >= middle).sum()) >= least_half and high - low >= 0.02:
            found.append((index, int(middle)))
    return found


def neon(data: Path) -> tuple[list[HydraulicSite], pd.DataFrame]:
    """NEON towers, each one's scored sensor first, and a table of ``sand silt clay bd`` [%, g cm-3], offset [h] and ``half`` [day]."""
    daily_file, driving_file = data / "jules" / "neon_daily.nc", data / "jules" / "neon_hourly_driving.nc"
    table = neon_sites(daily_file)
    daily = read_neon_daily(daily_file)
    sites, halves = [], {}
    for name, row in table.iterrows():
        place = {key: float(row[key]) for key in ("latitude", "longitude", "elevation", "utc_offset_hours")}
        weather = read_neon_driving(driving_file, str(name), **place)
        weather = weather.isel(time=slice(weather.sizes["time"] // 24 * 24))
        local = pd.DatetimeIndex(weather["time"].to_numpy()) + pd.Timedelta(hours=place["utc_offset_hours"])
        days = (local[::24] - pd.Timedelta(hours=1)).normalize()
        here = daily.sel(site=name).reindex(day=days)
        theta = here["observed_theta"].to_numpy().astype(np.float64)
        soil = here["observed_t_soil"].to_numpy()[:, 0]
        soil = np.where(np.isfinite(soil), soil, here["jules_t_soil"].to_numpy()[:, 0])
        valid = (here["obs_tair"].to_numpy() > 2.0) & (soil > 274.15)
        chosen = scored_sensors(theta, valid, least=200, least_half=60)
        if not chosen:
            continue
        halves[name] = chosen[0][1]
        observed = np.where(valid[:, None], theta, np.nan)[:, [index for index, _ in chosen]]
        shares = [float(x) for x in str(row["surface_fracs_BT_NT_C3_C4_SH_soil"]).split()]
        leaves = [float(x) for x in str(row["laimax_BT_NT_C3_C4_SH"]).split()]
        grown = [replace(tile, lai=lai) for tile, lai in zip(_TILES[:5], leaves, strict=True)] + [_TILES[5]]
        forcing = _forcing(weather)
        lst = _lst_of_towers(here)
        carbon = float(row["soc_stock"]) / 0.3
        sites.append(
            HydraulicSite(
                name=str(name),
                forcing=forcing,
                tiles=grown,
                frac=[s / sum(shares) for s in shares],
                observed=observed,
                sensor_depth=np.array([_LAYER_MIDDLE[index] for index, _ in chosen]),
                carbon_density=(carbon, _SUBSOIL_CARBON * carbon),
                inputs=climate_inputs(forcing, lst=lst, timestep=3600.0)
                | {
                    "soc_density": carbon,
                    "bulk_density": 1000.0 * float(row["bd"]),
                    "frac_tree": (shares[0] + shares[1]) / sum(shares),
                    "frac_bare": shares[5] / sum(shares),
                    "sand": 0.01 * float(row["sand"]),
                    "clay": 0.01 * float(row["clay"]),
                },
                albsoil=float(row["soil_albsoil"]),
                start=days[0] - pd.Timedelta(hours=place["utc_offset_hours"]),
            )
        )
    table = table.loc[
        [site.name for site in sites], ["latitude", "longitude", "utc_offset_hours", "sand", "silt", "clay", "bd"]
    ]
    return sites, table.assign(half=pd.Series(halves))


def _forcing(weather: xr.Dataset) -> Forcing:
    return Forcing(*(torch.tensor(weather[name].to_numpy(), dtype=torch.float32) for name in Forcing._fields))


def _lst_of_towers(here: xr.Dataset) -> NDArray[np.floating]:
    """Daily surface temperature from outgoing longwave, where measured [K]."""
    up = np.where(here["obs_lw_out_qc"] >= 0.8, here["obs_lw_out"], np.nan)
    emissivity = 0.98
    return np.asarray(((up - (1.0 - emissivity) * here["obs_lw_in"].to_numpy()) / (emissivity * 5.670374e-8)) ** 0.25)


def uscrn(data: Path) -> tuple[list[HydraulicSite], pd.DataFrame]:
    """USCRN stations with texture and a complete year, the 5-cm sensor first, and a table of ``sand silt clay bd`` [%, g cm-3]."""
    daily, soil = data / "moisture" / "uscrn_2020_daily.parquet", data / "carbon" / "uscrn_station_soil.csv"
    table = uscrn_stations(daily, soil)
    sites = []
    for wban, row in table[table["sand"].notna()].iterrows():
        record = read_uscrn(daily, str(wban)).assign_attrs(elevation=USCRN_ELEVATION)
        theta = record["theta"].transpose("time", "depth").to_numpy()
        t_soil = record["t_soil"].transpose("time", "depth").to_numpy()[:, 0]
        valid = (record["t_air"].to_numpy() > 275.15) & (t_soil > 274.15)
        chosen = [index for index, _ in scored_sensors(theta, valid, least=150, least_half=40)]
        if 0 not in chosen:
            continue
        try:
            weather = site_weather(record, ForcingSection(course_days=30), timestep=3600.0).series
        except BadInput:
            continue  # too many days without weather
        forcing = _forcing(weather)
        arid = float(forcing.tot_rain.mean() + forcing.tot_snow.mean()) * 86400.0 * 365.0 < 300.0
        grass = replace(tiles.C3_GRASS, lai=0.7 if arid else 2.0)
        frac = [0.2, 0.2, 0.6] if arid else [0.8, 0.0, 0.2]
        measured = row[["bulk_density_5cm", "bulk_density_10cm"]].dropna()
        bd = float(measured.mean()) if len(measured) else float("nan")
        sites.append(
            HydraulicSite(
                name=str(wban),
                forcing=forcing,
                tiles=[grass, replace(tiles.SHRUB, lai=0.7), tiles.BARE_SOIL],
                frac=frac,
                observed=np.where(valid[:, None], theta, np.nan)[:, chosen],
                sensor_depth=np.array([0.05, 0.1, 0.2, 0.5, 1.0])[chosen],
                carbon_density=(20.0, 5.0),
                inputs=climate_inputs(forcing, lst=record["lst"].to_numpy(), timestep=3600.0)
                | {
                    "soc_density": float("nan"),
                    "bulk_density": 1000.0 * bd,
                    "frac_tree": 0.0,
                    "frac_bare": frac[2],
                    "sand": 0.01 * float(row["sand"]),
                    "clay": 0.01 * float(row["clay"]),
                },
                albsoil=0.25 if arid else 0.17,
            )
        )
    table = table.loc[[site.name for site in sites]].assign(
        bd=[site.inputs["bulk_density"] / 1000.0 for site in sites], silt=lambda t: 100.0 - t["sand"] - t["clay"]
    )
    return sites, table[["latitude", "longitude", "sand", "silt", "clay", "bd"]]


def cosby_soil(batch: ColumnBatch, table: pd.DataFrame) -> tuple[LearnedSoil, HydraulicForm]:
    """Soil of every site by Cosby et al. (1984), in Clapp and Hornberger's form."""
    sand, clay = (torch.tensor(0.01 * table[name].to_numpy(), dtype=torch.float32) for name in ("sand", "clay"))
    made = clapp_hornberger_cosby(sand, clay)
    return _soil(batch, *made, torch.zeros_like(sand), clay, CLAPP_HORNBERGER), CLAPP_HORNBERGER


def rosetta_soil(batch: ColumnBatch, table: pd.DataFrame) -> tuple[LearnedSoil, HydraulicForm]:
    """Soil of every site by Rosetta 3 from texture and, where known, bulk density, in van Genuchten's form."""
    mean, _ = _rosetta(table, "geo")
    theta_r, theta_s, alpha, n, k_sat = (torch.tensor(mean[:, k], dtype=torch.float32) for k in range(5))
    clay = torch.tensor(0.01 * table["clay"].to_numpy(), dtype=torch.float32)
    # alpha is in cm-1 and conductivity in cm d-1
    soil = _soil(
        batch, 1.0 / (n - 1.0), 0.01 / alpha, k_sat * 10.0 / 86400.0, theta_s - theta_r, theta_r, clay, VAN_GENUCHTEN
    )
    return soil, VAN_GENUCHTEN


def rosetta_draws(batch: ColumnBatch, table: pd.DataFrame, draws: int) -> list[LearnedSoil]:
    """Soils of every site drawn from Rosetta 3's own uncertainty, without correlation between parameters."""
    generator = np.random.default_rng(0)
    rows, spread = _rosetta(table, "log")
    clay = torch.tensor(0.01 * table["clay"].to_numpy(), dtype=torch.float32)
    soils = []
    for _ in range(draws):
        drawn = rows + spread * generator.standard_normal(rows.shape)
        theta_r, theta_s = np.maximum(drawn[:, 0], 0.0), drawn[:, 1]
        alpha, n, k_sat = 10.0 ** drawn[:, 2], np.maximum(10.0 ** drawn[:, 3], 1.05), 10.0 ** drawn[:, 4]
        values = (1.0 / (n - 1.0), 0.01 / alpha, k_sat * 10.0 / 86400.0, np.maximum(theta_s - theta_r, 0.1), theta_r)
        b, sathh, satcon, sm_sat, residual = (torch.tensor(x, dtype=torch.float32) for x in values)
        soils.append(_soil(batch, b, sathh, satcon, sm_sat, residual, clay, VAN_GENUCHTEN))
    return soils


def _rosetta(table: pd.DataFrame, estimate: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of Rosetta 3's first five results at every site."""
    found = []
    for _, row in table.iterrows():
        texture = [float(row[name]) for name in ("sand", "silt", "clay")]
        known = texture if np.isnan(row["bd"]) else [*texture, float(row["bd"])]
        found.append(rosetta(3, [known], estimate_type=estimate)[:2])
    mean, spread = (np.concatenate([each[k] for each in found])[:, :5] for k in (0, 1))
    return mean, spread


def _soil(
    batch: ColumnBatch,
    b: torch.Tensor,
    sathh: torch.Tensor,
    satcon: torch.Tensor,
    sm_sat: torch.Tensor,
    theta_r: torch.Tensor,
    clay: torch.Tensor,
    form: HydraulicForm,
) -> LearnedSoil:
    def layers(x: torch.Tensor) -> torch.Tensor:
        return x.expand(len(batch.dzsoil), -1).clone()

    porosity = sm_sat + theta_r
    wilt = (sm_sat * form.wetness_at_suction(SUCTION_WILT, b, sathh)).clamp(min=1e-4)
    properties = SoilProperties(
        b=b,
        sathh=sathh,
        satcon=satcon,
        sm_sat=sm_sat,
        sm_crit=torch.maximum(sm_sat * form.wetness_at_suction(SUCTION_CRIT, b, sathh), wilt + 1e-3),
        sm_wilt=wilt,
        hcap=dry_heat_capacity(clay, porosity),
        hcon=dry_conductivity(clay, porosity),
    )
    return LearnedSoil(SoilProperties(*(layers(p) for p in properties)), layers(theta_r))
