"""Sites of the soil-carbon module, with soil moisture, weather, static properties and cores, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.carbon.signatures import MIN_DRYDOWNS, MIN_EVENTS, SIGNATURES, Signatures, signatures
from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]

#: Fewest sites for a fit with leave-one-out cross-validation.
MIN_SITES: Final = 8
#: Fewest unfrozen days with soil moisture of a site.
MIN_DAYS: Final = 120
#: Least organic carbon of peat [g kg-1]: 12 %, that of a histic horizon.
PEAT: Final = 120.0
#: Range of organic carbon of a soil [kg kg-1]; the upper limit is that of organic matter.
MIN_CARBON: Final = 2e-4
MAX_CARBON: Final = 0.58
#: Grams per kilogram: the module predicts g kg-1, the unit of laboratories.
GRAMS: Final = 1000.0
#: Spread of the cores of a site by default [ln]: the median of NEON's 40 sites.
DEFAULT_SPREAD: Final = 0.4
#: Static inputs, which exclude soil: properties of a site by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`.
STATIC: Final = ("t_air_mean", "t_air_seasonality", "precip_annual", "elevation", "frac_tree", "frac_bare")
#: Static inputs that are log-transformed.
LOGARITHMIC: Final = ("precip_annual",)


@dataclass(frozen=True, eq=False)
class CarbonSite:
    """A site with its daily record and its cores.

    Attributes
    ----------
    name : str
    days : DatetimeIndex, shape (day,)
        Consecutive days in local standard time.
    theta : array, shape (day,)
        Water content of one sensor [m3 m-3]; NaN on frozen days and where the quality code excludes it.
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air, t_soil : array, shape (day,)
        [K]; NaN where missing.
    static : dict of str to float
        By the names of :data:`STATIC`; absent where unknown.
    soc : float
        Organic carbon of 0-30 cm, median of the cores [kg kg-1]; NaN for a site to predict.
    soc_spread : float
        Standard deviation of the logarithm of organic carbon among the cores [ln]: the error of their median as the carbon around the
        sensor.
    bulk_density : float
        Bulk density of 0-30 cm [kg m-3]; NaN where unknown.
    region : str
        Sites of one region are left out together.
    depends_on_carbon : bool
        Whether the water content was computed with soil carbon, as COSMOS_VWC is.
    diurnal_damping : float
        See :func:`~jules_ml.learned.carbon.signatures.diurnal_damping`; NaN for a daily record.
    notes : tuple of str
        Notes on the record; see :func:`~jules_ml.data.record.record_notes`.
    """

    name: str
    days: pd.DatetimeIndex
    theta: _Array
    precip: _Array
    t_air: _Array
    t_soil: _Array
    static: dict[str, float]
    soc: float = float("nan")
    soc_spread: float = DEFAULT_SPREAD
    bulk_density: float = float("nan")
    region: str = ""
    depends_on_carbon: bool = False
    diurnal_damping: float = float("nan")
    notes: tuple[str, ...] = ()

    def signatures(self) -> Signatures:
        """Compute the signatures of the record."""
        return signatures(
            self.days, self.theta, self.precip, self.t_air, self.t_soil, diurnal_damping=self.diurnal_damping
        )


def climate_of(precip: _Array, t_air: _Array) -> dict[str, float]:
    """Compute the climate of a record by the names of :data:`STATIC`.

    Parameters
    ----------
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air : array, shape (day,)
        [K].
    """
    monthly = pd.Series(t_air).rolling(30, center=True, min_periods=15).mean()
    return {
        "t_air_mean": float(np.nanmean(t_air)),
        "t_air_seasonality": float(monthly.std()),
        "precip_annual": DAYS_PER_YEAR * float(np.nanmean(precip)),
    }


@dataclass(frozen=True, eq=False)
class CarbonTable:
    """Inputs and targets of sites as a table.

    Attributes
    ----------
    names, regions : tuple of str
    static : DataFrame, shape (site, input)
        Columns of :data:`STATIC` that any site has; those of :data:`LOGARITHMIC` are logarithms.
    signatures : DataFrame, shape (site, signature)
    log_soc, spread : array, shape (site,)
        Logarithm of organic carbon [ln g kg-1] and the spread of the cores.
    """

    names: tuple[str, ...]
    regions: tuple[str, ...]
    static: pd.DataFrame
    signatures: pd.DataFrame
    log_soc: _Array
    spread: _Array

    def __len__(self) -> int:
        """Return the number of sites."""
        return len(self.names)


def carbon_table(sites: Sequence[CarbonSite], *, least: int = MIN_SITES, allow_cosmos_vwc: bool = False) -> CarbonTable:
    """Check sites and create their table.

    Parameters
    ----------
    sites : sequence of CarbonSite
    least : int
        Fewest sites; 1 for a prediction.
    allow_cosmos_vwc : bool
        Allow water content that was computed with soil carbon.

    Returns
    -------
    CarbonTable

    Raises
    ------
    BadInput
        If there are too few sites, duplicate sites, a site with too few days or rain events, water content that was computed with
        carbon, or carbon outside the valid range.
    """
    if len(sites) < least:
        raise BadInput(
            f"there are {len(sites)} sites with cores, and a fit of soil carbon needs {least}",
            remedy=f"give experiments of {least} sites or more with soc under [place]",
        )
    refuse_duplicates(sites)
    checked = []
    for site in sites:
        if site.depends_on_carbon and not allow_cosmos_vwc:
            raise BadInput(
                "COSMOS_VWC is computed with soil carbon, so it is not an independent predictor of carbon",
                where=f"{site.name}, theta",
                remedy="use TDT sensors or corrected counts, or set allow_cosmos_vwc = true, which marks every result",
            )
        check_carbon(site.soc, where=f"{site.name}, soc")
        checked.append(_checked_signatures(site))
    static = pd.DataFrame([{name: _static_input(site, name) for name in STATIC} for site in sites])
    return CarbonTable(
        names=tuple(site.name for site in sites),
        regions=tuple(site.region or site.name for site in sites),
        static=static.loc[:, static.notna().any()],
        signatures=pd.DataFrame([s.values for s in checked], columns=list(SIGNATURES)),
        log_soc=np.log([GRAMS * site.soc for site in sites]),
        spread=np.array([site.soc_spread for site in sites]),
    )


def _static_input(site: CarbonSite, name: str) -> float:
    """Return a static input of a site, log-transformed where required; NaN where unknown."""
    value = site.static.get(name, float("nan"))
    return float(np.log(max(value, 1.0))) if name in LOGARITHMIC else value


def refuse_duplicates(sites: Sequence[CarbonSite]) -> None:
    """Refuse duplicate sites, which would be predicted from each other when one is left out.

    Raises
    ------
    BadInput
        If two sites have the same name.
    """
    names = [site.name for site in sites]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise BadInput(
            f"the site {duplicates[0]} is given {names.count(duplicates[0])} times, and would be predicted from itself",
            where=duplicates[0],
            remedy="give each site once, or different names in [site] and the same region in [carbon_module]",
        )


def _checked_signatures(site: CarbonSite) -> Signatures:
    n_days = int(np.isfinite(site.theta).sum())
    if n_days < MIN_DAYS:
        raise BadInput(
            f"the record has soil moisture on {n_days} unfrozen days, and {MIN_DAYS} are needed",
            where=f"{site.name}, theta",
            remedy="give a longer record, or leave the site out",
        )
    result = site.signatures()
    if result.events < MIN_EVENTS or result.drydowns < MIN_DRYDOWNS:
        raise BadInput(
            f"there are {result.events} rain events with soil moisture and {result.drydowns} drydowns after them, and "
            f"{MIN_EVENTS} and {MIN_DRYDOWNS} are needed",
            where=f"{site.name}, precip",
            remedy="check the rain gauge and the unit of precipitation, or leave the site out",
        )
    return result


def check_carbon(soc: float, *, where: str) -> None:
    """Refuse organic carbon outside the valid range; NaN is allowed.

    Parameters
    ----------
    soc : float
        [kg kg-1].
    where : str
        Site and key, for the error message.

    Raises
    ------
    BadInput
        If the carbon is outside the range.
    """
    if np.isnan(soc) or MIN_CARBON <= soc <= MAX_CARBON:
        return
    raise BadInput(
        f"organic carbon of {soc:g} kg kg-1 is outside {MIN_CARBON:g} to {MAX_CARBON:g}",
        where=where,
        remedy="divide by 1000: the value seems to be in g kg-1"
        if soc > MAX_CARBON
        else "give kilograms of carbon per kilogram of soil",
    )
