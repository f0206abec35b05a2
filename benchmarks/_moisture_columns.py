"""First guess of soil moisture at towers and stations: the column under their weather with six fixed soils.

The soils span the texture triangle and are the same everywhere, so that nothing measured in the soil is used. Each layer of each run is
standardised; the first guess is the mean of the standardised runs, with the mean and the mean standard deviation of the runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import Claims
from _hydraulics import neon, uscrn
from _moisture import Records, read_records, with_runs
from _stages import kept
from numpy.typing import NDArray

from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.simulation import batch_soil, concatenate_soils, simulate
from jules_ml.learned.moisture.moments import MIN_SPREAD
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord

_Array = NDArray[np.float64]
#: Fractions of sand and clay of the fixed soils: sand, sandy loam, loam, silt loam, clay loam and clay.
SOILS = ((0.92, 0.03), (0.65, 0.10), (0.42, 0.18), (0.20, 0.14), (0.32, 0.33), (0.20, 0.58))
#: Bulk density and density of organic carbon of every soil [kg m-3].
_OTHER_PROPERTIES = {"bulk_density": 1400.0, "soc_density": 12.0}


#: Training runs of the column with drawn soils at each tower, in addition to its record.
DRAWN_SOILS = 12


def prepared_records(claims: Claims, data: Path, folder: Path | None) -> Records:
    """All records with the column as first guess and with runs of other soils; few, and JULES as first guess, in a quick run."""
    records: Records = kept(folder, "records", lambda: read_records(data, stations=6 if claims.quick else None))
    if claims.quick:
        return records
    names = {"columns": "first guess of the column", "runs": "runs of the column with other soils"}
    for stage, make in (("columns", with_columns), ("runs", partial(with_runs, soils=DRAWN_SOILS))):
        records, seconds = kept(folder, stage, partial(_timed, make, records, data))
        claims.report(f"{names[stage]}, processor time", seconds / 60.0, unit="min")
    return records


def _timed(make: Callable[[Records, Path], Records], records: Records, data: Path) -> tuple[Records, float]:
    begun = time.process_time()
    return make(records, data), time.process_time() - begun


def with_columns(records: Records, folder: Path) -> Records:
    """Replace the first guess of the records of towers and stations by that of the column; NaN where there is no column."""
    found = {}
    for sites, table in (neon(folder), uscrn(folder)):
        for site, runs in zip(sites, _runs(sites), strict=True):
            record = records.neon.get(site.name) or records.uscrn.get(site.name)
            if record is not None:
                offset = float(table.loc[site.name].get("utc_offset_hours", 0.0))
                found[site.name] = _first_guess(records, record, runs[:, _day_of(record, site, offset)])
    return replace(records, neon=_with_guess(records.neon, found), uscrn=_with_guess(records.uscrn, found))


def _with_guess(records: Mapping[str, MoistureRecord], found: Mapping[str, _Array]) -> dict[str, MoistureRecord]:
    return {
        site: replace(record, jules=found.get(site, np.full_like(record.jules, np.nan)))
        for site, record in records.items()
    }


def _runs(sites: list[HydraulicSite]) -> _Array:
    """Water content of the layers, shape (site, soil, day + 1, layer) [m3 m-3]; the last day is NaN."""
    columns = column_batch(sites)
    soils = []
    for sand, clay in SOILS:
        inputs = [{**site.inputs, "sand": sand, "clay": clay, **_OTHER_PROPERTIES} for site in sites]
        soils.append(batch_soil(columns, texture_parameters(inputs).float()))
    theta = simulate(columns, concatenate_soils(soils)).numpy().astype(np.float64)
    runs = theta.reshape(len(theta), len(LAYER_DEPTHS), len(SOILS), len(sites)).transpose(3, 2, 0, 1)
    return np.concatenate([runs, np.full_like(runs[:, :, :1], np.nan)], axis=2)


def _day_of(record: MoistureRecord, site: HydraulicSite, offset: float) -> NDArray[np.int64]:
    """Day of the run on each day of the record; -1, the day that is NaN, outside the run."""
    # weather of stations begins with the record; a run longer than its weather repeats it, so that only its first period is used
    begin = record.days[0] if site.start is None else site.start + pd.Timedelta(hours=offset)
    return np.asarray(pd.date_range(begin, periods=len(site.observed), freq="D").get_indexer(record.days))


def _first_guess(records: Records, record: MoistureRecord, runs: _Array) -> _Array:
    """Average the standardised runs, shape (day, layer), from shape (soil, day, layer)."""
    # mean and standard deviation are those of the training half, so that no later day is used
    early = runs[:, : records.parts[record.site].boundary] if record.site in records.parts else runs
    mean, spread = np.nanmean(early, axis=1), np.maximum(np.nanstd(early, axis=1), MIN_SPREAD)
    anomaly = ((runs - mean[:, None]) / spread[:, None]).mean(axis=0)
    guess: _Array = mean.mean(axis=0) + spread.mean(axis=0) * anomaly
    return guess
