"""Soil ensembles at held-out sites that are chosen with some days of the site's own sensors, scored on all other days."""

from __future__ import annotations

import numpy as np
import torch
from _claims import Claims
from numpy.typing import NDArray

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.misfit import first_sensors, sensor_weights
from jules_ml.learned.hydraulics.soil_ensemble import run_moments, soil_library, soils_with_days
from jules_ml.scoring.bootstrap import BLOCK_DAYS

_Array = NDArray[np.float64]


def own_days(measured: NDArray[np.bool_], number: int, *, spread: bool) -> NDArray[np.int64]:
    """Days of the first sensor: the first ``number`` measured ones, or as many spread evenly over all."""
    days = np.flatnonzero(measured)
    return days[np.linspace(0, len(days) - 1, number).astype(np.int64)] if spread else days[:number]


def errors_with_days(
    batch: ColumnBatch,
    runs: NDArray[np.floating],
    draws: torch.Tensor,
    baselines: dict[str, torch.Tensor],
    *,
    number: int,
    spread: bool,
    deep_weight: float,
) -> dict[str, _Array]:
    """Unbiased root mean square error of the first sensor of every site on all days but the chosen ones [m3 m-3].

    Parameters
    ----------
    batch : ColumnBatch
    runs : array, shape (soil, day, sensor)
        Water content with each soil of the library [m3 m-3].
    draws : Tensor, shape (member, parameter, horizon, site)
        Soils of the library that were chosen without these days.
    baselines : dict of str to Tensor, shape (day, sensor)
        Water content of other soils [m3 m-3].
    number : int
        Number of days.
    spread : bool
        Whether they are spread over the record.
    deep_weight : float
        Total weight of the deeper sensors of a site.

    Returns
    -------
    dict of str to array, shape (site,)
        ``draws``, and each baseline; NaN where fewer than 40 days are left.
    """
    library = soil_library().flatten(1)
    observed, column = batch.observed.double().numpy(), batch.sensor_column.numpy()
    weight = sensor_weights(batch, deep_weight).numpy()
    first = torch.nonzero(first_sensors(batch))[:, 0].numpy()
    found = {name: np.full(len(first), np.nan) for name in ("draws", *baselines)}
    for site, at in enumerate(first):
        days = own_days(np.isfinite(observed[:, at]), number, spread=spread)
        sensors = np.flatnonzero(column == site)
        sensors = sensors[np.isfinite(observed[np.ix_(days, sensors)]).any(0)]
        prior = torch.cdist(draws[..., site].flatten(1).double(), library).argmin(1).numpy()
        moments = run_moments(runs[:, days][:, :, sensors], observed[np.ix_(days, sensors)])
        soils = soils_with_days(moments, weight[sensors], prior, len(np.unique(days // BLOCK_DAYS)))
        left = np.setdiff1d(np.flatnonzero(np.isfinite(observed[:, at])), days)
        if len(left) < 40:
            continue
        water = {"draws": runs[soils, :, at].mean(0)} | {k: x[:, at].double().numpy() for k, x in baselines.items()}
        for name, values in water.items():
            found[name][site] = np.std((values - observed[:, at])[left])
    return found


def claim_own_days(
    claims: Claims,
    network: str,
    batch: ColumnBatch,
    runs: NDArray[np.floating],
    draws: torch.Tensor,
    water: dict[str, torch.Tensor],
    keep: NDArray[np.bool_],
    deep_weight: float,
) -> None:
    """Report the errors of soil ensembles that are chosen with some days of the site's own sensors, on all other days."""
    baselines = {name: water[name] for name in ("cosby", "rosetta")}
    for number, spread in ((30, False), (90, False), (10, True), (30, True)):
        found = errors_with_days(batch, runs, draws, baselines, number=number, spread=spread, deep_weight=deep_weight)
        kept = {name: values[keep & np.isfinite(values)] for name, values in found.items()}
        median = {name: float(np.median(values)) for name, values in kept.items()}
        better = float(((kept["draws"] < kept["cosby"]) & (kept["draws"] < kept["rosetta"])).mean())
        days = f"{number} days {'spread over the record' if spread else 'at its start'}"
        note = f"{median['draws']:.4f} against {median['rosetta']:.4f} m3 m-3; below both at {better:.0%} of {len(kept['draws'])}"
        gain = 1.0 - median["draws"] / median["rosetta"]
        claims.report(
            f"{network}, {days}: median ubRMSE of mean of eight runs below that with Rosetta", gain, note=note
        )
