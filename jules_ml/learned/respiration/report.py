"""Card, scores, predictions and figures of learned respiration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.data.record import interval
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent_figure import antecedent_curves
from jules_ml.learned.respiration.baseline_intervals import (
    SIMPLER,
    BaselinePrediction,
    baseline_predictions,
    baseline_rows,
)
from jules_ml.learned.respiration.baselines import fitted_fsth_saturated
from jules_ml.learned.respiration.figures import fit_skill, learned_curves, residuals
from jules_ml.learned.respiration.forms import FORM_NAMES
from jules_ml.learned.respiration.nights import ustar_entry
from jules_ml.learned.respiration.row_notes import ustar_note
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.learned.respiration.state import layer_entries
from jules_ml.learned.respiration.state_link import run_entry
from jules_ml.learned.respiration.stored_rows import QUANTITY, row_columns, row_variables
from jules_ml.learned.respiration.training import TrainedRespiration
from jules_ml.learned.training_days import TRAINING_DAYS, day_intervals
from jules_ml.learned.verdict import LEARNED, compared, verdict_of
from jules_ml.scoring.bootstrap import day_blocks
from jules_ml.scoring.fluxes import daily, nightly, noise_ceiling
from jules_ml.scoring.splits import split_of
from jules_ml.support.provenance import software

_Mask = NDArray[np.bool_]


def predictions_of(learned: TrainedRespiration, rows: Rows, test: _Mask) -> xr.Dataset:
    """Observed and predicted flux of every row, with its drivers and split."""
    lower, upper = learned.interval(rows)
    cross_validated = np.full(len(rows), np.nan)
    cross_validated[~test] = learned.cross_validated
    values = {"predicted": learned.predict(rows), "lower": lower, "upper": upper, "split": split_of(test).flags()}
    columns = row_variables(row_columns(rows) | values, learned.settings)
    long_name = "flux predicted by the fits of the inner validation without the row's block"
    columns["cross_validated"] = ("row", cross_validated, {"units": "umol m-2 s-1", "long_name": long_name})
    return xr.Dataset(columns, attrs={"comment": QUANTITY[learned.settings.target]})


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
    # a flux may be measured under other thresholds of friction velocity alone
    test = test & np.isfinite(rows.flux)
    if not test.any():
        return scores | {"test": None}
    scored = rows.take(test)
    lower, upper = (predictions[key].to_numpy()[test] for key in ("lower", "upper"))
    forms = {LEARNED: BaselinePrediction(learned.predict(scored), lower, upper)}
    forms |= baseline_predictions(train, scored, settings)
    steps = form_scores(forms, scored.flux, scored.middle, scored.site, cover=settings.interval)
    table = pd.DataFrame({"observed": scored.flux, **{name: form.predicted for name, form in forms.items()}})
    means = (nightly if settings.target == "ecosystem" else daily)(table, scored.middle, site=scored.site)
    site, day = (means.index.get_level_values(level) for level in (0, 1))
    period = "nights" if settings.target == "ecosystem" else "days"
    scores["test"] = {
        "steps": steps,
        period: compared(
            means["observed"].to_numpy(),
            {name: means[name].to_numpy() for name in forms},
            day_blocks(pd.DatetimeIndex(day), site=site.to_numpy()),
            measure="nse",
        ),
        "coverage": steps[LEARNED]["coverage"],
        "interval_score": steps[LEARNED]["interval_score"],
    }
    scores["verdict"] = verdict_of("respiration", steps, simpler=SIMPLER).to_scores()
    return scores


def form_scores(
    forms: Mapping[str, BaselinePrediction],
    observed: NDArray[np.float64],
    middle: pd.DatetimeIndex,
    site: NDArray[np.int64],
    *,
    cover: float,
) -> dict[str, dict[str, Any]]:
    """Score the learned form and the baselines with their intervals; see :func:`~jules_ml.learned.verdict.compared`.

    Parameters
    ----------
    forms : mapping of str to BaselinePrediction
        Predictions by name; that of the learned form is ``learned``.
    observed : array, shape (row,)
        Flux [umol m-2 s-1].
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    site : array of int, shape (row,)
        Number of each row's site.
    cover : float
        Nominal coverage of the intervals [1].
    """
    return compared(
        observed,
        {name: form.predicted for name, form in forms.items()},
        day_blocks(middle, site=site),
        measure="nse",
        intervals={name: (form.lower, form.upper) for name, form in forms.items()},
        cover=cover,
    )


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
        "antecedent": list(module.antecedent.drivers),
        "level": dict(zip(rows.groups, module.level.tolist(), strict=True)),
        "groups": list(rows.groups),
        "porosity": rows.porosity,
        "dry": rows.dry,
        "level_prior": None if learned.r0_prior is None else asdict(learned.r0_prior),
        "fsthsat_cs_decomp_opt1_fitted": _fsth_saturated(train, learned),
        "noise_scale": {"a": module.noise[:, 0].tolist(), "b": module.noise[:, 1].tolist()},
        "rows_dropped": rows.dropped,
        "ustar": ustar_note(datasets, settings.rows.ustar_min, rows, assimilation=settings.assimilation),
        "ustar_threshold": {site: ustar_entry(threshold) for site, threshold in rows.ustar.items()},
        "split": {
            "test": f"years {', '.join(map(str, settings.test_years))}"
            if settings.test_years
            else "last years or two-month blocks of each site",
            "rows_train": int((~test).sum()),
            "rows_test": int(test.sum()),
            "inner": "years, or blocks of one or two months, left out in turn; their errors also calibrate the intervals",
        },
        "inner_validation": asdict(learned.validation) | {"given": learned.validation.form},
        "concurvity": learned.concurvity,
        "warnings": list(warnings),
        "sites": _site_entries(datasets, train, learned),
        "software": software(),
    }


def _site_entries(
    datasets: Sequence[xr.Dataset], train: Rows, learned: TrainedRespiration
) -> dict[str, dict[str, Any]]:
    """Entries of the training sites in the card, by name."""
    entries = {}
    for number, ds in enumerate(datasets):
        times, middle = (index[train.site == number] for index in (train.time, train.middle))
        entries[train.sites[number]] = {
            "source": ds.attrs.get("source"),
            "licence": ds.attrs.get("licence"),
            "rows": len(times),
            "first": str(times.min()),
            "last": str(times.max()),
            TRAINING_DAYS: day_intervals(middle),
            "interval_seconds": interval(ds).total_seconds(),
            **run_entry(ds),
            **layer_entries(ds, times, learned.module, learned.settings),
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
    sites = ", ".join(rows.sites) if len(rows.sites) < 4 else f"{len(rows.sites)} sites"
    data = f"{sites}; {len(train)} training rows."
    weights = learned.validation.weights.items()
    used = ", ".join(f"{FORM_NAMES[name]} {weight:.2g}" for name, weight in weights if weight > 0.0)
    form = "" if learned.validation.form == "learned" else f" Forms and their weights: {used}."
    table = predictions[["observed", "predicted"]].to_dataframe()
    days = daily(table, rows.middle)
    day = rows.middle.floor("D")
    split = pd.Series(np.where(test, "test", "train"), index=day).groupby(level=0).first()
    measured = np.isfinite(rows.flux) & (test if test.any() else True)
    scored, scored_rows = table[measured], rows.take(measured)
    residual_table = pd.DataFrame(
        {
            "residual": (scored["observed"] - scored["predicted"]).to_numpy(),
            "moisture": moisture_of(scored_rows, settings),
            "t_soil": scored_rows.t_soil,
            "hour": scored_rows.middle.hour + scored_rows.middle.minute / 60.0,
            "day_of_year": scored_rows.middle.day_of_year,
        }
    )
    return _antecedent_figure(learned, train, data) | {
        "curves": learned_curves(
            learned.module,
            settings,
            moisture_of(train, settings),
            train.t_soil,
            porosity=float(np.mean(list(rows.porosity.values()))),
            fsth_saturated=_fsth_saturated(train, learned),
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


def _antecedent_figure(learned: TrainedRespiration, train: Rows, data: str) -> dict[str, Figure]:
    """Draw the factors of antecedent conditions, if there are any."""
    factor = learned.module.antecedent
    if not factor.drivers:
        return {}
    notes = [data + " Factors of predictions in addition to f and g, constant outside the range shown."]
    return {"antecedent": antecedent_curves(factor, train, notes=notes)}


def _fsth_saturated(train: Rows, learned: TrainedRespiration) -> float | None:
    """Fit ``fsthsat_cs_decomp_opt1`` to the training rows, if the module has an f."""
    if learned.settings.moisture == "none":
        return None
    fit_rows, settings = baseline_rows(train), learned.settings
    points = settings.wilting, settings.critical
    return fitted_fsth_saturated(*points, fit_rows.t_soil, fit_rows.wetness, fit_rows.group, fit_rows.flux)


def _step(rows: Rows) -> pd.Timedelta:
    """Median time step between consecutive rows."""
    return pd.Series(rows.time).diff().median()
