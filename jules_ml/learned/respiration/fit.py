"""Fit respiration to records, score it in the test period, and write a module folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.notes import notes_of_record
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent_figure import LABELS
from jules_ml.learned.respiration.exchange import Exchange, select_exchange, take_exchange
from jules_ml.learned.respiration.exchange_report import nee_figure, nee_predictions_of, nee_scores_of
from jules_ml.learned.respiration.forms import FORM_NAMES, InnerValidation
from jules_ml.learned.respiration.nights import ustar_notes
from jules_ml.learned.respiration.report import card_of, predictions_of, respiration_figures, scores_of
from jules_ml.learned.respiration.row_checks import MIN_ROWS
from jules_ml.learned.respiration.row_notes import night_notes, range_notes, row_notes, unfiltered_notes
from jules_ml.learned.respiration.site import Rows, select_rows
from jules_ml.learned.respiration.state import has_state, porosity_of
from jules_ml.learned.respiration.training import ConcurvityWarning, TrainedRespiration, train_respiration
from jules_ml.learned.store import ASSIMILATION_PREFIX, write_module_folder
from jules_ml.scoring.splits import last_blocks
from jules_ml.support.figures import save_figure
from jules_ml.support.progress import Progress


@dataclass(frozen=True, eq=False)
class RespirationFit:
    """Result of a fit.

    Attributes
    ----------
    folder : Path
        Module folder that was written.
    learned : TrainedRespiration
        Module with its training rows.
    scores : dict
        Content of ``scores.json``.
    warnings : tuple of str
        Warnings and notes for the user.
    """

    folder: Path
    learned: TrainedRespiration
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_respiration(
    sites: xr.Dataset | Sequence[xr.Dataset],
    settings: RespirationSettings,
    out: Path,
    *,
    progress: Progress | None = None,
) -> RespirationFit:
    """Fit respiration to site datasets and write the module folder.

    The last years or blocks of months of each record, a fraction ``settings.test_fraction`` of them, are the test period. Every baseline
    is fitted to the same training rows and scored in the same test period.

    Parameters
    ----------
    sites : xarray.Dataset or sequence of them
        Site datasets.
    settings : RespirationSettings
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    RespirationFit

    Raises
    ------
    BadInput
        If a record cannot be used (see :func:`~jules_ml.learned.respiration.site.select_rows`), or the folder cannot be written.
    """
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    settings = _settings_of_soil(datasets, settings)
    rows = select_rows(datasets, settings)
    test = split_test_rows(rows, settings.test_fraction, settings.test_years)
    without_porosity = [site for site, ds in zip(rows.sites, datasets, strict=True) if porosity_of(ds) is None]
    datasets = [
        ds if has_state(ds) else ds.assign_attrs(porosity=rows.porosity[site])
        for site, ds in zip(rows.sites, datasets, strict=True)
    ]
    exchange = _exchange(datasets, settings)
    train_exchange = (
        None if exchange is None else take_exchange(exchange, ~_test_steps(exchange, rows, test, settings.test_years))
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConcurvityWarning)
        learned = train_respiration(rows.take(~test), settings, progress, exchange=train_exchange)
    notes = tuple(str(w.message) for w in caught if issubclass(w.category, ConcurvityWarning))
    of_records = [note for ds in datasets for note in notes_of_record(ds)]
    notes = (
        *row_notes(rows, test, settings),
        *range_notes(rows, settings),
        *night_notes(datasets, settings),
        *unfiltered_notes(datasets, settings),
        *notes,
        *of_records,
        *ustar_notes(rows.ustar),
        *_form_notes(learned.validation),
        *_antecedent_notes(learned.module.antecedent.drivers),
    )
    notes = (*notes, *_variable_notes(settings, rows, without_porosity))
    predictions = predictions_of(learned, rows, test)
    scores = scores_of(learned, rows, test, predictions)
    card = card_of(datasets, rows, test, learned, notes)
    figures = respiration_figures(learned, rows, test, predictions)
    state = dict(learned.module.state_dict())
    if exchange is not None and learned.assimilation is not None:
        state |= {f"{ASSIMILATION_PREFIX}{key}": value for key, value in learned.assimilation.state_dict().items()}
        nee = nee_predictions_of(learned, exchange, _test_steps(exchange, rows, test, settings.test_years))
        scores["nee"] = nee_scores_of(nee)
        figures["nee"] = nee_figure(nee)
        predictions = predictions.merge(nee)
    write_module_folder(out, state=state, card=card, scores=scores, predictions=predictions)
    for name, figure in figures.items():
        save_figure(figure, out / "figures" / f"{name}.png")
    return RespirationFit(out, learned, scores, notes)


def split_test_rows(rows: Rows, fraction: float, years: Sequence[int] = ()) -> NDArray[np.bool_]:
    """Mark the rows of the test period: the last years, or blocks of two calendar months, of the record of each site, or given years.

    Parameters
    ----------
    rows : Rows
        Rows of one or several sites.
    fraction : float
        Fraction of the years or blocks; 0 for no test period.
    years : sequence of int, optional
        Calendar years in local standard time, instead of the last ones.

    Returns
    -------
    array of bool, shape (row,)

    Raises
    ------
    BadInput
        If too few rows remain to train on, a site has none, or the record has no rows in one of the years.
    """
    if years:
        return _rows_of_years(rows, years)
    test = last_blocks(rows.site, rows.middle, fraction)
    remaining = int((~test).sum())
    if remaining < MIN_ROWS and test.any():
        raise BadInput(
            f"{remaining} rows remain to train on without the last {fraction:.0%} of the record, and {MIN_ROWS} are needed",
            remedy="give a longer record, or set test_fraction = 0 to train on all of it without scores",
        )
    return test


def _settings_of_soil(datasets: Sequence[xr.Dataset], settings: RespirationSettings) -> RespirationSettings:
    """Settings with the soil that the records have: that of a model, whose wilting and critical points are the defaults, or of sensors."""
    with_state = [has_state(ds) for ds in datasets]
    if not any(with_state) and settings.l_layeredc:
        raise BadInput(
            "l_layeredc needs the soil of a model, and the records have only sensors",
            where=", ".join(str(ds.attrs.get("site")) for ds in datasets),
            remedy="give the output of JULES as state under [respiration], or leave out l_layeredc",
        )
    if not any(with_state):
        return settings.model_copy(update={"state": "sensors"})
    if not all(with_state):
        raise BadInput(
            "some records have the soil state of a model, others do not",
            where=", ".join(
                str(ds.attrs.get("site")) for ds, state in zip(datasets, with_state, strict=True) if not state
            ),
            remedy="run the model at every site, or set state = 'sensors' under [respiration] to fit all of them to sensors",
        )
    update: dict[str, Any] = {"state": Path(str(datasets[0].attrs["soil_state"]))}
    for name in ("wilting", "critical"):
        if name not in settings.model_fields_set and all(name in ds.attrs for ds in datasets):
            update[name] = float(np.mean([ds.attrs[name] for ds in datasets]))
    return settings.model_copy(update=update)


def _rows_of_years(rows: Rows, years: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the rows of calendar years."""
    test = np.isin(rows.middle.year, years)
    missing = sorted(set(years) - set(rows.middle.year))
    if missing:
        raise BadInput(
            f"there are no rows in {', '.join(map(str, missing))}, the test period",
            where="[respiration] test_years",
            remedy=f"give years from {rows.middle.year.min()} to {rows.middle.year.max()}",
        )
    without = [site for number, site in enumerate(rows.sites) if not (~test & (rows.site == number)).any()]
    remaining = int((~test).sum())
    if without or remaining < MIN_ROWS:
        named = f"no rows of {', '.join(without)}" if without else f"{remaining} rows"
        raise BadInput(
            f"{named} remain to train on without {', '.join(map(str, years))}, and {MIN_ROWS} are needed",
            where="[respiration] test_years",
            remedy="give fewer years, or a longer record",
        )
    return test


def _form_notes(validation: InnerValidation) -> list[str]:
    """Describe the forms that the module is composed of, if it is not the learned form alone."""
    scores = ", ".join(f"{FORM_NAMES[name]} {nse:.2f}" for name, nse in validation.nse.items())
    on_blocks = f"NSE on inner validation blocks: {scores}"
    if validation.form == "lloyd_taylor":
        return [f"Lloyd and Taylor's form is clearly the best one ({on_blocks}): the module contains it, with f = 1"]
    if validation.form == "average":
        used = [FORM_NAMES[name] for name, weight in validation.weights.items() if weight > 0.0]
        return [
            f"the module is the average of {len(used)} forms: {', '.join(used)} ({on_blocks}); no single form is clearly better than the "
            "average"
        ]
    return []


def _antecedent_notes(drivers: Sequence[str]) -> list[str]:
    """Describe the factors of antecedent conditions."""
    if not drivers:
        return []
    named = ", ".join(LABELS[name] for name in drivers)
    return [
        f"predictions are clearly better with factors of antecedent conditions ({named}); f and g were fitted without them"
    ]


def _variable_notes(settings: RespirationSettings, rows: Rows, without_porosity: Sequence[str]) -> list[str]:
    """Describe differences between the variables of the fit and those of JULES."""
    notes = []
    if without_porosity and settings.moisture in ("saturation", "potential"):
        each = ", ".join(f"{site} {rows.porosity[site]:.2f}" for site in without_porosity)
        notes.append(
            f"no porosity is set under [place]: the 99.9 % quantile of the water content is used instead ({each} m3 m-3). "
            "If the soil is never saturated, f in JULES is then biased towards saturation"
        )
    if settings.state == "sensors":
        notes.append(
            "f and g were fitted to sensors. In a model, whose soil differs from them, they lose part of their skill: give the run of the "
            "model as [respiration] state"
        )
    if settings.temperature == "t_air":
        notes.append("g was fitted to air temperature, but JULES evaluates it at soil temperature, which varies less")
    return notes


def _exchange(datasets: Sequence[xr.Dataset], settings: RespirationSettings) -> Exchange | None:
    """Day-time and night-time NEE if photosynthesis is fitted too, else ``None``."""
    if not settings.assimilation:
        return None
    if len(datasets) > 1:
        raise BadInput(
            f"photosynthesis can be fitted at one site only, and there are {len(datasets)}",
            remedy="fit each site separately, or set assimilation = false",
        )
    return select_exchange(datasets[0], settings)


def _test_steps(exchange: Exchange, rows: Rows, test: NDArray[np.bool_], years: Sequence[int]) -> NDArray[np.bool_]:
    """Rows of NEE in the test period, shape (row,)."""
    if not test.any():
        return np.zeros(len(exchange.rows), dtype=bool)
    if years:
        return np.isin(exchange.rows.middle.year, years)
    # the test period is the end of the record
    return np.asarray(exchange.rows.time >= rows.time[test].min())
