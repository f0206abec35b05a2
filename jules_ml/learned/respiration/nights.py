"""Selection of tower rows for respiration: night, measured NEE, and friction velocity above its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jules_ml.data.quality import measured, night
from jules_ml.data.record import has_position, place, variable
from jules_ml.data.ustar import UstarThreshold, ustar_threshold
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RowSettings


def night_rows(ds: xr.Dataset, rules: RowSettings) -> xr.DataArray:
    """Return where it is night by ``rules``, shape (time,).

    Where the position of the site is unknown, measured radiation alone decides: see :func:`is_by_radiation_alone`.

    Raises
    ------
    BadInput
        As :func:`jules_ml.data.quality.night`.
    """
    return night(
        ds,
        max_potential=None if is_by_radiation_alone(ds) else rules.night_max_potential,
        max_sw_down=rules.night_max_sw_down,
        max_ppfd=rules.night_max_ppfd,
    )


def is_by_radiation_alone(ds: xr.Dataset) -> bool:
    """Whether neither the position of a tower nor its potential radiation is known, so that the sun cannot confirm the night."""
    return "sw_pot" not in ds and not has_position(ds)


def measured_nee(ds: xr.Dataset, rules: RowSettings) -> xr.DataArray:
    """Return where NEE was measured, shape (time,).

    Raises
    ------
    BadInput
        If the record has no quality codes, and ``nee_is_measured`` is not set.
    """
    if "nee_qc" in ds:
        return measured(ds, "nee")
    if not rules.nee_is_measured:
        column = str(variable(ds, "nee").attrs.get("column", "the column of NEE"))
        raise BadInput(
            f"NEE ({column}) has no quality codes, so gap-filled values cannot be distinguished from measured ones",
            where=place(ds, "nee"),
            remedy="if the file contains no gap-filled NEE, set respiration.rows.nee_is_measured = true (key nee_is_measured under "
            f"[respiration.rows]); else name its quality column, in reader 'table' by quality = {{column = ..., measured = [0], "
            f"filled = [1, 2]}} for {column}",
        )
    return ds["nee"].notnull()


def estimated_ustar(ds: xr.Dataset, rules: RowSettings) -> UstarThreshold | None:
    """Estimate the threshold of friction velocity from a record's measured nights.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of a tower.
    rules : RowSettings
        Rules for night rows and for the threshold.

    Returns
    -------
    UstarThreshold or None
        ``None`` if ``rules.ustar_min`` is not ``"estimate"``, or the record contains NEE under several thresholds of its source.

    Raises
    ------
    BadInput
        If the record has no friction velocity, was already filtered by it, or has too few night rows; see
        :func:`~jules_ml.data.ustar.ustar_threshold`.
    """
    if rules.ustar_min != "estimate" or "nee_ustar" in ds:
        return None
    if "ustar" not in ds:
        raise BadInput(
            "the record contains no friction velocity ('ustar') to estimate a threshold from",
            where=place(ds, "ustar"),
            remedy="name its column (USTAR) in [data], or set ustar_min to a number in [respiration.rows]",
        )
    return ustar_threshold(ds, night_rows(ds, rules) & measured_nee(ds, rules), method=rules.ustar_method)


def least_ustar(rules: RowSettings, estimate: UstarThreshold | None) -> float | None:
    """Minimum friction velocity of a night row [m s-1]: the median of the estimate, else the setting; ``None`` for no limit."""
    if estimate is not None:
        return estimate.p50
    return None if rules.ustar_min == "estimate" else rules.ustar_min


def rules_of_site(rules: RowSettings, card: Mapping[str, Any], site: str) -> RowSettings:
    """Row rules for another record of a site, with the threshold estimated in the fit."""
    estimate = card.get("ustar_threshold", {}).get(site)
    return rules if estimate is None else rules.model_copy(update={"ustar_min": estimate["p50"]})


def ustar_entry(threshold: UstarThreshold) -> dict[str, Any]:
    """Describe an estimate for the card: thresholds [m s-1] over all years, and the median of each year."""
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
    """Describe the estimated threshold of each site and its range, for the user."""
    return [
        f"{site}: the estimated u* threshold is {each.p50:.2f} m s-1 (16 to 84 %: {each.p16:.2f} to {each.p84:.2f} m s-1, "
        f"{each.method} method); night rows below it were dropped"
        for site, each in thresholds.items()
    ]
