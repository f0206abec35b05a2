"""Daily fluxes with their uncertainty, from the files of CalLMIP Phase 1.

References
----------
CalLMIP Phase 1 protocol, version 2, section 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

_Array = NDArray[np.float64]
#: Mass of carbon with which the files were made [g umol-1].
_GRAM_PER_UMOL: Final = 12.0e-6
#: Variables of the files by those of an observation, their unit there, and the factor to that of the observation.
_VARIABLES: Final = {
    "nee": ("NEE", "gC/m2/d", 1.0 / (_GRAM_PER_UMOL * SECONDS_PER_DAY)),
    "le": ("Qle", "W/m2", 1.0),
    "h": ("Qh", "W/m2", 1.0),
}


class DailyFlux(NamedTuple):
    """Daily means of a flux and their standard errors, shape (day,), NaN where missing: NEE [umol m-2 s-1], or heat [W m-2]."""

    observed: _Array
    uncertainty: _Array


def daily_fluxes(path: Path, *, start: pd.Timestamp, days: int) -> dict[str, DailyFlux]:
    """Read the fluxes of the days of a run.

    Parameters
    ----------
    path : Path
        netCDF file with ``NEE_daily``, ``Qle_daily`` and ``Qh_daily``, positive upward, and ``..._uc_daily``; days are in local time.
    start : Timestamp
        Start of the run, UTC: its days are those that begin at the nearest midnight.
    days : int
        Number of days of the run.

    Returns
    -------
    dict of str to DailyFlux
        ``nee``, ``le``, ``h``.

    Raises
    ------
    BadInput
        If the file cannot be read, or has other variables or units.
    """
    first = (start + pd.Timedelta(hours=12)).normalize()
    return {name: DailyFlux(*_of_days(pair, first, days)) for name, pair in all_fluxes(path).items()}


def all_fluxes(path: Path) -> dict[str, pd.DataFrame]:
    """All days of a file: ``observed`` and ``uncertainty`` of each flux by day, in the units of :func:`daily_fluxes`."""
    try:
        # a scalar that bears the name of a dimension keeps xarray from opening some of the files
        with netCDF4.Dataset(path) as file:
            stamps = netCDF4.num2date(file["time"][:], file["time"].units, only_use_cftime_datetimes=False)
            index = pd.DatetimeIndex(np.asarray(stamps, dtype="datetime64[ns]")).normalize()
            return {name: _table(file, *known, index, path) for name, known in _VARIABLES.items()}
    except (OSError, IndexError, AttributeError, ValueError) as error:
        raise BadInput(
            f"the file cannot be read as daily fluxes ({error})",
            where=path,
            remedy="give a file ..._daily_aggregated_..._Flux.nc of CalLMIP Phase 1, with NEE_daily, Qle_daily and Qh_daily",
        ) from error


def _table(
    file: netCDF4.Dataset, name: str, units: str, factor: float, index: pd.DatetimeIndex, path: Path
) -> pd.DataFrame:
    """Flux and uncertainty by day; days without either are missing."""
    columns = {}
    for column, variable in (("observed", f"{name}_daily"), ("uncertainty", f"{name}_uc_daily")):
        values = file[variable]
        if values.units != units:
            raise BadInput(
                f"the unit is {values.units!r}, not {units!r}",
                where=f"{path}, variable {variable}",
                remedy="give the file as CalLMIP published it",
            )
        columns[column] = factor * np.ma.filled(np.ma.masked_invalid(values[:]).astype(np.float64), np.nan)
    table = pd.DataFrame(columns, index=index)
    return table.where(table.notna().all(axis=1))


def _of_days(table: pd.DataFrame, first: pd.Timestamp, days: int) -> tuple[_Array, _Array]:
    chosen = table.reindex(pd.date_range(first, periods=days, freq="D"))
    return chosen["observed"].to_numpy(), chosen["uncertainty"].to_numpy()
