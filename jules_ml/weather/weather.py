"""Weather for a run: from a site dataset to JULES's eight driving variables at the run's time step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.data.record import end_of_interval, interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.physics.surface import Forcing
from jules_ml.weather.driving import driving_variables
from jules_ml.weather.filling import without_gaps
from jules_ml.weather.substitution import Substitution, SubstitutionLog
from jules_ml.weather.timestep import at_step, refuse_unfit_step


@dataclass(frozen=True)
class Weather:
    """Weather for a run.

    Attributes
    ----------
    series : xarray.Dataset
        Site dataset at the run's time step, complete: ``sw_down lw_down tot_rain tot_snow t_air wind pstar q``.
    substitutions : tuple of Substitution
        What in it was not measured, apart from what the record's own gap-filling does not tell.
    """

    series: xr.Dataset
    substitutions: tuple[Substitution, ...]

    def tensors(self, dtype: torch.dtype) -> Forcing:
        """Give the weather as tensors of shape (time, 1)."""
        return Forcing(
            *(torch.as_tensor(self.series[name].to_numpy(), dtype=dtype)[:, None] for name in Forcing._fields)
        )


def site_weather(
    record: xr.Dataset,
    options: ForcingSection,
    *,
    timestep: float,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Weather:
    """Make a run's weather of a record.

    - Gaps of up to ``interpolate_hours`` are interpolated; longer ones take the mean diurnal course of ``course_days`` on either side.
    - ``lw_down``: gaps longer than that, or none measured: clear sky by ``clear_sky``, clouds by the shortwave they take
      (:mod:`jules_ml.weather.longwave`).
    - ``wind``: none measured, the fixed ``wind``. ``pstar``: none measured, the standard atmosphere at the site's height.
    - Humidity is ``q``, or follows from ``vpd`` or ``relative_humidity``, which counts as 1 where it is above.
    - ``precip`` is parted into snow, at 0 degC and below, and rain, at 2 degC and above, linearly between.
    - Negative ``sw_down``, an offset of the sensor by night, is 0.
    - A daily record is taken apart (:func:`~jules_ml.weather.disaggregate.disaggregate`); an interval of up to 3 h is held over the steps
      within it; steps longer than the interval get its mean.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset of one site.
    options : ForcingSection
        ``[forcing]`` of the experiment.
    timestep : float
        Of the run [s].
    start, end : Timestamp, optional
        Of the run, UTC; those of the record unless given.

    Returns
    -------
    Weather

    Raises
    ------
    BadInput
        If a variable is missing for which nothing can stand in, or a gap is longer than the rules reach; if the run
        starts before the record or ends after it, or its time step does not fit.
    """
    step = pd.Timedelta(seconds=timestep)
    grid = _on_grid(record, start, end)
    refuse_unfit_step(grid, step)
    log = SubstitutionLog(n_steps=round(grid.sizes["time"] * (interval(grid) / step)))
    filled = without_gaps(grid, options, log)
    series = driving_variables(at_step(filled, step, options), options, log)
    return Weather(series, tuple(log.found))


def _on_grid(record: xr.Dataset, start: pd.Timestamp | None, end: pd.Timestamp | None) -> xr.Dataset:
    """The record from start to end, with a row for each interval."""
    length, stamps = interval(record), end_of_interval(record)
    first, last = stamps[0] - length, stamps[-1]
    begin, finish = first if start is None else start, last if end is None else end
    if begin < first or finish > last:
        raise BadInput(
            f"the run is from {begin} to {finish} UTC and the record from {first} to {last}",
            where=place(record, "time"),
            remedy="set start and end in [run] within the record",
        )
    if (begin - first) % length or (finish - first) % length:
        raise BadInput(
            f"the run from {begin} to {finish} UTC begins or ends within an interval of the record, which are {length} from {first} on",
            where=place(record, "time"),
            remedy="set start and end in [run] to the end of an interval",
        )
    if finish <= begin:
        raise BadInput(
            f"the run has no steps from {begin} to {finish}", where=place(record, "time"), remedy="set a later end"
        )
    astray = stamps[np.flatnonzero((stamps - stamps[0]) % length)]
    if len(astray):
        raise BadInput(
            f"{len(astray)} time stamps are not a whole number of intervals of {length} from the first, {astray[0]} UTC first",
            where=place(record, "time"),
            remedy="correct or delete those rows",
        )
    return record.reindex(time=pd.date_range(begin + length, finish, freq=length))
