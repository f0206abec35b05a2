"""A site as soil moisture is trained on it: its record, a first guess of JULES and what is known of its soil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.readers.column_output import read_output
from jules_ml.data.readers.jules import read_jules
from jules_ml.experiment.load import Experiment
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.learned.moisture.ensemble import TrainingSite
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, moisture_record, run_by_day
from jules_ml.learned.moisture.simulated import simulated_sites


@dataclass(frozen=True, eq=False)
class MoistureSite:
    """A record, with what JULES calls saturated and residual there.

    Attributes
    ----------
    record : MoistureRecord
    licence : str
        Of the record.
    sm_sat, theta_r : tuple of float or None
        Water content at saturation, without residual water, and residual water [m3 m-3]: one, or one a layer.
    utc_offset_hours : float
        Of local standard time, by which the record's days are counted.
    simulated : array, shape (run, day, 4), optional
        Water content of JULES's layers by runs with other soils, on the record's days [m3 m-3]; NaN where a run does not reach.
    """

    record: MoistureRecord
    licence: str = "not stated"
    sm_sat: tuple[float, ...] | None = None
    theta_r: tuple[float, ...] = (0.0,)
    utc_offset_hours: float = 0.0
    simulated: NDArray[np.float64] | None = None

    def training(self, learned: NDArray[np.bool_], main: int, *, frozen_below: float) -> TrainingSite:
        """The record and its runs, with the days that may be learned from; soil colder than ``frozen_below`` [K] is left out."""
        runs: tuple[TrainingSite, ...] = ()
        if self.simulated is not None:
            runs = simulated_sites(self.record, self.simulated, learned, frozen_below=frozen_below)
        return TrainingSite(self.record, learned, main, runs)


def moisture_site(experiment: Experiment, *, to_learn: bool = True) -> MoistureSite:
    """What an experiment says of one site, ready to be learned from.

    Parameters
    ----------
    experiment : Experiment
        With ``[data]``, and with ``[moisture]`` where there is more to say.
    to_learn : bool
        Whether the runs with other soils are read, which serve nothing but learning.

    Returns
    -------
    MoistureSite

    Raises
    ------
    BadInput
        As the record's reader, and :meth:`MoistureSection.record`.
    """
    section = experiment.moisture or MoistureSection()
    ds = experiment.record()
    record = site_record(section, ds, static=experiment.properties(ds))
    return MoistureSite(
        record=record,
        simulated=simulated_theta(section, ds, record.days) if to_learn and section.simulated else None,
        licence=str(ds.attrs.get("licence", "not stated")),
        sm_sat=section.sm_sat,
        theta_r=section.theta_r,
        utc_offset_hours=float(ds.attrs.get("utc_offset_hours", 0.0)),
    )


def site_record(
    section: MoistureSection, ds: xr.Dataset, *, static: Mapping[str, float] | None = None
) -> MoistureRecord:
    """The site's days, with its static properties, and JULES's run and the satellites' series joined.

    Raises
    ------
    BadInput
        If a file cannot be used, does not overlap the record, or the record lacks what cannot be done without.
    """
    from jules_ml.data.readers.satellite_products import joined, read_lst_product, read_swi_product

    if section.lst is not None:
        ds = joined(ds.drop_vars("lst", errors="ignore"), read_lst_product(section.lst)["lst"], where=section.lst)
    if section.swi is not None:
        product = read_swi_product(section.swi, t_value=section.t_value)
        ds = joined(ds.drop_vars("swi", errors="ignore"), product["swi"], where=section.swi)
    run = None if section.jules is None else _run(section, section.jules)
    return moisture_record(ds, jules=run, theta_r=section.theta_r, static=static, frozen_below=section.frozen_below)


def simulated_theta(section: MoistureSection, ds: xr.Dataset, days: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Water content of the runs with other soils, shape (run, day, 4) [m3 m-3]; NaN where they do not reach.

    An ensemble's file does not tell residual water, which is left out there: what counts is how a run changes.

    Raises
    ------
    BadInput
        If a file cannot be used, or has no day of the record.
    """
    runs = []
    for path in section.simulated:
        run = _run(section, path)
        members = [run.isel(member=k) for k in range(run.sizes["member"])] if "member" in run.dims else [run]
        runs += [run_by_day(each, ds, days, theta_r=section.theta_r, where=str(path)) for each in members]
    return np.array(runs).reshape(-1, len(days), len(LAYER_DEPTHS))


def _run(section: MoistureSection, path: Path) -> xr.Dataset:
    """Output of JULES, whose dimensions are y and x among others, or of a run of the column."""
    header = read_netcdf(path, required=["smcl"], variables=["smcl"], kind="a run with smcl in its output")
    if {"y", "x"} <= set(header.dims):
        return read_jules(path, variables=["smcl"], dzsoil=section.dzsoil)
    return read_output(path)
