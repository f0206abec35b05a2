"""Sites to learn soil carbon from: a record of soil moisture and weather, what is known of the place, and what the cores gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.carbon.signatures import LEAST_DRYDOWNS, LEAST_EVENTS, SIGNATURES, Signatures, signatures
from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]

#: Fewest sites that anything can be learned from and scored by leaving one out.
LEAST_SITES: Final = 8
#: Days with soil moisture and without frost that a site must have.
LEAST_DAYS: Final = 120
#: Organic carbon from which on a soil counts as peat [g kg-1]: 12 %, the least of a histic horizon.
PEAT: Final = 120.0
#: Least and most organic carbon of a soil [kg kg-1]: the most is that of organic matter.
LEAST_CARBON: Final = 2e-4
MOST_CARBON: Final = 0.58
#: Grams in a kilogram: the networks and their predictions are in g kg-1, the unit of laboratories.
GRAMS: Final = 1000.0
#: Spread of cores within a site where it is not known [ln]: the median of NEON's 40 sites.
SPREAD_UNKNOWN: Final = 0.4
#: Static inputs without soil: properties of a site by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`.
STATIC: Final = ("t_air_mean", "t_air_seasonality", "precip_annual", "elevation", "frac_tree", "frac_bare")
#: Static inputs that enter by their logarithm.
LOGARITHMIC: Final = ("precip_annual",)


@dataclass(frozen=True, eq=False)
class CarbonSite:
    """One site.

    Attributes
    ----------
    name : str
    days : DatetimeIndex, shape (day,)
        Days in a row, local.
    theta : array, shape (day,)
        Water content of one sensor [m3 m-3]; frozen and doubtful days NaN.
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air, t_soil : array, shape (day,)
        [K]; NaN where not known.
    static : dict of str to float
        By the names of :data:`STATIC`; unknown ones are left out.
    soc : float
        Organic carbon of 0-30 cm, median of the cores [kg kg-1]; NaN where it is to be predicted.
    soc_spread : float
        Standard deviation of its logarithm among the cores: the error of taking the median for what is around the sensor.
    bulk_density : float
        Of 0-30 cm [kg m-3]; NaN where not known.
    region : str
        Sites of one region are left out together.
    knows_carbon : bool
        Whether carbon has gone into the water content, as in COSMOS_VWC.
    diurnal_damping : float
        See :func:`~jules_ml.learned.carbon.signatures.diurnal_damping`; NaN where the record has but days.
    """

    name: str
    days: pd.DatetimeIndex
    theta: _Array
    precip: _Array
    t_air: _Array
    t_soil: _Array
    static: dict[str, float]
    soc: float = float("nan")
    soc_spread: float = SPREAD_UNKNOWN
    bulk_density: float = float("nan")
    region: str = ""
    knows_carbon: bool = False
    diurnal_damping: float = float("nan")

    def signatures(self) -> Signatures:
        """Signatures of the record."""
        return signatures(
            self.days, self.theta, self.precip, self.t_air, self.t_soil, diurnal_damping=self.diurnal_damping
        )


def climate_of(precip: _Array, t_air: _Array) -> dict[str, float]:
    """Climate of a record by the names of :data:`STATIC`.

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
    """Sites as rows of numbers.

    Attributes
    ----------
    names, regions : tuple of str
    static : DataFrame, shape (site, input)
        Columns of :data:`STATIC` that any site has; those of :data:`LOGARITHMIC` as logarithms.
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
        return len(self.names)


def carbon_table(
    sites: Sequence[CarbonSite], *, least: int = LEAST_SITES, allow_cosmos_vwc: bool = False
) -> CarbonTable:
    """Check sites and turn them into rows.

    Parameters
    ----------
    sites : sequence of CarbonSite
    least : int
        Fewest sites; 1 where they are only predicted.
    allow_cosmos_vwc : bool
        Let in water content that was computed with carbon.

    Raises
    ------
    BadInput
        If there are too few sites, two bear one name, one has no rain events, water content that carbon has gone into, or carbon that
        cannot be.
    """
    if len(sites) < least:
        raise BadInput(
            f"there are {len(sites)} sites, and soil carbon is learned from {least} or more",
            remedy=f"give an experiment for each of {least} sites or more; nothing can be said of fewer",
        )
    refuse_twins(sites)
    found = []
    for site in sites:
        if site.knows_carbon and not allow_cosmos_vwc:
            raise BadInput(
                "COSMOS_VWC is computed with the soil's carbon, so that carbon would be learned from itself",
                where=f"{site.name}, theta",
                remedy="use TDT sensors or corrected counts, or set allow_cosmos_vwc = true and have every result marked",
            )
        check_carbon(site.soc, where=f"{site.name}, soc")
        found.append(_checked_signatures(site))
    static = pd.DataFrame([{name: _static_input(site, name) for name in STATIC} for site in sites])
    return CarbonTable(
        names=tuple(site.name for site in sites),
        regions=tuple(site.region or site.name for site in sites),
        static=static.loc[:, static.notna().any()],
        signatures=pd.DataFrame([s.values for s in found], columns=list(SIGNATURES)),
        log_soc=np.log([GRAMS * site.soc for site in sites]),
        spread=np.array([site.soc_spread for site in sites]),
    )


def _static_input(site: CarbonSite, name: str) -> float:
    """Static input of a site as the regression takes it; NaN where it is unknown."""
    value = site.static.get(name, float("nan"))
    return float(np.log(max(value, 1.0))) if name in LOGARITHMIC else value


def refuse_twins(sites: Sequence[CarbonSite]) -> None:
    """Refuse sites of one name: left out, one would be predicted from the other.

    Raises
    ------
    BadInput
    """
    names = [site.name for site in sites]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise BadInput(
            f"the site {twins[0]} is given {names.count(twins[0])} times, and would be predicted from itself",
            where=twins[0],
            remedy="give each site once, or a name of its own in [site] and one region to both in [carbon_module]",
        )


def _checked_signatures(site: CarbonSite) -> Signatures:
    n_days = int(np.isfinite(site.theta).sum())
    if n_days < LEAST_DAYS:
        raise BadInput(
            f"soil moisture is known on {n_days} days without frost, and {LEAST_DAYS} are needed",
            where=f"{site.name}, theta",
            remedy="give a longer record, or leave the site out",
        )
    made = site.signatures()
    if made.events < LEAST_EVENTS or made.drydowns < LEAST_DRYDOWNS:
        raise BadInput(
            f"there are {made.events} rain events with soil moisture known and {made.drydowns} drydowns after them, and "
            f"{LEAST_EVENTS} and {LEAST_DRYDOWNS} are needed",
            where=f"{site.name}, precip",
            remedy="look whether the rain gauge worked and precipitation is in the right unit, or leave the site out",
        )
    return made


def check_carbon(soc: float, *, where: str) -> None:
    """Refuse organic carbon that cannot be; NaN, which is unknown, passes.

    Parameters
    ----------
    soc : float
        [kg kg-1].
    where : str
        For the message.

    Raises
    ------
    BadInput
    """
    if np.isnan(soc) or LEAST_CARBON <= soc <= MOST_CARBON:
        return
    raise BadInput(
        f"organic carbon of {soc:g} kg kg-1 is outside {LEAST_CARBON:g} to {MOST_CARBON:g}",
        where=where,
        remedy="divide by 1000, it seems to be in g kg-1"
        if soc > MOST_CARBON
        else "give kilograms of carbon per kilogram of soil",
    )
