"""Columns of a component: the one of a site at many places, or those of the land points of a grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
import xarray as xr

from jules_ml.column.antecedent import omitted_drivers
from jules_ml.column.grid.land import grid_column
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.setup import experiment_column
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.component import ComponentSection
from jules_ml.frameworks.places import Places
from jules_ml.frameworks.variables import Array
from jules_ml.physics.column import ColumnState, RespirationFactors, SoilColumn, jules_one_pool_factors
from jules_ml.physics.land_surface.properties import LandSurface


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns with their soil and surface, and their places.

    Attributes
    ----------
    experiment : Experiment
        With the soil and the rate of its learned modules.
    column : SoilColumn
        Its tensors have shape (..., column), or (..., 1) where all columns are equal.
    places : Places
    latitude, longitude : array, shape (column,)
        Positions [degree]; empty if they are unknown.
    notes : list of str
        Messages for the user.
    state : ColumnState or None
        At the start, of a grid; None if it is that of ``[run.initial]`` in all columns.
    """

    experiment: Experiment = field(repr=False)
    column: SoilColumn = field(repr=False)
    places: Places
    latitude: Array = field(repr=False)
    longitude: Array = field(repr=False)
    notes: list[str]
    state: ColumnState | None = field(default=None, repr=False)


def columns_of(experiment: Experiment, section: ComponentSection, record: xr.Dataset | None) -> Columns:
    """Make the columns of a component with a surface.

    Parameters
    ----------
    experiment : Experiment
    section : ComponentSection
        ``[component]`` of the experiment.
    record : xarray.Dataset or None
        Site dataset, if the component has a record.

    Returns
    -------
    Columns
        With ``[grid]`` those of its land points, else that of ``[soil]`` and ``[surface]`` at each place of ``[component]``.

    Raises
    ------
    BadInput
        If a section or a file is missing, or a value is not possible.
    """
    if experiment.grid is not None:
        return columns_of_grid(experiment, section)
    run = experiment.required(experiment.run, "run")
    experiment, soil_notes = with_learned_soil(experiment, record=record)
    experiment, rate_notes = with_learned_rate(experiment, record=record)
    notes = [*soil_notes, *rate_notes, *omitted_drivers(experiment.modules.respiration)]
    column, _ = experiment_column(
        experiment, timestep=run.timestep, dtype=torch.float64, factors=factors_of(experiment)
    )
    places = places_of(section)
    if isinstance(column.surface, LandSurface):
        column.surface = _widened_land(column.surface, places.size)
    latitude, longitude = places.nodes()
    if not len(latitude):
        attrs = experiment.site.model_dump(exclude_none=True) if record is None else record.attrs
        known = {"latitude", "longitude"} <= set(attrs)
        latitude, longitude = (np.array([float(attrs[n])] if known else []) for n in ("latitude", "longitude"))
    return Columns(experiment, column, places, latitude, longitude, notes)


def columns_of_grid(experiment: Experiment, section: ComponentSection) -> Columns:
    """Make the columns of the land points of ``[grid]``, with their own soil, surface and initial state.

    Parameters
    ----------
    experiment : Experiment
        With ``[grid]``, as :func:`~jules_ml.column.grid.land.grid_column`.
    section : ComponentSection
        ``[component]`` of the experiment, without places.

    Returns
    -------
    Columns
        At points, in the order of the grid, row by row.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.column.grid.land.grid_column`; or if ``[component]`` has places too, or the soil is that of a module.
    """
    if section.latitude:
        raise BadInput(
            "the columns are those of the land points of [grid], and [component] has latitude and longitude",
            where=f"{experiment.file}, component.latitude",
            remedy="remove latitude and longitude of [component], or [grid]",
        )
    if experiment.modules.hydraulics is not None:
        raise BadInput(
            "the soil of [grid] is that of its ancillaries, not of a module",
            where=f"{experiment.file}, modules.hydraulics",
            remedy="remove it; soil properties of a module: 'jules-ml export DIR --to ancillary --grid MAP.nc', and grid.soil_props",
        )
    land = grid_column(experiment, dtype=torch.float64, factors=factors_of(experiment))
    latitude, longitude = land.points.latitude, land.points.longitude
    places = Places("points", latitude, longitude)
    return Columns(experiment, land.column, places, latitude, longitude, list(land.notes), land.state)


def places_of(section: ComponentSection) -> Places:
    """Places of the columns of ``[component]``."""
    if not section.latitude:
        return Places()
    return Places(section.layout, np.array(section.latitude), np.array(section.longitude))


def _widened_land(land: LandSurface, columns: int) -> LandSurface:
    """Land surface of several equal columns, with all that depends on leaf area and height."""
    frac, lai, canht = (x.expand(x.shape[0], columns).clone() for x in (land.frac, land.lai, land.canht))
    return replace(land, frac=frac, albsoil=land.albsoil.expand(columns).clone()).with_vegetation(lai, canht)


def factors_of(experiment: Experiment) -> RespirationFactors:
    """Modifiers of respiration: those of the module that the experiment names, or JULES's."""
    folder = experiment.modules.respiration
    return jules_one_pool_factors if folder is None else learned_factors(folder)
