"""Fit respiration to records, score it on what it has not seen, and keep it as a module folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.clock import clock_notes
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.exchange import Exchange, select_exchange, take_exchange
from jules_ml.learned.respiration.exchange_report import nee_figure, nee_predictions_of, nee_scores_of
from jules_ml.learned.respiration.nights import ustar_notes
from jules_ml.learned.respiration.report import card_of, predictions_of, respiration_figures, scores_of
from jules_ml.learned.respiration.site import MIN_ROWS, Rows, select_rows
from jules_ml.learned.respiration.training import ConcurvityWarning, InnerValidation, Learned, learn_respiration
from jules_ml.learned.store import ASSIMILATION_PREFIX, write_module_folder
from jules_ml.scoring.splits import last_blocks
from jules_ml.support.figures import save_figure
from jules_ml.support.progress import Progress


@dataclass(frozen=True, eq=False)
class RespirationFit:
    """What a fit gave, and where it lies.

    Attributes
    ----------
    folder : Path
        The module folder.
    learned : Learned
        The module, with the rows it was learned from.
    scores : dict
        What ``scores.json`` holds.
    warnings : tuple of str
        What the user should be told.
    """

    folder: Path
    learned: Learned
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_respiration(
    sites: xr.Dataset | Sequence[xr.Dataset],
    settings: RespirationSettings,
    out: Path,
    *,
    progress: Progress | None = None,
) -> RespirationFit:
    """Learn respiration from site datasets and write the module folder.

    The last part of the record, ``settings.test_fraction`` of its years or blocks of months, is held out and scored, with every
    baseline fitted to the same rows.

    Parameters
    ----------
    sites : xarray.Dataset or sequence of them
        Site datasets.
    settings : RespirationSettings
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    RespirationFit

    Raises
    ------
    BadInput
        If the record cannot be learned from (see :func:`~jules_ml.learned.respiration.site.select_rows`), or the folder not be written.
    """
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    rows = select_rows(datasets, settings)
    test = split_test_rows(rows, settings.test_fraction)
    guessed = [site for site, ds in zip(rows.sites, datasets, strict=True) if "porosity" not in ds.attrs]
    datasets = [ds.assign_attrs(porosity=rows.porosity[site]) for site, ds in zip(rows.sites, datasets, strict=True)]
    exchange = _exchange(datasets, settings)
    seen = None if exchange is None else take_exchange(exchange, ~_held_out(exchange, rows, test))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConcurvityWarning)
        learned = learn_respiration(rows.take(~test), settings, progress, exchange=seen)
    said = tuple(str(w.message) for w in caught if issubclass(w.category, ConcurvityWarning))
    clocks = [note for ds in datasets for note in clock_notes(ds)]
    said = (*said, *clocks, *ustar_notes(rows.ustar), *_said_of(learned.validation))
    said = (*said, *_said_of_scales(settings, rows, guessed))
    predictions = predictions_of(learned, rows, test)
    scores = scores_of(learned, rows, test, predictions)
    card = card_of(datasets, rows, test, learned, said)
    figures = respiration_figures(learned, rows, test, predictions)
    state = dict(learned.module.state_dict())
    if exchange is not None and learned.assimilation is not None:
        state |= {f"{ASSIMILATION_PREFIX}{key}": value for key, value in learned.assimilation.state_dict().items()}
        every_hour = nee_predictions_of(learned, exchange, _held_out(exchange, rows, test))
        scores["nee"] = nee_scores_of(every_hour)
        figures["nee"] = nee_figure(every_hour)
        predictions = predictions.merge(every_hour)
    write_module_folder(out, state=state, card=card, scores=scores, predictions=predictions)
    for name, figure in figures.items():
        save_figure(figure, out / "figures" / f"{name}.png")
    return RespirationFit(out, learned, scores, said)


def split_test_rows(rows: Rows, fraction: float) -> NDArray[np.bool_]:
    """Mark the rows of the test period: the last years, or blocks of two calendar months, of each site's record.

    Parameters
    ----------
    rows : Rows
    fraction : float
        Fraction of the years or blocks; 0 for no test period.

    Returns
    -------
    array of bool, shape (row,)

    Raises
    ------
    BadInput
        If too few rows remain to train on.
    """
    test = last_blocks(rows.site, rows.middle, fraction)
    remaining = int((~test).sum())
    if remaining < MIN_ROWS and test.any():
        raise BadInput(
            f"{remaining} rows remain to train on without the last {fraction:.0%} of the record, and {MIN_ROWS} are needed",
            remedy="give a longer record, or set test_fraction = 0, which gives no scores",
        )
    return test


def _said_of(validation: InnerValidation) -> list[str]:
    """What the user should be told of the form that is given."""
    against = f"NSE {validation.nse_learned:.2f} against {validation.nse_lloyd_taylor:.2f} on inner validation blocks"
    if validation.given == "lloyd_taylor":
        return [f"the learned form does not beat Lloyd and Taylor's ({against}): theirs is given, with f = 1"]
    if validation.given == "blend":
        return [
            f"the learned form is blended with Lloyd and Taylor's, at a weight of {validation.weight:.1f}, which did best ({against})"
        ]
    return []


def _said_of_scales(settings: RespirationSettings, rows: Rows, guessed: Sequence[str]) -> list[str]:
    """What stands between the scales that were learned along and JULES's."""
    said = []
    if guessed and settings.moisture in ("saturation", "potential"):
        each = ", ".join(f"{site} {rows.porosity[site]:.2f}" for site in guessed)
        said.append(
            f"no porosity is given under [place]: the 99.9 % quantile of the record is taken for it ({each} m3 m-3). "
            "Where the soil is never saturated, f in JULES is then biased towards saturation"
        )
    if settings.temperature == "t_air":
        said.append("g was learned along air temperature, and JULES will go by that of its soil, which swings less")
    return said


def _exchange(datasets: Sequence[xr.Dataset], settings: RespirationSettings) -> Exchange | None:
    """NEE of day and night, thinned to what is enough, where photosynthesis is asked for."""
    if not settings.assimilation:
        return None
    if len(datasets) > 1:
        raise BadInput(
            f"photosynthesis is learned at one site, and {len(datasets)} are given",
            remedy="fit each site by itself, or set assimilation = false",
        )
    return select_exchange(datasets[0], settings)


def _held_out(exchange: Exchange, rows: Rows, test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows of NEE of the years or blocks that are held out at night."""
    if not test.any():
        return np.zeros(len(exchange.rows), dtype=bool)
    # the part that is held out is the last of the record
    return np.asarray(exchange.rows.time >= rows.time[test].min())
