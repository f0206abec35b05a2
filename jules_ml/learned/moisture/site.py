"""A site for the soil-moisture module: its record, the first guess of JULES and the properties of its soil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.notes import notes_of_record
from jules_ml.data.readers.column_output import read_output
from jules_ml.data.readers.jules import read_jules
from jules_ml.experiment.load import Experiment
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, moisture_record, run_by_day
from jules_ml.learned.moisture.simulated import simulated_sites
from jules_ml.learned.moisture.training_site import TrainingSite


@dataclass(frozen=True, eq=False)
class MoistureSite:
    """A record with JULES's saturated and residual water content and runs with other soils.

    Attributes
    ----------
    record : MoistureRecord
    licence : str
        Licence of the record.
    sm_sat : tuple of float or None
        Water content at saturation, without residual water [m3 m-3]: one value, or one for each layer.
    theta_r : tuple of float
        Residual water content [m3 m-3]: one value, or one for each layer.
    utc_offset_hours : float
        Offset of local standard time, in which the days of the record are defined [h].
    simulated : array, shape (run, day, 4), optional
        Water content of JULES's layers in runs with other soils, on the days of the record [m3 m-3]; NaN outside a run.
    notes : tuple of str
        What is remarkable in the record, for the user.
    """

    record: MoistureRecord
    licence: str = "not stated"
    sm_sat: tuple[float, ...] | None = None
    theta_r: tuple[float, ...] = (0.0,)
    utc_offset_hours: float = 0.0
    simulated: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    def training(self, train: NDArray[np.bool_], main: int, *, frozen_below: float) -> TrainingSite:
        """Combine the record and its runs with the training days.

        Parameters
        ----------
        train : array of bool, shape (day,)
            Training days.
        main : int
            Index of the scored sensor.
        frozen_below : float
            Soil colder than this counts as frozen in the runs [K].
        """
        runs: tuple[TrainingSite, ...] = ()
        if self.simulated is not None:
            runs = simulated_sites(self.record, self.simulated, train, frozen_below=frozen_below)
        return TrainingSite(self.record, train, main, runs)


def moisture_site(experiment: Experiment, *, for_training: bool = True) -> MoistureSite:
    """Read the site of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[data]``, and optionally ``[moisture]``.
    for_training : bool
        Whether to read the runs with other soils, which are used in the training only.

    Returns
    -------
    MoistureSite

    Raises
    ------
    BadInput
        As the reader of the record, :func:`site_record` and :func:`simulated_theta`.
    """
    section = experiment.moisture or MoistureSection()
    ds = experiment.record()
    record = site_record(section, ds, static=experiment.properties(ds))
    return MoistureSite(
        record=record,
        simulated=simulated_theta(section, ds, record.days) if for_training and section.simulated else None,
        licence=str(ds.attrs.get("licence", "not stated")),
        sm_sat=section.sm_sat,
        theta_r=section.theta_r,
        utc_offset_hours=float(ds.attrs.get("utc_offset_hours", 0.0)),
        notes=notes_of_record(ds),
    )


def site_record(
    section: MoistureSection, ds: xr.Dataset, *, static: Mapping[str, float] | None = None
) -> MoistureRecord:
    """Create the record of a site, with its static properties, JULES's run and the satellite series.

    Parameters
    ----------
    section : MoistureSection
    ds : xarray.Dataset
        Site dataset.
    static : mapping of str to float, optional
        Static properties of the site.

    Returns
    -------
    MoistureRecord

    Raises
    ------
    BadInput
        If a file cannot be used or does not overlap the record, or a required input is missing.
    """
    from jules_ml.data.readers.satellite_products import joined, read_lst_product, read_swi_product

    site = ds.attrs.get("site")
    if section.lst is not None:
        product = read_lst_product(section.lst, site=site)
        ds = joined(ds.drop_vars("lst", errors="ignore"), product["lst"], where=section.lst)
    if section.swi is not None:
        product = read_swi_product(section.swi, t_value=section.t_value, site=site)
        ds = joined(ds.drop_vars("swi", errors="ignore"), product["swi"], where=section.swi)
    run = None if section.jules is None else _first_guess(_run(section, section.jules))
    return moisture_record(ds, jules=run, theta_r=section.theta_r, static=static, frozen_below=section.frozen_below)


def simulated_theta(section: MoistureSection, ds: xr.Dataset, days: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Read the water content of the runs with other soils.

    Where a file lacks residual water content, as that of an ensemble of runs does, ``theta_r`` of the site is added. Its value has little
    effect, since networks are trained on anomalies.

    Parameters
    ----------
    section : MoistureSection
    ds : xarray.Dataset
        Site dataset.
    days : DatetimeIndex, shape (day,)
        Days of the record.

    Returns
    -------
    array, shape (run, day, 4)
        [m3 m-3]; NaN outside a run.

    Raises
    ------
    BadInput
        If a file cannot be used, or does not overlap the record.
    """
    runs = []
    for path in section.simulated:
        run = _run(section, path)
        members = [run.isel(member=k) for k in range(run.sizes["member"])] if "member" in run.dims else [run]
        runs += [run_by_day(each, ds, days, theta_r=section.theta_r, where=str(path)) for each in members]
    return np.array(runs).reshape(-1, len(days), len(LAYER_DEPTHS))


def _first_guess(run: xr.Dataset) -> xr.Dataset:
    """Reduce an ensemble of runs with several soils to one: the mean of their anomalies, with the mean of their moments.

    Soils differ in level and spread more than in timing, so that a plain mean would mostly follow those that vary most.
    """
    if "member" not in run.dims:
        return run
    name = "theta" if "theta" in run else "smcl"
    theta = run[name]
    mean, spread = theta.mean("time"), theta.std("time")
    anomaly = ((theta - mean) / spread.clip(min=1e-6)).mean("member")
    return run.isel(member=0).assign({name: mean.mean("member") + spread.mean("member") * anomaly})


def _run(section: MoistureSection, path: Path) -> xr.Dataset:
    """Read output of JULES, which has the dimensions y and x, or output of the soil column, or the file of an ensemble of either."""
    header = read_netcdf(path, required=["smcl"], variables=["smcl"], kind="a run with smcl in its output")
    if {"y", "x"} <= set(header.dims):
        return read_jules(path, variables=["smcl"], dzsoil=section.dzsoil)
    with xr.open_dataset(path, decode_times=False) as file:
        has_layers = "dzsoil" in file.variables
    # an ensemble of runs of JULES has no thickness of its layers
    return read_output(path, dzsoil=None if has_layers else section.dzsoil)
