"""Weather for a run: JULES's eight driving variables at the time step of the run, from a site dataset."""

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
from jules_ml.weather.filling import fill_gaps
from jules_ml.weather.substitution import Substitution, SubstitutionLog
from jules_ml.weather.timestep import check_timestep, to_timestep


@dataclass(frozen=True)
class Weather:
    """Weather for a run.

    Attributes
    ----------
    series : xarray.Dataset
        Site dataset at the time step of the run, without gaps: ``sw_down lw_down tot_rain tot_snow t_air wind pstar q``.
    substitutions : tuple of Substitution
        Gap-filling and substitutions; those of the source of the record only as far as the record flags them.
    """

    series: xr.Dataset
    substitutions: tuple[Substitution, ...]

    def tensors(self, dtype: torch.dtype) -> Forcing:
        """Return the weather as tensors of shape (time, 1)."""
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
    """Prepare the weather of a run from a record.

    - Gaps of up to ``interpolate_hours`` are interpolated; longer ones are filled by the mean diurnal variation of ``course_days`` on
      either side.
    - ``lw_down``, where missing in longer gaps: clear sky by ``clear_sky``, clouds from shortwave radiation
      (:mod:`jules_ml.weather.longwave`).
    - ``wind``, where missing: the fixed ``wind``. ``pstar``, where missing: the standard atmosphere at the elevation of the site.
    - Humidity is ``q``, or is computed from ``vpd`` or ``relative_humidity``, which is limited to 1.
    - ``precip`` is partitioned into snow, at 0 degC and below, and rain, at 2 degC and above, linearly between.
    - Negative ``sw_down``, an offset of the sensor by night, is set to 0.
    - A daily record is disaggregated (:func:`~jules_ml.weather.disaggregate.disaggregate`); values of intervals of up to 3 h are repeated
      for shorter steps, and averaged for longer steps.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset of one site.
    options : ForcingSection
        ``[forcing]`` of the experiment.
    timestep : float
        Time step of the run [s].
    start, end : Timestamp, optional
        Start and end of the run, UTC; by default those of the record.

    Returns
    -------
    Weather

    Raises
    ------
    BadInput
        If a variable without substitute is missing, or a gap is too long to be filled; if the run starts before the
        record or ends after it, or its time step does not fit.
    """
    step = pd.Timedelta(seconds=timestep)
    grid = _on_grid(record, start, end)
    check_timestep(grid, step)
    log = SubstitutionLog(n_steps=round(grid.sizes["time"] * (interval(grid) / step)))
    filled = fill_gaps(grid, options, log)
    series = driving_variables(to_timestep(filled, step, options), options, log)
    return Weather(series, tuple(log.substitutions))


def _on_grid(record: xr.Dataset, start: pd.Timestamp | None, end: pd.Timestamp | None) -> xr.Dataset:
    """Select the record from start to end, with a row for each interval."""
    length, stamps = interval(record), end_of_interval(record)
    first, last = stamps[0] - length, stamps[-1]
    run_start, run_end = first if start is None else start, last if end is None else end
    if run_start < first or run_end > last:
        raise BadInput(
            f"the run is from {run_start} to {run_end} UTC, but the record from {first} to {last}",
            where=place(record, "time"),
            remedy="set start and end in [run] within the record",
        )
    if (run_start - first) % length or (run_end - first) % length:
        raise BadInput(
            f"the run from {run_start} to {run_end} UTC starts or ends within an interval of the record "
            f"(intervals of {length} from {first})",
            where=place(record, "time"),
            remedy="set start and end in [run] to ends of intervals",
        )
    if run_end <= run_start:
        raise BadInput(
            f"the run has no steps from {run_start} to {run_end}", where=place(record, "time"), remedy="set a later end"
        )
    off_grid = stamps[np.flatnonzero((stamps - stamps[0]) % length)]
    if len(off_grid):
        raise BadInput(
            f"{len(off_grid)} time stamps are not a whole number of intervals of {length} after the first time stamp, "
            f"beginning with {off_grid[0]} UTC",
            where=place(record, "time"),
            remedy="correct or delete those rows",
        )
    return record.reindex(time=pd.date_range(run_start + length, run_end, freq=length))
