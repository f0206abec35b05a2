"""Rows of a tower that respiration is fitted to: at night, measured, and above the threshold of friction velocity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jules_ml.data.quality import measured, night
from jules_ml.data.record import place
from jules_ml.data.ustar import UstarThreshold, ustar_threshold
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RowSettings


def night_rows(ds: xr.Dataset, rules: RowSettings) -> xr.DataArray:
    """Where it is night by ``rules``.

    Raises
    ------
    BadInput
        As :func:`jules_ml.data.quality.night`.
    """
    if rules.night_max_potential is None:
        return _dark_rows(ds, rules)
    return night(
        ds,
        max_potential=rules.night_max_potential,
        max_sw_down=rules.night_max_sw_down,
        max_ppfd=rules.night_max_ppfd,
    )


def _dark_rows(ds: xr.Dataset, rules: RowSettings) -> xr.DataArray:
    """Night by the measured light alone."""
    for name, limit in (("sw_down", rules.night_max_sw_down), ("ppfd", rules.night_max_ppfd)):
        if name in ds:
            return ds[name] < limit
    raise BadInput(
        "neither 'sw_down' nor 'ppfd' is there to tell night from day",
        where=place(ds),
        remedy="name the column of shortwave radiation or of photon flux when the file is read",
    )


def measured_nee(ds: xr.Dataset, rules: RowSettings) -> xr.DataArray:
    """Where NEE was measured.

    Raises
    ------
    BadInput
        If the record has no quality codes, and ``nee_is_measured`` is not set.
    """
    if "nee_qc" in ds or not rules.nee_is_measured:
        return measured(ds, "nee")
    return ds["nee"].notnull()


def estimated_ustar(ds: xr.Dataset, rules: RowSettings) -> UstarThreshold | None:
    """Estimate the threshold of friction velocity from a record's measured nights.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of a tower.
    rules : RowSettings

    Returns
    -------
    UstarThreshold or None
        None where ``rules.ustar_min`` is not ``"estimate"``, or the record holds NEE under several thresholds of its source.

    Raises
    ------
    BadInput
        If the record has no friction velocity, was filtered by it before, or has too few night rows; see
        :func:`~jules_ml.data.ustar.ustar_threshold`.
    """
    if rules.ustar_min != "estimate" or "nee_ustar" in ds:
        return None
    if "ustar" not in ds:
        raise BadInput(
            "there is no friction velocity ('ustar') to estimate a threshold from",
            where=place(ds, "ustar"),
            remedy="name its column (USTAR) in [data], or set ustar_min to a number in [respiration.rows]",
        )
    return ustar_threshold(ds, night_rows(ds, rules) & measured_nee(ds, rules), method=rules.ustar_method)


def least_ustar(rules: RowSettings, estimate: UstarThreshold | None) -> float | None:
    """Least friction velocity of a night row [m s-1]: the median of the estimate where there is one; None: any."""
    if estimate is not None:
        return estimate.p50
    return None if rules.ustar_min == "estimate" else rules.ustar_min


def rules_of_site(rules: RowSettings, card: Mapping[str, Any], site: str) -> RowSettings:
    """Row rules for another record of a site: the threshold estimated in the fit is kept."""
    estimate = card.get("ustar_threshold", {}).get(site)
    return rules if estimate is None else rules.model_copy(update={"ustar_min": estimate["p50"]})


def ustar_entry(threshold: UstarThreshold) -> dict[str, Any]:
    """Describe an estimate for the card: thresholds [m s-1] of all years together, and the median of each year."""
    values = threshold.by_year.to_numpy()
    medians = [float(np.median(row[np.isfinite(row)])) if np.isfinite(row).any() else None for row in values]
    years = map(str, threshold.by_year["year"].to_numpy().tolist())
    return {
        "method": threshold.method,
        "units": "m s-1",
        "p16": threshold.p16,
        "p50": threshold.p50,
        "p84": threshold.p84,
        "by_year": dict(zip(years, medians, strict=True)),
        "bootstraps": int(values.shape[1]),
        "bootstraps_without_threshold": float(np.isnan(values).mean()),
    }


def ustar_notes(thresholds: Mapping[str, UstarThreshold]) -> list[str]:
    """Notes for the user: the estimated threshold of each site, and its range."""
    return [
        f"{site}: the estimated u* threshold is {each.p50:.2f} m s-1 (16 to 84 %: {each.p16:.2f} to {each.p84:.2f} m s-1, "
        f"{each.method} method); night rows below it were dropped"
        for site, each in thresholds.items()
    ]
