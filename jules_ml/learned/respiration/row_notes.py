"""Number of rows that a fit used, and that each rule dropped, for the user and the card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.nights import is_by_radiation_alone
from jules_ml.learned.respiration.row_checks import KEYS, has_turned_sign
from jules_ml.learned.respiration.site import Rows


def row_notes(rows: Rows, test: NDArray[np.bool_], settings: RespirationSettings) -> list[str]:
    """Describe how many rows remain, and which rule dropped more than half of the measured ones.

    Parameters
    ----------
    rows : Rows
        Rows of the training and the test period.
    test : array of bool, shape (row,)
        Rows of the test period.
    settings : RespirationSettings

    Returns
    -------
    list of str
        Notes for the user.
    """
    dropped = sorted(((count, rule) for rule, count in rows.dropped.items() if count), reverse=True)
    listed = ", ".join(f"{rule} {count}" for count, rule in dropped)
    notes = [
        f"rows: {int((~test).sum())} training, {int(test.sum())} test" + (f"; dropped: {listed}" if listed else "")
    ]
    measured = len(rows) + sum(rows.dropped.get(rule, 0) for rule in KEYS)
    what = "night rows" if settings.target == "ecosystem" else "rows"
    notes += [
        f"{count} of {measured} measured {what} were dropped by one rule, '{rule}': its key is {KEYS[rule]}"
        for count, rule in dropped
        if rule in KEYS and 2 * count > measured
    ]
    return notes


#: Range of the drivers below which the modifiers are poorly known: of the temperature [K] and of the water content [m3 m-3].
_SMALL_T_RANGE, _SMALL_THETA_RANGE = 5.0, 0.05


def unfiltered_notes(datasets: Sequence[xr.Dataset], settings: RespirationSettings) -> list[str]:
    """Name the towers without friction velocity, whose calm nights a threshold cannot drop.

    Parameters
    ----------
    datasets : sequence of xarray.Dataset
        Site datasets.
    settings : RespirationSettings

    Returns
    -------
    list of str
        Notes for the user.
    """
    if settings.target != "ecosystem" or settings.rows.ustar_min is None:
        return []
    return [
        f"{ds.attrs.get('site', 'site')}: the record has no friction velocity ('ustar'), so calm nights were not dropped: name its "
        "column in [data], or set ustar_min = 'none' under [respiration.rows] if NEE is filtered already"
        for ds in datasets
        if "ustar" not in ds and "nee_ustar" not in ds
    ]


def night_notes(datasets: Sequence[xr.Dataset], settings: RespirationSettings) -> list[str]:
    """Name the towers of unknown position, whose night is that of measured radiation alone.

    Parameters
    ----------
    datasets : sequence of xarray.Dataset
        Site datasets.
    settings : RespirationSettings

    Returns
    -------
    list of str
        Notes for the user.
    """
    if settings.target != "ecosystem" or settings.rows.night_max_potential is None:
        return []
    return [
        f"{ds.attrs.get('site', 'site')}: the position is unknown, so night is where measured radiation is low: give latitude and "
        "longitude under [site], by which the sun also checks the clock"
        for ds in datasets
        if is_by_radiation_alone(ds)
    ]


def range_notes(rows: Rows, settings: RespirationSettings) -> list[str]:
    """Describe what cannot be learned from the rows of a site: of drivers that hardly vary, and of years whose flux has a reversed sign.

    Parameters
    ----------
    rows : Rows
        Rows of the training and the test period.
    settings : RespirationSettings

    Returns
    -------
    list of str
        Notes for the user.
    """
    notes = []
    for number, site in enumerate(rows.sites):
        mine = rows.take(rows.site == number)
        low, high = np.quantile(mine.t_soil, [0.01, 0.99])
        if high - low < _SMALL_T_RANGE:
            notes.append(
                f"{site}: the temperature varies only between {low:.1f} and {high:.1f} K in the rows, so g is poorly known, and not at all "
                "outside this range; another sensor or a longer record may help ([respiration] temperature_sensor)"
            )
        if settings.moisture != "none":
            low, high = np.quantile(mine.theta, [0.01, 0.99])
            if high - low < _SMALL_THETA_RANGE:
                notes.append(
                    f"{site}: the water content varies only between {low:.2f} and {high:.2f} m3 m-3 in the rows, so f is poorly known, "
                    "and not at all outside this range; another sensor may help ([respiration] moisture_sensor)"
                )
        years = mine.middle.year.to_numpy()
        turned = [str(year) for year in np.unique(years) if has_turned_sign(mine.flux[years == year])]
        if turned:
            notes.append(
                f"{site}: {settings.flux} is mostly negative in {', '.join(turned)}, where an ecosystem releases CO2: "
                "check its sign in these years"
            )
    return notes


def ustar_note(
    datasets: Sequence[xr.Dataset], least: float | Literal["estimate"] | None, rows: Rows, *, assimilation: bool
) -> str:
    """Describe the treatment of friction velocity for the card; ``least`` is the setting ``ustar_min``."""
    if rows.variants is not None and assimilation:
        return "inner validation uses NEE under several thresholds; the final curves, fitted with photosynthesis, use the reference one"
    if rows.variants is not None:
        return f"members use NEE under {rows.variants.shape[1] + 1} thresholds in turn"
    if rows.ustar:
        return "night rows below the estimated threshold of each site were dropped: see ustar_threshold"
    if any("ustar" in ds for ds in datasets) and isinstance(least, float):
        return f"rows below {least:g} m s-1 were dropped"
    if any("ustar" in ds for ds in datasets):
        return "no threshold (ustar_min = 'none'): only the filter of the source applies"
    return "no friction velocity in the record: only the filter of the source applies"
