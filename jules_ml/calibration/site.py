"""Sites of a calibration, each from its experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd
import torch
import xarray as xr

from jules_ml.column.land_setup import column_forcing, type_row
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.run import run_weather
from jules_ml.column.setup import experiment_column
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.surface import TileSection
from jules_ml.learned.hydraulics.soil_section import Soil
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing
from jules_ml.physics.topmodel import Topmodel

#: Precision of all calibrations: finite differences and line searches need it.
DTYPE: Final = torch.float64


@dataclass(frozen=True, eq=False)
class CalibrationSite:
    """A site of a calibration.

    Attributes
    ----------
    name : str
    experiment : Experiment
    record : xarray.Dataset
        Site dataset.
    soil : Soil
        Prior soil.
    land : LandSurface or None
        JULES's land surface of the experiment; None for the simple one.
    topmodel : Topmodel or None
        Properties of the grid box; None without ``[soil.topmodel]``.
    weather : Forcing or LandForcing
        Whole days, shape (step, ..., 1) each.
    start : Timestamp
        Start of the first step, UTC.
    """

    name: str
    experiment: Experiment
    record: xr.Dataset
    soil: Soil
    land: LandSurface | None
    topmodel: Topmodel | None
    weather: Forcing | LandForcing
    start: pd.Timestamp

    @property
    def timestep(self) -> float:
        """Time step [s]."""
        assert self.experiment.run is not None
        return self.experiment.run.timestep

    @property
    def tiles(self) -> tuple[TileSection, ...]:
        """Tiles of the experiment."""
        assert self.experiment.surface is not None
        return self.experiment.surface.tiles

    @property
    def rows(self) -> list[int]:
        """Row of the type of each tile: its number in the experiment, or that of its type in JULES's land surface."""
        if self.land is None:
            return list(range(len(self.tiles)))
        return [type_row(tile, self.land.types) for tile in self.tiles]

    @property
    def days(self) -> int:
        """Number of days of the weather."""
        return int(self.weather.t_air.shape[0] * self.timestep / SECONDS_PER_DAY)


def calibration_site(experiment: Experiment) -> CalibrationSite:
    """Read the record of an experiment, and prepare its weather, soil and tiles.

    Parameters
    ----------
    experiment : Experiment
        With ``[data]``, ``[soil]`` or ``[modules] hydraulics``, ``[surface]``, ``[carbon]`` and ``[run]``.

    Returns
    -------
    CalibrationSite

    Raises
    ------
    BadInput
        If a section is missing, the model is not the column, the time step does not divide a day, or the record is shorter than a day.
    """
    section = experiment.required(experiment.run, "run")
    _refuse_unsupported(experiment)
    record = experiment.record()
    experiment, _ = with_learned_soil(experiment, record=record)
    column, soil = experiment_column(experiment, timestep=section.timestep, dtype=DTYPE)
    weather, _ = run_weather(experiment, section.model_copy(update={"mean_over": 1}), record)
    per_day = round(SECONDS_PER_DAY / section.timestep)
    steps = weather.series.sizes["time"] // per_day * per_day
    if steps == 0:
        raise BadInput("the run is shorter than a day", where=f"{experiment.file}, run", remedy="give a longer period")
    forcing = column_forcing(experiment, column, weather, record)
    return CalibrationSite(
        name=str(experiment.site.name or record.attrs.get("site", experiment.file.stem)),
        experiment=experiment,
        record=record,
        soil=soil,
        land=column.surface if isinstance(column.surface, LandSurface) else None,
        topmodel=column.topmodel,
        weather=mapped(lambda x: x[:steps], forcing),
        start=pd.Timestamp(weather.series["time"].to_numpy()[0]) - pd.Timedelta(seconds=section.timestep),
    )


def _refuse_unsupported(experiment: Experiment) -> None:
    """Refuse experiments whose runs differ from those of a calibration."""
    section = experiment.required(experiment.run, "run")
    if section.model != "column":
        raise BadInput(
            f"the model is {section.model}, and only the column is calibrated",
            where=f"{experiment.file}, run.model",
            remedy='set model = "column"; the result is written as namelists of JULES',
        )
    if SECONDS_PER_DAY % section.timestep:
        raise BadInput(
            f"a day is not a whole number of time steps of {section.timestep:g} s",
            where=f"{experiment.file}, run.timestep",
            remedy="give a time step that divides 86400 s",
        )
    if experiment.carbon is not None and experiment.carbon.four_pools is not None:
        raise BadInput(
            "a calibration has one pool of soil carbon",
            where=f"{experiment.file}, carbon.four_pools",
            remedy="remove [carbon.four_pools] in a copy of the experiment",
        )
    if experiment.modules.respiration is not None:
        raise BadInput(
            "a calibration does not use a respiration module",
            where=f"{experiment.file}, modules.respiration",
            remedy="remove it: JULES's own modifiers are used, and kaps, cs and q10_soil can be fitted",
        )
