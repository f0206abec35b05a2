"""Night respiration in the column: learned curves beside JULES's, on nights that were not used to fit them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _claims import Claims
from _respiration import quietly
from numpy.typing import NDArray

from jules_ml.column.run import run_column
from jules_ml.data.readers.davos import fetch_davos, read_davos
from jules_ml.demo.run import davos_experiment
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.hydraulics.fit import fit_hydraulics
from jules_ml.learned.respiration.baselines import baselines
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.site import Rows, select_rows
from jules_ml.learned.respiration.state import with_soil_state
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import learned_tables
from jules_ml.scoring.bootstrap import Difference, paired_gain
from jules_ml.scoring.fluxes import nightly
from jules_ml.scoring.scores import Scores, score

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Nights of US-Hn1: measured half-hours with SW_IN below 5 W m-2, u* above 0.2 m s-1 and NEE of -2 to 8 umol m-2 s-1. Frozen soil stays.
HN1_ROWS = RowSettings(
    night_max_potential=None,
    night_max_sw_down=5.0,
    ustar_min=0.2,
    least_flux=-2.0,
    most_flux=8.0,
    frozen_below=None,
    stuck_after=None,
)
#: Baselines that are reported beside the learned form.
_BASELINES = ("Lloyd-Taylor", "spline", "boosting")
_LEAST_STEPS = 4
#: Claims at US-Hn1.
_NAMES = ("NSE of nights in the column", "KGE of nights above stock", "lower end of the gain in NSE")


@dataclass(frozen=True, eq=False)
class Nights:
    """Predictions of held-out rows by each form, in half-hours and as nightly means, with the base rate of each fitted."""

    steps: pd.DataFrame
    nights: pd.DataFrame

    def scores(self, form: str, *, nights: bool = True) -> Scores:
        """Scores of a form."""
        frame = (self.nights if nights else self.steps)[["observed", form]].dropna()
        return score(frame[form].to_numpy(), frame["observed"].to_numpy())


def night_claims(claims: Claims, data: Path, *, quick: bool) -> None:
    """Claims on night respiration at US-Hn1 and Davos."""
    path = data / "respiration" / "us_hn1_column.toml"
    if path.is_file():
        hanford_claims(claims, load_experiment(path), quick=quick)
    else:
        for name, target in zip(_NAMES, (0.25, 0.10, 0.0), strict=True):
            claims.not_measured(f"US-Hn1: {name}", ">=", target, why="the record is not there")
    davos = "CH-Dav 2021-2022: NSE of nights above stock"
    if quick:
        claims.not_measured(davos, ">=", -0.01, why="ten years of the column are left out of the quick run")
        return
    try:
        record = read_davos(fetch_davos(message=lambda _: None))
    except BadInput as error:
        claims.not_measured(davos, ">=", -0.01, why=error.problem)
        return
    davos_claims(claims, davos, record)


def hanford_claims(claims: Claims, experiment: Experiment, *, quick: bool) -> None:
    """US-Hn1, four folds of two-month blocks; the quick run has no spin-up, on which the scores depend, and no baselines."""
    record = experiment.record()
    output = column_output(experiment, record, spin_up=not quick)
    with_state = with_soil_state(record, output)
    settings = model_settings(HN1_ROWS, with_state)
    rows = select_rows(with_state, settings)
    forms = cross_validated(
        rows, settings, two_month_folds(rows), stock=stock_respiration(output, rows), others=() if quick else _BASELINES
    )
    if not quick:
        sensors = select_rows(record, sensor_settings(HN1_ROWS))
        forms |= fitted_on_sensors(sensors, rows, sensor_settings(HN1_ROWS))
    nights = averaged(rows, forms)
    learned, stock = nights.scores("learned"), nights.scores("stock")
    if quick:
        for name, target in zip(_NAMES[:2], (0.25, 0.10), strict=True):
            claims.not_measured(f"US-Hn1: {name}", ">=", target, why="the quick run has no spin-up")
    else:
        note = f"{learned.n} nights, {len(rows)} half-hours"
        claims.check(f"US-Hn1: {_NAMES[0]}", learned.nse, ">=", 0.25, note=note)
        claims.check(f"US-Hn1: {_NAMES[1]}", learned.kge - stock.kge, ">=", 0.10, note=f"stock {stock.kge:.3f}")
    by_night, by_block = (gain_over_stock(nights.nights, days) for days in (1, 10))
    claims.check(f"US-Hn1: {_NAMES[2]}", by_night.lower, ">=", 0.0, note=f"gain {by_night.value:.3f}, nights drawn")
    claims.report(f"US-Hn1: {_NAMES[2]}, ten days", by_block.lower, note="blocks of ten days drawn")
    report_forms(claims, "US-Hn1", nights)
    real = "US-Hn1: f g of a real swapped run differs by"
    if quick:
        claims.not_measured(real, "<=", 1e-6, why="a second run of the column is left out of the quick run")
        return
    joint = calibrated_soil(experiment, record)
    scores = joint.scores("learned")
    note = f"KGE {scores.kge:.3f}; the soil is calibrated to theta, then f and g are fitted to the state of that column"
    claims.report("US-Hn1: NSE of nights, learned, with calibrated soil", scores.nse, note=note)
    difference = swapped_run_difference(experiment, record, with_state, output)
    claims.check(
        real, difference, "<=", 1e-6, note="from the curves on the state of the stock run, relative to the mean"
    )


def calibrated_soil(experiment: Experiment, record: xr.Dataset) -> Nights:
    """Nights of US-Hn1 with hydraulics, curves and base rate fitted together.

    The respiration of the one-pool column has no effect on its water and heat, so that alternating between soil and curves converges in one
    pass.
    """
    with tempfile.TemporaryDirectory() as folder:
        soil = Path(folder) / "soil"
        settings = HydraulicSettings(test_fraction=0.0)
        fit_hydraulics([experiment.model_copy(update={"hydraulics": settings})], soil)
        modules = experiment.modules.model_copy(update={"hydraulics": soil})
        output = column_output(experiment.model_copy(update={"modules": modules}), record, spin_up=True)
    with_state = with_soil_state(record, output)
    settings_of_nights = model_settings(HN1_ROWS, with_state)
    rows = select_rows(with_state, settings_of_nights)
    stock = stock_respiration(output, rows)
    return averaged(rows, cross_validated(rows, settings_of_nights, two_month_folds(rows), stock=stock, others=()))


def davos_claims(claims: Claims, name: str, record: xr.Dataset) -> None:
    """Davos, fitted to 2013-2020."""
    experiment = davos_experiment()
    output = column_output(experiment, record, spin_up=True)
    with_state = with_soil_state(record, output)
    assert experiment.respiration is not None
    settings = model_settings(experiment.respiration.rows, with_state)
    rows = select_rows(with_state, settings)
    fold = np.where(rows.middle.year >= 2021, 0, -1)
    nights = averaged(rows, cross_validated(rows, settings, fold, stock=stock_respiration(output, rows)))
    learned, stock = nights.scores("learned"), nights.scores("stock")
    gain = gain_over_stock(nights.nights, 10)
    note = f"{learned.n} nights; interval {gain.lower:.3f} to {gain.upper:.3f}, blocks of ten days drawn"
    claims.check(name, learned.nse - stock.nse, ">=", -0.01, note=note)
    report_forms(claims, "CH-Dav 2021-2022", nights)


def column_output(experiment: Experiment, record: xr.Dataset, *, spin_up: bool) -> xr.Dataset:
    """Half-hourly output of a stock run of the column."""
    assert experiment.run is not None
    changes: dict[str, object] = {"mean_over": 1, "outputs": ("sthu", "sthf", "t_soil", "fsth", "ftemp")}
    if not spin_up:
        changes["spin_up"] = experiment.run.spin_up.model_copy(update={"cycles": 0})
    run = experiment.run.model_copy(update=changes)
    return run_column(experiment.model_copy(update={"run": run}), record=record).output


def model_settings(rows: RowSettings, with_state: xr.Dataset) -> RespirationSettings:
    """Settings of a fit to the soil of the column, as ``fit_respiration`` sets them; a model has the mean base respiration."""
    return RespirationSettings(
        target="ecosystem",
        rows=rows,
        state=Path("column"),
        wilting=with_state.attrs["wilting"],
        base_respiration="constant",
    )


def sensor_settings(rows: RowSettings) -> RespirationSettings:
    """Settings of a fit to the sensors."""
    return RespirationSettings(target="ecosystem", rows=rows, state="sensors", base_respiration="constant")


def stock_respiration(output: xr.Dataset, rows: Rows) -> _Array:
    """JULES's f g of the top layer at the times of the rows, which the column computes from the state of the step before."""
    factors = (output["fsth"] * output["ftemp"]).isel(soil=0).to_series()
    return np.asarray(factors.reindex(rows.time), dtype=np.float64)


def two_month_folds(rows: Rows) -> NDArray[np.int64]:
    """Fold of each row, of four: every fourth block of two months."""
    return np.asarray(((12 * rows.middle.year + rows.middle.month) // 2) % 4, dtype=np.int64)


def cross_validated(
    rows: Rows,
    settings: RespirationSettings,
    fold: NDArray[np.int64],
    *,
    stock: _Array,
    others: Sequence[str] = _BASELINES,
) -> dict[str, _Array]:
    """Predict each fold by fits to the other rows; rows with fold -1 are always trained on.

    The flux of every form is multiplied by the ratio of the sums of observations and predictions of the training rows.
    """
    forms = {name: form for name, form in baselines(settings.wilting, settings.critical).items() if name in others}
    predicted = {name: np.full(len(rows), np.nan) for name in ("learned", "stock", *forms)}
    for number in np.unique(fold[fold >= 0]):
        test = np.asarray(fold == number)
        train, scored, trained = rows.take(~test), rows.take(test), rows.take(~test).with_flux()
        learned = quietly(train, settings)
        flux = {"learned": (learned.predict(trained), learned.predict(scored))}
        with_flux = ~test & np.isfinite(rows.flux)
        flux["stock"] = stock[with_flux], stock[test]
        for name, form in forms.items():
            predict = form(trained.t_soil, trained.wetness, trained.group, trained.flux)
            of_train, of_test = (predict(each.t_soil, each.wetness, each.group) for each in (trained, scored))
            flux[name] = of_train, of_test
        for name, (of_train, of_test) in flux.items():
            predicted[name][test] = of_test * trained.flux.sum() / of_train.sum()
    return predicted


def fitted_on_sensors(sensors: Rows, model: Rows, settings: RespirationSettings) -> dict[str, _Array]:
    """Fit to the sensors, and run in the column and on the sensors; predictions for the rows of the column."""
    names = ("fitted on sensors, run in the column", "fitted and run on sensors")
    predicted = {name: np.full(len(model), np.nan) for name in names}
    _, of_model, of_sensors = np.intersect1d(model.time, sensors.time, return_indices=True)
    both = {names[0]: model.take(of_model), names[1]: sensors.take(of_sensors)}
    fold = two_month_folds(both[names[0]])
    for number in np.unique(fold):
        test: _Mask = np.asarray(fold == number)
        learned = quietly(both[names[1]].take(~test), settings)
        for name, rows in both.items():
            scored = learned.predict(rows.take(test))
            trained = learned.predict(rows.take(~test))
            predicted[name][of_model[test]] = scored * rows.flux[~test].sum() / trained.sum()
    return predicted


def averaged(rows: Rows, forms: Mapping[str, _Array]) -> Nights:
    """Half-hours and nightly means of the observations and of each form, where the stock form has a held-out prediction."""
    steps = pd.DataFrame({"observed": rows.flux, **forms}, index=rows.middle)
    steps = steps[steps["observed"].notna() & steps["learned"].notna()]
    return Nights(steps, nightly(steps, pd.DatetimeIndex(steps.index), least=_LEAST_STEPS))


def gain_over_stock(nights: pd.DataFrame, days: int) -> Difference:
    """Gain in NSE of the learned form over stock, with an interval by blocks of so many days."""
    block = np.asarray((pd.DatetimeIndex(nights.index) - pd.Timestamp("1900-01-01")).days // days)
    learned, stock, observed = (nights[name].to_numpy() for name in ("learned", "stock", "observed"))
    return paired_gain(learned, stock, observed, block)["nse"]


def report_forms(claims: Claims, site: str, nights: Nights) -> None:
    """Report the scores of every form."""
    for name in nights.nights.columns[1:]:
        scores, steps = nights.scores(name), nights.scores(name, nights=False)
        note = f"KGE {scores.kge:.3f}; half-hours NSE {steps.nse:.3f}; n {scores.n}"
        claims.report(f"{site}: NSE of nights, {name}", scores.nse, note=note)


def swapped_run_difference(
    experiment: Experiment, record: xr.Dataset, with_state: xr.Dataset, stock: xr.Dataset
) -> float:
    """Difference of f g between a real swapped run and the learned curves on the state of the stock run, relative to its mean."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "module"
        changes = {"members": 2, "inner_folds": 2, "antecedent": False}
        settings = model_settings(HN1_ROWS, with_state).model_copy(update=changes)
        fit_respiration(with_state, settings, module)
        swapped = experiment.model_copy(
            update={"modules": experiment.modules.model_copy(update={"respiration": module})}
        )
        output = column_output(swapped, record, spin_up=True).isel(soil=0)
        f, g = learned_tables(*load_respiration(module)[:2])
    top = stock.isel(soil=0)
    expected = (f(torch.tensor(top["sthu"].to_numpy())) * g(torch.tensor(top["t_soil"].to_numpy()))).numpy()[:-1]
    real = (output["fsth"] * output["ftemp"]).to_numpy()[1:]
    return float(np.abs(real - expected).max() / expected.mean())
