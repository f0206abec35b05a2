"""Records of respiration for tests: made from known curves, and the real ones of the shared folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.data.table import read_table
from jules_ml.data.table_spec import TableSpec
from jules_ml.physics.respiration import fsth, ftemp_q10

HYYTIALA = """
site = "FI-Hyy"
source = "SMEAR II, Hyytiälä, 2016 to 2020"
licence = "CC BY 4.0 (SMEAR open data)"
latitude = 61.85
longitude = 24.29
utc_offset_hours = 2.0
stamp_at = "start"
interval = "30min"
columns.NEE = {variable = "nee", unit = "umol m-2 s-1", quality = {column = "NEE_QC", measured = [0], filled = [1, 2]}}
columns.USTAR = {variable = "ustar", unit = "m s-1"}
columns.TA = {variable = "t_air", unit = "degC"}
columns.TS_A = {variable = "t_soil", unit = "degC", depth = nan}
columns.TS_B = {variable = "t_soil", unit = "degC", depth = nan}
columns.RH = {variable = "relative_humidity", unit = "%"}
columns.PAR = {variable = "ppfd", unit = "umol m-2 s-1"}
columns.SWC_B = {variable = "theta", unit = "m3 m-3", depth = nan}
"""


def hyytiala(shared_data: Path) -> xr.Dataset:
    """Half-hours of Hyytiälä, 2016 to 2020."""
    path = shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet"
    return read_table(path, TableSpec.model_validate(tomllib.loads(HYYTIALA)))


def made_record(
    *,
    days: int = 730,
    noise: float = 0.15,
    r0: float = 3.0,
    q10: float = 2.0,
    wilting: float = 0.3,
    porosity: float = 0.45,
    together: bool = False,
    seed: int = 0,
    site: str = "made",
    start: str = "2020-01-01 06:00",
) -> xr.Dataset:
    """A chamber's record every six hours, of JULES's own f and g with errors that grow with the flux.

    ``together`` makes water a function of temperature.
    """
    rng = np.random.default_rng(seed)
    time = pd.date_range(start, periods=days * 4, freq="6h")
    day = np.arange(len(time)) / 4.0
    t_soil = 283.0 + 9.0 * np.sin(2.0 * np.pi * (day - 100.0) / 365.25) + 2.0 * np.sin(2.0 * np.pi * day)
    t_soil += _wander(rng, len(time), 1.5)
    if together:
        wetness = 0.85 - 0.5 * (t_soil - t_soil.min()) / np.ptp(t_soil)
    else:
        wetness = np.clip(0.6 + _wander(rng, len(time), 0.17), 0.12, 0.98)
    f = fsth(torch.tensor(wetness), torch.tensor(wilting), torch.tensor(1.0), pools=1).numpy()
    flux = r0 * f * ftemp_q10(torch.tensor(t_soil), q10).numpy()
    flux = flux * (1.0 + noise * rng.standard_t(5, len(time)))
    return site_dataset(
        {"resp_soil": flux, "t_soil": t_soil[:, None], "theta": porosity * wetness[:, None]},
        time=time,
        interval=pd.Timedelta("6h"),
        meta=SiteMeta(site=site, source="made of JULES's curves", licence="none"),
        depth=[0.05],
        where=site,
    )


def _wander(rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    """Noise with a memory of ten days."""
    keep = np.exp(-1.0 / 40.0)
    values = np.empty(count)
    state = 0.0
    for i, kick in enumerate(rng.normal(size=count)):
        state = keep * state + np.sqrt(1.0 - keep**2) * kick
        values[i] = state
    return size * values
