"""What is to be notes of learned respiration: its card, its scores, its predictions and its figures."""

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
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.respiration.baselines import baselines, fitted_fsth_sat
from jules_ml.learned.respiration.figures import fit_skill, learned_curves, residuals
from jules_ml.learned.respiration.nights import ustar_entry
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.learned.respiration.training import TrainedRespiration
from jules_ml.scoring.fluxes import daily, nightly, noise_ceiling
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import split_of
from jules_ml.support.provenance import software

#: What was learned, in the words of the card.
QUANTITY = {
    "ecosystem": "ecosystem respiration: night-time NEE, with roots and leaves",
    "soil": "soil respiration, Rs: with roots",
    "heterotrophic": "heterotrophic soil respiration, Rh: without roots",
}
#: Rows that baselines are fitted to at most; more are thinned evenly.
_BASELINE_ROWS = 10000

_Mask = NDArray[np.bool_]


def predictions_of(learned: TrainedRespiration, rows: Rows, test: _Mask) -> xr.Dataset:
    """Observed and predicted flux of every row, with what it was predicted from and the part that the row was in."""
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
    """Scores of the test part, step by step and by night or day, of the learned form and of every baseline."""
    train, settings = rows.take(~test), learned.settings
    known = rows.with_flux()
    ceiling = noise_ceiling(known.flux, known.time, _step(known)) if len(rows.sites) == 1 else float("nan")
    found: dict[str, Any] = {
        "inner_validation": asdict(learned.validation) | {"given": learned.validation.form},
        "noise_ceiling": ceiling,
        "concurvity": learned.concurvity,
        "separability": None if learned.separability is None else asdict(learned.separability),
    }
    if not test.any():
        return found | {"test": None}
    scored = rows.take(test)
    names = {"learned": learned.predict(scored)}
    few = _few(train)
    for name, fit in baselines(settings.wilting).items():
        predict = fit(few.t_soil, few.wetness, few.group, few.flux)
        names[name] = predict(scored.t_soil, scored.wetness, scored.group)
    table = pd.DataFrame({"observed": scored.flux, **names})
    means = (nightly if settings.target == "ecosystem" else daily)(table, scored.middle, site=scored.site)
    whole = "nights" if settings.target == "ecosystem" else "days"
    interval = [predictions[key].to_numpy()[test] for key in ("lower", "upper", "observed")]
    found["test"] = {
        "steps": {name: asdict(score(table[name].to_numpy(), scored.flux)) for name in names},
        whole: {name: asdict(score(means[name].to_numpy(), means["observed"].to_numpy())) for name in names},
        "coverage": coverage(*interval),
        "interval_score": interval_score(*interval, cover=settings.interval),
    }
    return found


def card_of(
    datasets: Sequence[xr.Dataset], rows: Rows, test: _Mask, learned: TrainedRespiration, warnings: Sequence[str]
) -> dict[str, Any]:
    """What the module is, what it was learned from and how."""
    train, settings, module = rows.take(~test), learned.settings, learned.module
    moisture = moisture_of(train, settings)
    sites = {}
    for number, ds in enumerate(datasets):
        mine = train.time[train.site == number]
        sites[rows.sites[number]] = {
            "source": ds.attrs.get("source"),
            "licence": ds.attrs.get("licence"),
            "rows": len(mine),
            "first": str(mine.min()),
            "last": str(mine.max()),
            "interval_seconds": interval(ds).total_seconds(),
        }
    unit = "m3 m-3" if settings.moisture == "theta" else "1"
    return {
        "module": "respiration",
        "form": "R = R0 f(s) g(T), median curves of the ensemble",
        "given": learned.validation.form,
        "quantity": QUANTITY[settings.target],
        "settings": settings.model_dump(mode="json"),
        "inputs": {
            "moisture": {
                "variable": "theta",
                "as": settings.moisture,
                "units": unit,
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
            "inner": "years, or blocks of one or two months, held out in turn; also make the intervals",
        },
        "inner_validation": asdict(learned.validation) | {"given": learned.validation.form},
        "concurvity": learned.concurvity,
        "warnings": list(warnings),
        "sites": sites,
        "software": software(),
    }


def respiration_figures(learned: TrainedRespiration, rows: Rows, test: _Mask, predictions: xr.Dataset) -> dict[str, Figure]:
    """Figures of a fit, by the names of their files."""
    train, settings = rows.take(~test), learned.settings
    flux = QUANTITY[settings.target].partition(":")[0].capitalize()
    what = f"{', '.join(rows.sites[:4])}{' …' if len(rows.sites) > 4 else ''}; {len(train)} rows learned from."
    given = {
        "learned": "",
        "blend": f" Averaged with Lloyd and Taylor's form, at a weight of {learned.validation.weight:.1f}.",
        "lloyd_taylor": " Lloyd and Taylor's form is given: nothing better was found.",
    }[learned.validation.form]
    table = predictions[["observed", "predicted"]].to_dataframe()
    days = daily(table, rows.middle)
    day = rows.middle.floor("D")
    part = pd.Series(np.where(test, "test", "train"), index=day)
    parts = part.groupby(level=0).first()
    scored = table[test] if test.any() else table
    rest = rows.take(test) if test.any() else train
    missed = pd.DataFrame(
        {
            "residual": (scored["observed"] - scored["predicted"]).to_numpy(),
            "moisture": moisture_of(rest, settings),
            "t_soil": rest.t_soil,
            "hour": rest.middle.hour + rest.middle.minute / 60.0,
            "day_of_year": rest.middle.day_of_year,
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
            notes=[what + given + " Curves are one at the grey lines; dotted where they pass over to JULES's shape."],
        ),
        "observed_predicted": fit_skill(
            scored[["observed", "predicted"]],
            days,
            parts,
            flux=flux,
            notes=[
                "Shaded: held out and scored. The rest was learned from, its years or blocks of months held out in turn inside."
            ],
        ),
        "residuals": residuals(
            missed,
            notes=[
                "Points: rows of the test part. Lines and shades: medians and quartiles of bins of equally many rows."
            ],
        ),
    }


def _fsth_sat(train: Rows, learned: TrainedRespiration) -> float | None:
    if learned.settings.moisture == "none":
        return None
    few = _few(train)
    return fitted_fsth_sat(learned.settings.wilting, few.t_soil, few.wetness, few.group, few.flux)


def _few(rows: Rows) -> Rows:
    """Rows with a flux, thinned to what least squares needs."""
    known = rows.with_flux()
    return known.take(thinned_rows(len(known), _BASELINE_ROWS))


def _ustar_note(
    datasets: Sequence[xr.Dataset], least: float | Literal["estimate"] | None, rows: Rows, *, assimilation: bool
) -> str:
    if rows.variants is not None and assimilation:
        return "inner validation takes NEE under several thresholds; the final curves, learned along with photosynthesis, the reference one"
    if rows.variants is not None:
        return f"members take NEE under {rows.variants.shape[1] + 1} thresholds in turn"
    if rows.ustar:
        return "night rows below the estimated threshold of each site dropped: see ustar_threshold"
    if any("ustar" in ds for ds in datasets) and isinstance(least, float):
        return f"rows below {least:g} m s-1 dropped"
    return "no friction velocity in the record, or no threshold asked for: as the source filtered it"


def _step(rows: Rows) -> pd.Timedelta:
    """Usual distance of neighbouring rows."""
    return pd.Series(rows.time).diff().median()
