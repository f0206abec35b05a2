"""Card, scores, predictions and figures of learned respiration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.data.record import interval
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.respiration.baselines import baselines, fitted_fsth_sat
from jules_ml.learned.respiration.figures import fit_skill, learned_curves, residuals
from jules_ml.learned.respiration.forms import FORM_NAMES
from jules_ml.learned.respiration.nights import ustar_entry
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.learned.respiration.training import TrainedRespiration
from jules_ml.scoring.fluxes import daily, nightly, noise_ceiling
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import split_of
from jules_ml.support.provenance import software

#: Description of each target flux in the card.
QUANTITY = {
    "ecosystem": "ecosystem respiration: night-time NEE, with roots and leaves",
    "soil": "soil respiration, Rs: with roots",
    "heterotrophic": "heterotrophic soil respiration, Rh: without roots",
}
#: Maximum number of rows that baselines are fitted to; more are thinned at random.
_BASELINE_ROWS = 10000

_Mask = NDArray[np.bool_]


def predictions_of(learned: TrainedRespiration, rows: Rows, test: _Mask) -> xr.Dataset:
    """Observed and predicted flux of every row, with its drivers and split."""
    lower, upper = learned.interval(rows)
    cross_validated = np.full(len(rows), np.nan)
    cross_validated[~test] = learned.cross_validated
    flux = {"units": "umol m-2 s-1"}
    columns: dict[str, tuple[Any, ...]] = {
        "time": ("row", rows.time.to_numpy(), {"standard_name": "time", "long_name": "end of interval, UTC"}),
        "site": ("row", np.array(rows.sites)[rows.site], {"long_name": "name of the site"}),
        **prediction_variables(
            "row",
            observed=rows.flux,
            predicted=learned.predict(rows),
            lower=lower,
            upper=upper,
            split=split_of(test).flags(),
            quantity=QUANTITY[learned.settings.target].partition(":")[0],
            interval=f"{100 * learned.settings.interval:g} % interval of an observation",
            attributes=flux,
        ),
        "cross_validated": (
            "row",
            cross_validated,
            flux | {"long_name": "flux predicted by the fits of the inner validation without the row's block"},
        ),
        "t_soil": ("row", rows.t_soil, {"units": "K", "long_name": learned.settings.temperature}),
        "theta": ("row", rows.theta, {"units": "m3 m-3", "long_name": "water content"}),
        "wetness": ("row", rows.wetness, {"units": "1", "long_name": "water as a fraction of saturation"}),
    }
    return xr.Dataset(columns, attrs={"Conventions": "CF-1.10", "comment": QUANTITY[learned.settings.target]})


def scores_of(learned: TrainedRespiration, rows: Rows, test: _Mask, predictions: xr.Dataset) -> dict[str, Any]:
    """Scores in the test period of the learned form and of every baseline, by time step and by night or day."""
    train, settings = rows.take(~test), learned.settings
    with_flux = rows.with_flux()
    ceiling = noise_ceiling(with_flux.flux, with_flux.time, _step(with_flux)) if len(rows.sites) == 1 else float("nan")
    scores: dict[str, Any] = {
        "inner_validation": asdict(learned.validation) | {"given": learned.validation.form},
        "noise_ceiling": ceiling,
        "concurvity": learned.concurvity,
        "separability": None if learned.separability is None else asdict(learned.separability),
    }
    if not test.any():
        return scores | {"test": None}
    scored = rows.take(test)
    predicted = {"learned": learned.predict(scored)}
    fit_rows = _baseline_rows(train)
    for name, fit in baselines(settings.wilting).items():
        predict = fit(fit_rows.t_soil, fit_rows.wetness, fit_rows.group, fit_rows.flux)
        predicted[name] = predict(scored.t_soil, scored.wetness, scored.group)
    table = pd.DataFrame({"observed": scored.flux, **predicted})
    means = (nightly if settings.target == "ecosystem" else daily)(table, scored.middle, site=scored.site)
    period = "nights" if settings.target == "ecosystem" else "days"
    interval = [predictions[key].to_numpy()[test] for key in ("lower", "upper", "observed")]
    scores["test"] = {
        "steps": {name: asdict(score(table[name].to_numpy(), scored.flux)) for name in predicted},
        period: {name: asdict(score(means[name].to_numpy(), means["observed"].to_numpy())) for name in predicted},
        "coverage": coverage(*interval),
        "interval_score": interval_score(*interval, cover=settings.interval),
    }
    return scores


def card_of(
    datasets: Sequence[xr.Dataset], rows: Rows, test: _Mask, learned: TrainedRespiration, warnings: Sequence[str]
) -> dict[str, Any]:
    """Describe the module, its training data and its fit for ``card.json``."""
    train, settings, module = rows.take(~test), learned.settings, learned.module
    moisture = moisture_of(train, settings)
    return {
        "module": "respiration",
        "form": "R = R0 f(s) g(T), median curves of the ensemble",
        "given": learned.validation.form,
        "quantity": QUANTITY[settings.target],
        "heterotrophic_fraction": settings.fraction,
        "settings": settings.model_dump(mode="json"),
        "soil": "sensors" if settings.state == "sensors" else f"model, {settings.state}",
        "inputs": {
            "moisture": {
                "variable": "theta" if settings.state == "sensors" else _moisture_of_model(settings),
                "as": settings.moisture,
                "units": "m3 m-3" if settings.moisture == "theta" else "1",
                "seen": module.seen_moisture.tolist(),
            },
            "temperature": {"variable": settings.temperature, "units": "K", "seen": module.seen_temperature.tolist()},
        },
        "output": {"units": "umol m-2 s-1"},
        "quantiles_of_data": {
            "moisture": np.quantile(moisture, [0.05, 0.5, 0.95]),
            "temperature": np.quantile(train.t_soil, [0.05, 0.5, 0.95]),
        },
        "normalisation": {"f_is_one_at": float(module.reference), "g_is_one_at": 282.4},
        "level": dict(zip(rows.groups, module.level.tolist(), strict=True)),
        "groups": list(rows.groups),
        "porosity": rows.porosity,
        "dry": rows.dry,
        "level_prior": None if learned.r0_prior is None else asdict(learned.r0_prior),
        "fsth_lessdecomp_sat_fitted": _fsth_sat(train, learned),
        "noise_scale": {"a": module.noise[:, 0].tolist(), "b": module.noise[:, 1].tolist()},
        "rows_dropped": rows.dropped,
        "ustar": _ustar_note(datasets, settings.rows.ustar_min, rows, assimilation=settings.assimilation),
        "ustar_threshold": {site: ustar_entry(threshold) for site, threshold in rows.ustar.items()},
        "split": {
            "test": "last years or two-month blocks of each site",
            "rows_train": int((~test).sum()),
            "rows_test": int(test.sum()),
            "inner": "years, or blocks of one or two months, left out in turn; their errors also calibrate the intervals",
        },
        "inner_validation": asdict(learned.validation) | {"given": learned.validation.form},
        "concurvity": learned.concurvity,
        "warnings": list(warnings),
        "sites": _site_entries(datasets, train),
        "software": software(),
    }


def _site_entries(datasets: Sequence[xr.Dataset], train: Rows) -> dict[str, dict[str, Any]]:
    """Describe the training data of each site for the card."""
    entries = {}
    for number, ds in enumerate(datasets):
        times = train.time[train.site == number]
        entries[train.sites[number]] = {
            "source": ds.attrs.get("source"),
            "licence": ds.attrs.get("licence"),
            "rows": len(times),
            "first": str(times.min()),
            "last": str(times.max()),
            "interval_seconds": interval(ds).total_seconds(),
        }
    return entries


def _moisture_of_model(settings: RespirationSettings) -> str:
    """Moisture variable of JULES that f was fitted to."""
    return "sthu+sthf" if settings.l_soil_resp_lev2 else "sthu"


def respiration_figures(
    learned: TrainedRespiration, rows: Rows, test: _Mask, predictions: xr.Dataset
) -> dict[str, Figure]:
    """Draw the figures of a fit, by file name."""
    train, settings = rows.take(~test), learned.settings
    flux = QUANTITY[settings.target].partition(":")[0].capitalize()
    data = f"{', '.join(rows.sites[:4])}{' …' if len(rows.sites) > 4 else ''}; {len(train)} training rows."
    weights = learned.validation.weights.items()
    used = ", ".join(f"{FORM_NAMES[name]} {weight:.2g}" for name, weight in weights if weight > 0.0)
    form = "" if learned.validation.form == "learned" else f" Forms and their weights: {used}."
    table = predictions[["observed", "predicted"]].to_dataframe()
    days = daily(table, rows.middle)
    day = rows.middle.floor("D")
    split = pd.Series(np.where(test, "test", "train"), index=day).groupby(level=0).first()
    scored = table[test] if test.any() else table
    scored_rows = rows.take(test) if test.any() else train
    residual_table = pd.DataFrame(
        {
            "residual": (scored["observed"] - scored["predicted"]).to_numpy(),
            "moisture": moisture_of(scored_rows, settings),
            "t_soil": scored_rows.t_soil,
            "hour": scored_rows.middle.hour + scored_rows.middle.minute / 60.0,
            "day_of_year": scored_rows.middle.day_of_year,
        }
    )
    return {
        "curves": learned_curves(
            learned.module,
            settings,
            moisture_of(train, settings),
            train.t_soil,
            porosity=float(np.mean(list(rows.porosity.values()))),
            fsth_sat=_fsth_sat(train, learned),
            notes=[
                data
                + form
                + " Curves are one at the grey lines. Dotted: outside the range that the data support, "
                + ("held at the edge." if settings.outside == "edge" else "blended into JULES's curves.")
            ],
        ),
        "observed_predicted": fit_skill(
            scored[["observed", "predicted"]],
            days,
            split,
            flux=flux,
            notes=[
                "Shaded: test period. The rest was used for training, with years or blocks of months left out in turn for inner validation."
            ],
        ),
        "residuals": residuals(
            residual_table,
            notes=[
                "Points: rows of the test period. Lines and shading: medians and quartiles of bins with equal numbers of rows."
            ],
        ),
    }


def _fsth_sat(train: Rows, learned: TrainedRespiration) -> float | None:
    """Fit ``fsth_lessdecomp_sat`` to the training rows, if the module has an f."""
    if learned.settings.moisture == "none":
        return None
    fit_rows = _baseline_rows(train)
    return fitted_fsth_sat(learned.settings.wilting, fit_rows.t_soil, fit_rows.wetness, fit_rows.group, fit_rows.flux)


def _baseline_rows(rows: Rows) -> Rows:
    """Rows with a flux, thinned to the number that baselines are fitted to."""
    valid = rows.with_flux()
    return valid.take(thinned_rows(len(valid), _BASELINE_ROWS))


def _ustar_note(
    datasets: Sequence[xr.Dataset], least: float | Literal["estimate"] | None, rows: Rows, *, assimilation: bool
) -> str:
    """Describe the treatment of friction velocity for the card."""
    if rows.variants is not None and assimilation:
        return "inner validation uses NEE under several thresholds; the final curves, fitted with photosynthesis, use the reference one"
    if rows.variants is not None:
        return f"members use NEE under {rows.variants.shape[1] + 1} thresholds in turn"
    if rows.ustar:
        return "night rows below the estimated threshold of each site were dropped: see ustar_threshold"
    if any("ustar" in ds for ds in datasets) and isinstance(least, float):
        return f"rows below {least:g} m s-1 were dropped"
    return "no friction velocity in the record, or no threshold set: only the filter of the source applies"


def _step(rows: Rows) -> pd.Timedelta:
    """Median time step between consecutive rows."""
    return pd.Series(rows.time).diff().median()
