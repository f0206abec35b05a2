"""``[moisture]``: how soil moisture is learned at a site, and what is known there beside the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, field_validator

from jules_ml.data.jules import read_jules
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.experiment.section import DataPath, PerLayer
from jules_ml.modules.moisture_inputs import STATIC_RANGE
from jules_ml.modules.moisture_settings import MoistureSettings
from jules_ml.simulation.output import read_output
from jules_ml.training.moisture.frame import LAYER_DEPTHS, MoistureRecord, moisture_record, run_by_day

if TYPE_CHECKING:
    from jules_ml.experiment.load import Experiment
    from jules_ml.fitting.moisture import MoistureSite


class MoistureSection(MoistureSettings):
    """Settings of learning, and what a site has beside its record."""

    jules: DataPath | None = Field(
        default=None,
        description="output of a run at the site, with `smcl`: the first guess. JULES's own, or that of `jules-ml run`",
    )
    simulated: tuple[DataPath, ...] = Field(
        default=(),
        description="output of runs at the site with other soils, or ensembles of them, over more years than water content was "
        "measured: they are learned from beside it",
    )
    dzsoil: PerLayer = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        description="thickness of the soil layers of JULES's output, which does not say it [m]",
    )
    lst: DataPath | None = Field(
        default=None,
        description="surface temperature of a satellite as point series, CSV or netCDF, in place of the record's",
    )
    swi: DataPath | None = Field(
        default=None, description="soil water index of Copernicus as point series, CSV or netCDF"
    )
    t_value: int = Field(default=20, ge=1, le=100, description="its T-value [d]")
    site_properties: dict[str, float] = Field(
        default_factory=dict,
        description="what is known of the place by name: clay, sand [%], bulk_density [g cm-3], soc [kg m-2], elevation [m]; trees, "
        "grass, bare [1]; and, where the record is short of a year, precip_year [kg m-2], t_air_mean [K], vpd_mean [Pa]",
    )
    sm_sat: PerLayer | None = Field(
        default=None, description="JULES's water content at saturation, for `export --to prescribed` [m3 m-3]"
    )
    theta_r: PerLayer = Field(default=(0.0,), description="residual water, which JULES leaves out [m3 m-3]")

    @field_validator("site_properties")
    @classmethod
    def _known_and_possible(cls, given: dict[str, float]) -> dict[str, float]:
        for name, value in given.items():
            if name not in STATIC_RANGE:
                raise ValueError(f"'{name}' is no property that is known; choose among {', '.join(STATIC_RANGE)}")
            least, most = STATIC_RANGE[name]
            if not least <= value <= most:
                raise ValueError(f"{name} = {value:g} is beyond {least:g} to {most:g}: see its unit")
        return given

    def record(self, ds: xr.Dataset) -> MoistureRecord:
        """The site's days, with JULES's run and the satellites' series joined.

        Raises
        ------
        BadInput
            If a file cannot be used, does not overlap the record, or the record lacks what cannot be done without.
        """
        from jules_ml.data.satellite_products import joined, read_lst_product, read_swi_product

        if self.lst is not None:
            ds = joined(ds.drop_vars("lst", errors="ignore"), read_lst_product(self.lst)["lst"], where=self.lst)
        if self.swi is not None:
            product = read_swi_product(self.swi, t_value=self.t_value)
            ds = joined(ds.drop_vars("swi", errors="ignore"), product["swi"], where=self.swi)
        run = None if self.jules is None else self._run(self.jules)
        return moisture_record(
            ds, jules=run, theta_r=self.theta_r, static=self.site_properties, frozen_below=self.frozen_below
        )

    def simulated_theta(self, ds: xr.Dataset, days: pd.DatetimeIndex) -> NDArray[np.float64]:
        """Water content of the runs with other soils, shape (run, day, 4) [m3 m-3]; NaN where they do not reach.

        An ensemble's file does not tell residual water, which is left out there: what counts is how a run changes.

        Raises
        ------
        BadInput
            If a file cannot be used, or has no day of the record.
        """
        runs = []
        for path in self.simulated:
            run = self._run(path)
            members = [run.isel(member=k) for k in range(run.sizes["member"])] if "member" in run.dims else [run]
            runs += [run_by_day(each, ds, days, theta_r=self.theta_r, where=str(path)) for each in members]
        return np.array(runs).reshape(-1, len(days), len(LAYER_DEPTHS))

    def _run(self, path: Path) -> xr.Dataset:
        """Output of JULES, whose dimensions are y and x among others, or of a run of the column."""
        header = read_netcdf(path, required=["smcl"], variables=["smcl"], kind="a run with smcl in its output")
        if {"y", "x"} <= set(header.dims):
            return read_jules(path, variables=["smcl"], dzsoil=self.dzsoil)
        return read_output(path)


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
    from jules_ml.fitting.moisture import MoistureSite

    section = experiment.moisture or MoistureSection()
    ds = experiment.record()
    record = section.record(ds)
    return MoistureSite(
        record=record,
        simulated=section.simulated_theta(ds, record.days) if to_learn and section.simulated else None,
        licence=str(ds.attrs.get("licence", "not stated")),
        sm_sat=section.sm_sat,
        theta_r=section.theta_r,
        utc_offset_hours=float(ds.attrs.get("utc_offset_hours", 0.0)),
    )
