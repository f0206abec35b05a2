"""Loobos in 1997 as a column with JULES's full land surface, from the settings of the runs in the shared folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from jules_ml.data.readers.jules import read_jules_driving
from jules_ml.physics.canopy import cos_zenith_angle
from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN
from jules_ml.physics.land_surface.properties import LandSurface, land_surface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.land_surface.step import initial_surface
from jules_ml.physics.land_surface.types import OtherTypes, PlantTypes, SurfaceTypes
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches

LATITUDE, LONGITUDE = 52.168, 5.744
TIMESTEP = 1800.0
START = "1996-12-31 23:00"


class Loobos(NamedTuple):
    """Column and initial state of one run."""

    column: SoilColumn
    state: ColumnState
    settings: dict[str, Any]


def settings_of(data: Path, run: str) -> dict[str, Any]:
    """Namelists of a run."""
    return json.loads((data / "jules" / "loobos_settings.json").read_text())[run]  # type: ignore[no-any-return]


def surface_types(settings: dict[str, Any], dtype: torch.dtype) -> SurfaceTypes:
    """Types of the namelists ``pft_params`` and ``nveg_params``."""
    pft, nvg = settings["pft_params"]["jules_pftparm"], settings["nveg_params"]["jules_nvegparm"]
    snow = settings["jules_snow"]["jules_snow"]

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor([float(v) for v in values], dtype=dtype).unsqueeze(-1)

    def plant(name: str) -> torch.Tensor:
        for source, key in ((pft, f"{name}_io"), (pft, name), (snow, name), (snow, f"{name}_io")):
            if key in source:
                return column(source[key])
        return column(
            [{"lai_alb_lim_sn": 0.5, "psi_close": float("nan"), "psi_open": float("nan")}.get(name, float("nan"))] * 5
        )

    plants = PlantTypes(**{name: plant(name) for name in PlantTypes._fields})
    others = OtherTypes(**{name: column(nvg[f"{name}_io"]) for name in OtherTypes._fields})
    names = ("brd_leaf", "ndl_leaf", "c3_grass", "c4_grass", "shrub", "urban", "lake", "soil", "ice")
    return SurfaceTypes(plants, others, names, soil=7, lake=6, ice=8, urban=5)


def _numbers(text: str) -> list[float]:
    return [float(x) for line in text.splitlines() if not line.lstrip().startswith(("#", "!")) for x in line.split()]


def loobos(data: Path, run: str, dtype: torch.dtype = torch.float64) -> Loobos:
    """Soil and surface of a run."""
    settings = settings_of(data, run)
    known = {field.name for field in dataclasses.fields(Switches)}
    values: dict[str, Any] = {}
    for group in settings.values():
        if isinstance(group, dict):
            for namelist in group.values():
                if isinstance(namelist, dict):
                    values |= {k.lower(): v for k, v in namelist.items() if k.lower() in known}
    snow = settings["jules_snow"]["jules_snow"]
    snow_names = {field.name for field in dataclasses.fields(SnowParameters)}
    parameters = SnowParameters(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in snow.items() if k in snow_names}
    )
    soil = settings["jules_soil"]["jules_soil"]
    dzsoil = torch.tensor(soil["dzsoil_io"], dtype=dtype).unsqueeze(-1)
    props = dict(zip(*(settings["ancillaries"]["jules_soil_props"][k] for k in ("var", "const_val")), strict=True))
    like = torch.ones_like(dzsoil)
    frac = torch.tensor(_numbers(settings["tile_fractions.dat"]), dtype=dtype).unsqueeze(-1)
    surface = land_surface(
        surface_types(settings, dtype),
        frac,
        dzsoil=dzsoil,
        albsoil=torch.tensor([props["albsoil"]], dtype=dtype),
        switches=Switches(**values),
        snow=parameters,
        co2_mmr=settings["ancillaries"]["jules_co2"]["co2_mmr"],
        bl_height=settings["drive"]["jules_drive"].get("bl_height", 1000.0),
    )
    column = SoilColumn(
        SoilProperties(*(props[name] * like for name in SoilProperties._fields)),
        dzsoil,
        timestep=TIMESTEP,
        form=VAN_GENUCHTEN if soil["l_vg_soil"] else CLAPP_HORNBERGER,
        surface=surface,
        cs=12.1,
        l_soil_sat_down=soil["l_soil_sat_down"],
        soilhc_method=soil["soilhc_method"],
    )
    return Loobos(column, initial_state(column, settings, dtype), settings)


def initial_state(column: SoilColumn, settings: dict[str, Any], dtype: torch.dtype) -> ColumnState:
    """State at the start of a run, from its initial conditions."""
    assert isinstance(column.surface, LandSurface)
    section = settings["initial_conditions"]["jules_initial"]
    constants = dict(zip(section["var"], section["const_val"], strict=True))
    numbers = torch.tensor(_numbers(settings["initial_conditions.dat"]), dtype=dtype).unsqueeze(-1)
    sthuf, t_soil, snow_tile = numbers[:4], numbers[4:8], numbers[8:]
    state = column.initial_state(sthuf, t_soil)
    tstar = torch.full_like(snow_tile, constants["tstar_tile"])
    return state._replace(surface=initial_surface(column.surface, t_soil[0], tstar=tstar, snow_tile=snow_tile))


def weather(data: Path, run: str, dtype: torch.dtype = torch.float64) -> LandForcing:
    """Driving data of a run, with the sun; the cold run is the other 8 K colder."""
    record = read_jules_driving(data / "jules" / "loobos_inputs" / "Loobos_1997.dat", start=START, period_seconds=1800)
    values = {name: record[name].values.astype(np.float64) for name in LandForcing._fields[:8]}
    if run == "snow3_cold":
        values["t_air"] = values["t_air"] - 8.0
        values["q"], values["lw_down"] = values["q"] * 0.58, values["lw_down"] - 36.0
        total = values["tot_rain"] + values["tot_snow"]
        frozen = ((275.15 - values["t_air"]) / 2.0).clip(0.0, 1.0)
        values["tot_rain"], values["tot_snow"] = total * (1.0 - frozen), total * frozen
    time = pd.date_range(START, periods=len(values["q"]), freq="30min")
    day, second = (
        torch.tensor(np.asarray(x), dtype=dtype) for x in (time.dayofyear, time.hour * 3600 + time.minute * 60)
    )
    place = (torch.tensor(x, dtype=dtype) for x in (LATITUDE, LONGITUDE))
    days = torch.tensor(np.where(time.is_leap_year, 366, 365), dtype=dtype)
    cosz = cos_zenith_angle(day, second, *place, days_in_year=days).unsqueeze(-1)
    series = [torch.tensor(x, dtype=dtype).unsqueeze(-1) for x in values.values()]
    return LandForcing(*series, cosz=cosz, diff_frac=torch.zeros_like(cosz))
