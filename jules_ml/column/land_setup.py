"""JULES's land surface from ``[physics]`` and ``[surface]`` of an experiment, and its weather."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.land_weather import land_forcing, monthly_values
from jules_ml.column.surface_types import read_type_files
from jules_ml.data.record import place
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.grid import GridSection
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.experiment.surface import SIMPLE_TYPES, SurfaceSection, TileSection
from jules_ml.physics.canopy.leaf import EPCO2
from jules_ml.physics.column import SoilColumn
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.land_surface.properties import LandSurface, land_surface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.surface import Forcing
from jules_ml.physics.surface_types import SurfaceTypes
from jules_ml.physics.switches import Switches
from jules_ml.support.sources import POINT_RUN
from jules_ml.weather import Weather

#: Keys of a tile that may vary in time, and JULES's names of what they set.
_IN_TIME: Final = {"lai": "lai", "canht_ft": "canht"}


def experiment_land(
    experiment: Experiment, physics: PhysicsSection, dzsoil: Tensor, *, form: HydraulicForm, l_top: bool
) -> LandSurface:
    """Make the land surface of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[surface]`` and ``[soil]``.
    physics : PhysicsSection
        ``[physics]`` of the experiment.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    form : HydraulicForm
        Of the soil.
    l_top : bool
        Whether the column has TOPMODEL.

    Returns
    -------
    LandSurface
        Of one column; leaf area and height that vary in time are those of the types.

    Raises
    ------
    BadInput
        If a type is unknown, is given twice, or has leaf area without being a plant; if the parameter files are incomplete.
    """
    section = experiment.required(experiment.surface, "surface")
    switches = land_switches(experiment, physics, form=form, l_top=l_top)
    types = land_types(section, switches, dzsoil.dtype)
    rows = _rows(section, types, experiment)
    frac = torch.zeros(len(types.names), 1, dtype=dzsoil.dtype)
    changed = {name: values.clone() for name, values in types.plants._asdict().items() if values.ndim}
    for row, tile in rows.items():
        frac[row] = tile.frac / sum(t.frac for t in section.tiles)
        for name, value in tile.changes.items():
            changed[name][row] = value
    return land_of_types(
        types._replace(plants=types.plants._replace(**changed)),
        frac,
        physics,
        switches,
        dzsoil=dzsoil,
        albsoil=torch.tensor([section.albsoil], dtype=dzsoil.dtype),
        z1_tq=experiment.forcing.height,
        z1_uv=experiment.forcing.height,
        co2=section.co2,
    )


def land_switches(experiment: Experiment, physics: PhysicsSection, *, form: HydraulicForm, l_top: bool) -> Switches:
    """Return the switches of an experiment, at a site or on a grid.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]``.
    physics : PhysicsSection
        ``[physics]`` of the experiment.
    form : HydraulicForm
        Of the soil.
    l_top : bool
        Whether the column has TOPMODEL.

    Returns
    -------
    Switches
    """
    soil = experiment.required(experiment.soil, "soil")
    return physics.switches(
        l_vg_soil=form is VAN_GENUCHTEN,
        l_soil_sat_down=soil.l_soil_sat_down,
        soilhc_method=soil.soilhc_method,
        l_top=l_top,
    )


def land_types(section: SurfaceSection | GridSection, switches: Switches, dtype: torch.dtype) -> SurfaceTypes:
    """Read the surface types of a site or a grid: those of the template for point runs where it names no files.

    Parameters
    ----------
    section : SurfaceSection or GridSection
        With ``pft_params`` and ``nveg_params``.
    switches : Switches
    dtype : torch.dtype
        Precision.

    Returns
    -------
    SurfaceTypes

    Raises
    ------
    BadInput
        If the parameter files are incomplete.
    """
    return read_type_files(
        section.pft_params or POINT_RUN / "pft_params.nml",
        section.nveg_params or POINT_RUN / "nveg_params.nml",
        switches=switches,
        dtype=dtype,
    )


def land_of_types(
    types: SurfaceTypes,
    frac: Tensor,
    physics: PhysicsSection,
    switches: Switches,
    *,
    dzsoil: Tensor,
    albsoil: Tensor,
    z1_tq: float,
    z1_uv: float,
    co2: float,
) -> LandSurface:
    """Make JULES's land surface of types and fractions, with what ``[physics]`` sets beside the switches.

    Parameters
    ----------
    types : SurfaceTypes
    frac : Tensor, shape (tile, column)
        Fractions [1].
    physics : PhysicsSection
    switches : Switches
        From :func:`land_switches`.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    albsoil : Tensor, shape (column,)
        Albedo of bare soil [1].
    z1_tq, z1_uv : float
        Heights of temperature and humidity, and of wind [m].
    co2 : float
        Mole fraction of carbon dioxide [1].

    Returns
    -------
    LandSurface
    """
    return land_surface(
        types,
        frac,
        dzsoil=dzsoil,
        albsoil=albsoil,
        switches=switches,
        snow=SnowParameters(conserve_water=physics.conserve_snow),
        z1_tq=z1_tq,
        z1_uv=z1_uv,
        bl_height=physics.bl_height,
        co2_mmr=co2 * EPCO2,
    )


def type_row(tile: TileSection, types: SurfaceTypes) -> int:
    """Row of the type of a tile among all surface types; -1 if there is no such type."""
    name = SIMPLE_TYPES.get(str(tile.type), tile.type)
    if isinstance(name, int):
        return name - 1 if 1 <= name <= len(types.names) else -1
    return types.names.index(name) if name in types.names else -1


def _twice(first: TileSection, second: TileSection, name: str) -> str:
    """Problem of two tiles of one type, which may have two names for it."""
    if first.type == second.type:
        return f"there are two tiles of {name}"
    return f"{first.type!r} and {second.type!r} are the same surface type, {name}, of which there are two tiles"


def _rows(section: SurfaceSection, types: SurfaceTypes, experiment: Experiment) -> dict[int, TileSection]:
    """Tiles by the row of their type."""
    where = f"{experiment.file}, surface.tiles"
    rows: dict[int, TileSection] = {}
    for tile in section.tiles:
        row = type_row(tile, types)
        if row < 0:
            raise BadInput(
                f"there is no surface type {tile.type!r}",
                where=where,
                remedy=f"choose among {', '.join(types.names)}, or a number from 1 to {len(types.names)}",
            )
        if row in rows:
            raise BadInput(_twice(rows[row], tile, types.names[row]), where=where, remedy="merge them into one tile")
        if row == types.ice:
            raise BadInput("land ice has no soil, which the column needs", where=where, remedy="remove the tile")
        plants = types.plants.lai.shape[0]
        if row >= plants and (tile.changes or tile.lai is not None or tile.canht_ft is not None):
            raise BadInput(
                f"{types.names[row]} is no plant and has lai, canht_ft or other parameters of plants",
                where=where,
                remedy="remove them",
            )
        rows[row] = tile
    return rows


def experiment_forcing(
    experiment: Experiment, physics: PhysicsSection, land: LandSurface, weather: Weather, record: xr.Dataset
) -> LandForcing:
    """Make the weather of an experiment for its land surface.

    Parameters
    ----------
    experiment : Experiment
        With ``[surface]``.
    physics : PhysicsSection
        ``[physics]`` of the experiment.
    land : LandSurface
        From :func:`experiment_land`.
    weather : Weather
        At the time step of the run.
    record : xarray.Dataset
        Site dataset, with the variables that tiles name.

    Returns
    -------
    LandForcing

    Raises
    ------
    BadInput
        If the position of the site is unknown, or a variable of the record is missing or has gaps.
    """
    attrs = weather.series.attrs
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    if physics.l_cosz and not {"latitude", "longitude"} <= set(attrs):
        raise BadInput(
            "the position of the site is unknown, which the sun needs",
            where=f"{experiment.file}, site",
            remedy="give latitude and longitude in [site], or l_cosz = false in [physics]",
        )
    return land_forcing(
        weather,
        latitude=float(attrs.get("latitude", 0.0)),
        longitude=float(attrs.get("longitude", 0.0)),
        l_cosz=physics.l_cosz,
        diff_frac=physics.diff_frac_const,
        vegetation=vegetation_at(experiment, land, stamps, float(attrs["interval_seconds"]), record=record),
        dtype=land.frac.dtype,
    )


def column_forcing(
    experiment: Experiment, column: SoilColumn, weather: Weather, record: xr.Dataset
) -> Forcing | LandForcing:
    """Make the weather of an experiment for its column: with the sun, and vegetation that varies, for JULES's land surface.

    Parameters
    ----------
    experiment : Experiment
    column : SoilColumn
        Column of the experiment.
    weather : Weather
        At the time step of the run.
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    Forcing or LandForcing
        Shape (step, ..., 1) each.

    Raises
    ------
    BadInput
        As :func:`experiment_forcing`.
    """
    if experiment.physics is not None and isinstance(column.surface, LandSurface):
        return experiment_forcing(experiment, experiment.physics, column.surface, weather, record)
    return weather.tensors(column.dzsoil.dtype)


def vegetation_at(
    experiment: Experiment,
    land: LandSurface,
    stamps: pd.DatetimeIndex,
    timestep: float,
    *,
    record: xr.Dataset | None,
) -> dict[str, NDArray[np.float64]]:
    """Leaf area and height at steps, where a tile gives them by month or by the record.

    Parameters
    ----------
    experiment : Experiment
        With ``[surface]``.
    land : LandSurface
        From :func:`experiment_land`.
    stamps : DatetimeIndex, shape (step,)
        End of each step, UTC.
    timestep : float
        Length of a step [s].
    record : xarray.Dataset or None
        Site dataset, with the variables that tiles name.

    Returns
    -------
    dict of str to array, shape (step, pft)
        ``lai`` [1] and ``canht`` [m], those that vary in time.

    Raises
    ------
    BadInput
        If a variable of the record is missing, or there is no record.
    """
    section = experiment.required(experiment.surface, "surface")
    length = pd.Timedelta(seconds=timestep)
    rows = _rows(section, land.types, experiment)
    values: dict[str, NDArray[np.float64]] = {}
    for key, name in _IN_TIME.items():
        varying = {row: getattr(tile, key) for row, tile in rows.items() if isinstance(getattr(tile, key), tuple | str)}
        if not varying:
            continue
        constant = getattr(land, name)[:, 0].double().numpy()
        series = np.repeat(constant[None, :], len(stamps), axis=0)
        for row, value in varying.items():
            where = f"{experiment.file}, surface.tiles, {key}"
            if isinstance(value, str):
                series[:, row] = _of_record(record, value, stamps, where)
            else:
                series[:, row] = monthly_values(value, stamps - length)
        values[name] = series
    return values


def _of_record(record: xr.Dataset | None, name: str, stamps: pd.DatetimeIndex, key: str) -> NDArray[np.float64]:
    """Series of the record at the steps: linear between its values, and the first and last one outside them."""
    if record is None:
        raise BadInput(
            f"{name!r} is a series of the record, and a coupled component has no record",
            where=key,
            remedy="give a number or twelve monthly values, or couple the inputs of a list (component.mode = 'mixed')",
        )
    where = place(record, name)
    if name not in record or record[name].dims != ("time",):
        choice = ", ".join(str(n) for n, v in record.data_vars.items() if v.dims == ("time",))
        raise BadInput(
            f"the record that [data] describes has no series {name}",
            where=key,
            remedy=f"give a number, twelve monthly values, or one of the series of the record: {choice}",
        )
    series = record[name].dropna("time")
    numbers = series.to_numpy().astype(np.float64)
    if not numbers.size or (numbers <= 0.0).any():
        raise BadInput(f"{name} has no values, or some that are not above 0", where=where, remedy="correct the record")
    times = pd.DatetimeIndex(series["time"].to_numpy()).as_unit("s").asi8.astype(np.float64)
    return np.asarray(np.interp(stamps.as_unit("s").asi8.astype(np.float64), times, numbers))
