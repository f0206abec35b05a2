"""Land points of a grid with their soil, surface and initial state, from ancillaries of JULES."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.grid.files import LandPoints, opened, values_at_points
from jules_ml.column.grid.land_checks import check_fractions, check_soil
from jules_ml.column.grid.surface import available_types, land_surface_of_grid, simple_surface
from jules_ml.column.soil_processes import column_topmodel, initial_topmodel, soil_switches
from jules_ml.data.model_variables import check_model_values
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.grid import GridSection
from jules_ml.experiment.sections import SoilSection
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.learned.maps.grid import grid_of
from jules_ml.physics.column import ColumnState, RespirationFactors, SoilColumn, SoilProperties, jules_one_pool_factors
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.soil_names import LAYERED

_Array = NDArray[np.float64]

_FORMS: Final[dict[str, HydraulicForm]] = {"van_genuchten": VAN_GENUCHTEN, "clapp_hornberger": CLAPP_HORNBERGER}
#: Fractions of surface types below this are not distinguished from zero.
_SMALLEST: Final = 1.0e-6
_UNITS: Final = {"sthuf": "1", "t_soil": "K", "cs": "kg m-2"}


@dataclass(frozen=True, eq=False)
class GridColumn:
    """Columns of all land points, ready to be run.

    Attributes
    ----------
    points : LandPoints
    column : SoilColumn
        Its tensors have shape (..., point), or (..., 1) where all points are equal.
    state : ColumnState
        At the start, before spin-up.
    notes : tuple of str
        Messages for the user.
    """

    points: LandPoints
    column: SoilColumn = field(repr=False)
    state: ColumnState = field(repr=False)
    notes: tuple[str, ...] = ()


def land_points(section: GridSection) -> LandPoints:
    """Find the land points of a grid.

    Parameters
    ----------
    section : GridSection
        ``[grid]`` of the experiment.

    Returns
    -------
    LandPoints
        Where ``land_frac`` is above 0, or else ``frac`` has a fraction of any type, within the bounds.

    Raises
    ------
    BadInput
        If a file has no coordinates or another grid, or there is no land.
    """
    path = section.latlon or section.frac
    with opened(path) as file:
        grid = grid_of(file, path)
    assert grid is not None
    latitude, longitude = grid.coordinates(0, grid.size)
    longitude = (longitude + 180.0) % 360.0 - 180.0
    everywhere = LandPoints(grid, np.arange(grid.size), latitude, longitude)
    land = np.nan_to_num(values_at_points(section.frac, section.frac_name, everywhere)).sum(axis=0) > _SMALLEST
    if section.land_frac is not None:
        land &= np.nan_to_num(values_at_points(section.land_frac, section.land_frac_name, everywhere)[0]) > 0.0
    for bounds, values in ((section.lat_bounds, latitude), (section.lon_bounds, longitude)):
        if bounds is not None:
            land &= (values >= bounds[0]) & (values <= bounds[1])
    number = np.flatnonzero(land)
    if not len(number):
        raise BadInput(
            "there are no land points",
            where=section.land_frac or section.frac,
            remedy="correct grid.lat_bounds and grid.lon_bounds (longitudes from -180 to 180), or the files of the land",
        )
    return LandPoints(grid, number, latitude[number], longitude[number])


def grid_column(
    experiment: Experiment, *, dtype: torch.dtype, factors: RespirationFactors = jules_one_pool_factors
) -> GridColumn:
    """Make the columns of all land points of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[grid]``, ``[soil]``, ``[carbon]`` and ``[run]``.
    dtype : torch.dtype
        Precision.
    factors : callable
        Modifiers of respiration.

    Returns
    -------
    GridColumn
        Without points that have no soil, or only types that the column lacks.

    Raises
    ------
    BadInput
        If a section or a variable is missing, or a value is not possible.
    """
    section = experiment.required(experiment.grid, "grid")
    soil_section = experiment.required(experiment.soil, "soil")
    carbon = experiment.required(experiment.carbon, "carbon")
    run = experiment.required(experiment.run, "run")
    points = land_points(section)
    cover, notes = _fractions(section, points, available_types(experiment, section))
    usable = np.sum(list(cover.values()), axis=0) > _SMALLEST
    soil: dict[str, _Array] = {}
    if section.soil_props is not None:
        soil = _soil_properties(section, section.soil_props, soil_section, points)
        has_soil = np.isfinite(soil["sm_sat"]).all(axis=0) & (np.nan_to_num(soil["sm_sat"]) > 0.0).all(axis=0)
        if not has_soil.all():
            notes.append(f"{int((~has_soil).sum())} of {points.size} land points have no soil and are left out")
        usable &= has_soil
    if not usable.any():
        raise BadInput("no land point has soil", where=section.soil_props or section.frac, remedy="correct the files")
    points = LandPoints(points.grid, points.number[usable], points.latitude[usable], points.longitude[usable])
    soil = {name: values[:, usable] for name, values in soil.items()}
    if section.soil_props is not None:
        check_soil(soil, points, section.soil_props, albsoil_may_be_missing=True)
    total = np.sum([values[usable] for values in cover.values()], axis=0)
    cover = {name: values[usable] / total for name, values in cover.items()}
    properties, form, dzsoil = _soil(soil_section, soil, section, experiment, dtype)
    albsoil = soil["albsoil"][0] if "albsoil" in soil else np.full(points.size, np.nan)
    albsoil = np.where(np.isfinite(albsoil), albsoil, section.albsoil)
    initial = _initial(section, points, dzsoil.shape[0])
    topmodel = column_topmodel(soil_section, dzsoil)
    surface = (
        simple_surface(cover, albsoil, section, dzsoil)
        if experiment.physics is None
        else land_surface_of_grid(
            experiment, experiment.physics, cover, albsoil, section, dzsoil, form=form, l_top=topmodel is not None
        )
    )
    column = SoilColumn(
        properties,
        dzsoil,
        timestep=run.timestep,
        form=form,
        surface=surface,
        factors=factors,
        cs=_tensor(initial["cs"][0], dtype) if "cs" in initial else torch.tensor(carbon.cs, dtype=dtype),
        kaps=carbon.kaps,
        co2=section.co2,
        height=section.drive.z1_tq_in,
        topmodel=topmodel,
        **soil_switches(soil_section),
    )
    state = _initial_state(column, initial, experiment, points.size, dtype)
    return GridColumn(points, column, state, tuple(notes))


def _fractions(
    section: GridSection, points: LandPoints, available: Collection[str]
) -> tuple[dict[str, _Array], list[str]]:
    """Fractions of the types that the column has and that occur, shape (point,), and notes."""
    frac = np.nan_to_num(values_at_points(section.frac, section.frac_name, points))
    if len(frac) != len(section.types):
        raise BadInput(
            f"variable {section.frac_name} has {len(frac)} types, and grid.types {len(section.types)}",
            where=section.frac,
            remedy="name the types of the file in grid.types, in their order",
        )
    check_fractions(frac, points, section.frac)
    cover = {
        name: values
        for name, values in zip(section.types, frac, strict=True)
        if name in available and values.max() > _SMALLEST
    }
    if not cover:
        raise BadInput(
            f"the column has none of the types {', '.join(section.types)}",
            where="grid.types",
            remedy=f"choose among {', '.join(available)}",
        )
    absent = [name for name in section.types if name not in available]
    lost = frac[[section.types.index(name) for name in absent]].sum(axis=0)
    if not absent or lost.max() <= _SMALLEST:
        return cover, []
    only = int((np.sum(list(cover.values()), axis=0) <= _SMALLEST).sum())
    note = f"the column has no {', '.join(absent)}: the other types take over {100.0 * lost.mean():.3g} % of the land"
    return cover, [f"{note}, and {only} land points without other types are left out" if only else note]


def _soil_properties(section: GridSection, path: Path, soil: SoilSection, points: LandPoints) -> dict[str, _Array]:
    """Properties by JULES's names, shape (layer, point)."""
    layers = len(soil.dzsoil)
    values: dict[str, _Array] = {}
    with opened(path) as file:
        optional = [name for name in ("albsoil",) if section.soil_names.get(name, name) in file.variables]
    for name in (*LAYERED, *optional):
        units = LAYERED[name][0] if name in LAYERED else "1"
        of_file = values_at_points(path, section.soil_names.get(name, name), points, units)
        if name in LAYERED and len(of_file) not in (1, layers):
            raise BadInput(
                f"variable {name} has {len(of_file)} layers, and soil.dzsoil {layers}",
                where=path,
                remedy="give a value for each layer, or one for all",
            )
        values[name] = of_file
    _refuse_impossible(values, path)
    return values


def _refuse_impossible(values: Mapping[str, _Array], path: Path) -> None:
    """Refuse soil properties that no soil has."""
    for name in LAYERED:
        known = values[name][np.isfinite(values[name])]
        # points of ice have a saturation of 0 in ancillaries of the Unified Model
        if name not in ("sm_sat", "sm_crit", "sm_wilt") and len(known) and known.min() < 0.0:
            raise BadInput(
                f"the smallest value is {known.min():g}",
                where=f"{path}, variable {name}",
                remedy="give values above 0, and missing values where there is no soil",
            )
    for low, high in (("sm_wilt", "sm_crit"), ("sm_crit", "sm_sat")):
        wrong = values[low] > values[high]
        if wrong.any():
            raise BadInput(
                f"{low} exceeds {high} at {int(wrong.any(axis=0).sum())} points",
                where=path,
                remedy="check the units [m3 m-3] and grid.soil_names",
            )


def _soil(
    soil_section: SoilSection,
    soil: Mapping[str, _Array],
    section: GridSection,
    experiment: Experiment,
    dtype: torch.dtype,
) -> tuple[SoilProperties, HydraulicForm, Tensor]:
    if section.soil_props is None:
        same = column_soil(soil_section, dtype, where=str(experiment.file))
        return same.properties, same.form, same.dzsoil
    if soil_section.form is None:
        raise BadInput(
            "form is needed with grid.soil_props",
            where=f"{experiment.file}, soil",
            remedy="set form = 'van_genuchten' or 'clapp_hornberger', as l_vg_soil of JULES",
        )
    dzsoil = torch.tensor(soil_section.dzsoil, dtype=dtype).reshape(-1, 1)
    layers = dzsoil.shape[0]
    properties = SoilProperties(
        *(_tensor(np.broadcast_to(soil[name], (layers, soil[name].shape[1])), dtype) for name in SoilProperties._fields)
    )
    return properties, _FORMS[soil_section.form], dzsoil


def _tensor(values: NDArray[Any], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.array(values)).to(dtype)


def _initial(section: GridSection, points: LandPoints, layers: int) -> dict[str, _Array]:
    """Initial values of ``grid.initial``, by name."""
    path = section.initial
    if path is None:
        return {}
    with opened(path) as file:
        names = [name for name in _UNITS if name in file.variables]
    if not names:
        raise BadInput(
            f"it has none of {', '.join(_UNITS)}", where=path, remedy="name the variables so, or remove grid.initial"
        )
    values = {name: values_at_points(path, name, points, _UNITS[name]) for name in names}
    for name, each in values.items():
        if name != "cs" and len(each) not in (1, layers):
            raise BadInput(
                f"{name} has {len(each)} layers, and soil.dzsoil {layers}", where=path, remedy="give each layer a value"
            )
        if name == "cs" and len(each) > 1:
            raise BadInput(
                f"cs has {len(each)} pools or layers, and a grid has one pool of soil carbon",
                where=path,
                remedy="give the sum of the pools, (y, x)",
            )
        if not np.isfinite(each).all():
            raise BadInput(f"{name} is missing at land points", where=path, remedy="fill the missing values")
        check_model_values(name, each, where=path, tolerance=1e-6)
    return values


def _initial_state(
    column: SoilColumn, initial: Mapping[str, _Array], experiment: Experiment, n: int, dtype: torch.dtype
) -> ColumnState:
    run = experiment.required(experiment.run, "run")
    layers = column.dzsoil.shape[0]

    def layered(name: str, values: tuple[float, ...] | None) -> Tensor:
        if name in initial:
            return _tensor(np.broadcast_to(initial[name], (layers, n)), dtype)
        if values is None:
            raise BadInput(
                "the soil temperature at the start is unknown",
                where=f"{experiment.file}, run.initial.t_soil",
                remedy="set run.initial.t_soil, or give grid.initial with t_soil",
            )
        return torch.tensor(values, dtype=dtype).reshape(-1, 1).expand(layers, n).clone()

    water_table = initial_topmodel(experiment.soil, dtype)
    return column.initial_state(
        layered("sthuf", run.initial.sthuf), layered("t_soil", run.initial.t_soil), **water_table
    )
