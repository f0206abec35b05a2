"""Verdict on a module in the model: whether the run with it agrees better with observations than the run with JULES's own forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.night_respiration import AS_RUN, FITTED_RATE, respiration_scores
from jules_ml.comparison.swap_scores import Effect, SwapScore, Unused, daily_scores, effect_of, pooled_gain
from jules_ml.comparison.swapped_runs import SwappedRuns, run_both
from jules_ml.comparison.verdict_figures import save_verdict_figures
from jules_ml.data.record import local_middle, record_notes
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.card import CARD, module_kind
from jules_ml.learned.model_verdict import VERDICT, unused_times
from jules_ml.learned.store import json_text, read_module_folder
from jules_ml.scoring.bootstrap import Difference
from jules_ml.support.files import atomic_write, writable_folder
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software
from jules_ml.support.ready import is_ready

#: Names of quantities in the sentence.
_WORDS: Final = {"soil water": "θ"}


@dataclass(frozen=True)
class QuantityVerdict:
    """What the swap does to one quantity, over all its sensors.

    Attributes
    ----------
    quantity : str
    effect : str
        ``better``, ``worse``, ``not different`` (the interval of the gain contains zero), ``unchanged`` or ``unknown`` (too few days).
    nse : tuple of float
        Nash-Sutcliffe efficiency of the stock and the swapped run; the mean over several sensors.
    gain : Difference
        Gain in NSE, over all sensors together.
    n : str
        Number of pairs, for example ``12 nights``.
    """

    quantity: str
    effect: Effect
    nse: tuple[float, float]
    gain: Difference
    n: str

    @property
    def scores_text(self) -> str:
        """Scores and the interval of the gain."""
        stock, swapped = (_number(value) for value in self.nse)
        text = f"NSE {stock} before, {swapped} with the module, {self.n}"
        if self.gain.gain is not None:
            text += f"; 95 % interval of the gain {_number(self.gain.lower)} to {_number(self.gain.upper)}"
        return text


@dataclass(frozen=True)
class ModelVerdict:
    """Verdict on a module in the model.

    Attributes
    ----------
    result : str
        Effect on the quantity that the kind of module is about: respiration, or θ for hydraulics and moisture.
    sentence : str
        The verdict in one sentence.
    quantities : tuple of QuantityVerdict
    scores : tuple of SwapScore
        Scores of each quantity and sensor.
    notes : tuple of str
        Notes for the user.
    document : dict
        Content of ``verdict.json``.
    files : tuple of Path
        Files that were written.
    """

    result: Effect
    sentence: str
    quantities: tuple[QuantityVerdict, ...]
    scores: tuple[SwapScore, ...]
    notes: tuple[str, ...]
    document: dict[str, Any]
    files: tuple[Path, ...]


def judge_in_model(
    module: Path, experiment: Experiment, out: Path, *, progress: Progress | None = None
) -> ModelVerdict:
    """Run an experiment with JULES's own forms and with a module, and score both against every observation in the record.

    Parameters
    ----------
    module : Path
        Module folder of respiration, hydraulics or moisture; it receives a copy of ``verdict.json``, unless it is
        ready-made.
    experiment : Experiment
        With ``[data]``, ``[run]`` and the sections of a run of the column or of JULES.
    out : Path
        Folder for ``verdict.json``, ``figures`` and ``runs``.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    ModelVerdict

    Raises
    ------
    BadInput
        If the module has no way into this model; if all of the record was used in training; or as the runs.
    RunFailed
        As the runs.
    """
    kind = module_kind(module)
    if (out / CARD).exists():
        raise BadInput("the folder contains a module", where=out, remedy="give a new folder for the verdict with --out")
    _, card = read_module_folder(module, kind=kind)
    record = experiment.record()
    _refuse_used_record(_unused_of(card, site_of(record, experiment)), record, experiment, module)
    writable_folder(out)
    runs = run_both(module, kind, experiment, record, out / "runs", progress=progress)
    return judge_runs(runs, module, experiment, record, out)


def judge_runs(runs: SwappedRuns, module: Path, experiment: Experiment, record: xr.Dataset, out: Path) -> ModelVerdict:
    """Score two finished runs against every observation in the record, and write the verdict.

    Parameters
    ----------
    runs : SwappedRuns
        With JULES's own forms, and with the module.
    module, experiment, out
        See :func:`judge_in_model`.
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    ModelVerdict

    Raises
    ------
    BadInput
        If the folder cannot be read or written.
    """
    kind = module_kind(module)
    _, card = read_module_folder(module, kind=kind)
    site = site_of(record, experiment)
    scores, notes = scores_of_runs(runs, record, kind, experiment, card, _unused_of(card, site))
    quantities = quantity_verdicts(scores)
    result, sentence = verdict_of(kind, quantities)
    document = {
        "module": module.name,
        "kind": kind,
        "experiment": experiment.file.name,
        "model": experiment.required(experiment.run, "run").model,
        "site": site,
        "result": result,
        "sentence": sentence,
        "worse": [each.quantity for each in quantities if each.effect == "worse"],
        "quantities": [
            {"quantity": q.quantity, "effect": q.effect, "nse": list(q.nse), "gain": asdict(q.gain)} for q in quantities
        ],
        "scores": [score.to_json() for score in scores],
        "notes": notes,
        "software": software(),
    }
    files = [_write(out / VERDICT, document), *save_verdict_figures(scores, out / "figures")]
    try:
        if not is_ready(module):
            files.append(_write(module / VERDICT, document))
    except BadInput as error:
        notes.append(f"the module folder did not receive the verdict ({error.problem})")
    return ModelVerdict(result, sentence, tuple(quantities), tuple(scores), tuple(notes), document, tuple(files))


def site_of(record: xr.Dataset, experiment: Experiment) -> str:
    """Name of the site of a record, or else of the experiment file."""
    return str(record.attrs.get("site", experiment.file.stem))


def _unused_of(card: dict[str, Any], site: str) -> Unused:
    def unused(middle: pd.DatetimeIndex) -> NDArray[np.bool_]:
        return unused_times(card, site, middle)

    return unused


def _refuse_used_record(unused: Unused, record: xr.Dataset, experiment: Experiment, module: Path) -> None:
    """Refuse a run within the training period, before it starts."""
    middle = local_middle(record)
    run = experiment.required(experiment.run, "run")
    inside = np.ones(len(middle), dtype=bool)
    if run.start is not None:
        inside &= np.asarray(record["time"].to_numpy() > np.datetime64(run.start))
    if run.end is not None:
        inside &= np.asarray(record["time"].to_numpy() <= np.datetime64(run.end))
    if not unused(middle[inside]).any():
        raise BadInput(
            "the module was trained on all of the record in this run",
            where=module,
            remedy="give an experiment with other years or another site, or fit the module with test_fraction above 0",
        )


def scores_of_runs(
    runs: SwappedRuns, record: xr.Dataset, kind: str, experiment: Experiment, card: dict[str, Any], unused: Unused
) -> tuple[list[SwapScore], list[str]]:
    """Score both runs against all observations that the module was not trained on, and note what could not be compared."""
    # the notes of a run of the column already describe its record
    notes = [*runs.notes, *(note for note in record_notes(record) if note not in runs.notes)]
    if kind == "respiration":
        settings = RespirationSettings.model_validate(card["settings"])
        if settings.flux not in record and "nee" in record:
            # curves of chambers at a tower: leaves and roots are in the rate, which is fitted
            notes.append(
                f"the record has no {settings.flux}, which the module was fitted to: night NEE is compared instead"
            )
            settings = (experiment.respiration or RespirationSettings()).model_copy(update={"target": "ecosystem"})
        scores, more = respiration_scores(runs, record, settings, card, unused)
    else:
        # respiration is not what this module is about: a record whose NEE cannot be used is scored without it
        try:
            scores, more = respiration_scores(runs, record, experiment.respiration or RespirationSettings(), {}, unused)
        except BadInput as error:
            scores, more = [], [f"night respiration is not scored: {error.problem}"]
    return [*scores, *daily_scores(runs, record, unused)], [*notes, *more]


def quantity_verdicts(scores: Sequence[SwapScore]) -> list[QuantityVerdict]:
    """Summarise the scores of each quantity over its sensors; respiration by nights or days with the base rate of both fitted."""
    verdicts = []
    for quantity in dict.fromkeys(score.quantity for score in scores):
        sensors = [
            score
            for score in scores
            if score.quantity == quantity
            and score.label != AS_RUN
            and (score.label != FITTED_RATE or score.period != "steps")
        ]
        if not sensors:
            continue
        gain = sensors[0].nse if len(sensors) == 1 else pooled_gain(sensors)
        effect = effect_of(gain, pd.concat([score.pairs for score in sensors]))
        nse = (float(np.mean([s.stock.nse for s in sensors])), float(np.mean([s.swapped.nse for s in sensors])))
        n = f"{sum(s.stock.n for s in sensors)} {'sensor ' if len(sensors) > 1 else ''}{sensors[0].period}"
        verdicts.append(QuantityVerdict(quantity, effect, nse, gain, n))
    return verdicts


def verdict_of(kind: str, quantities: Sequence[QuantityVerdict]) -> tuple[Effect, str]:
    """Return the result for a kind of module, and the sentence for the user."""
    ours = [q for q in quantities if ("respiration" in q.quantity) == (kind == "respiration")]
    ours = [q for q in ours if kind == "respiration" or q.quantity == "soil water"]
    about = {"respiration": "night NEE or chambers"}.get(kind, "soil moisture at a known depth")
    others = _phrases([q for q in quantities if q not in ours])
    tail = f"; {', '.join(others)}" if others else ""
    if not ours:
        return (
            "unknown",
            f"The swap cannot be judged here: the record has no {about} outside the training period{tail}.",
        )
    main = ours[0]
    name = _WORDS.get(main.quantity, main.quantity)
    if main.effect == "better":
        tail = f", {', '.join(others)}" if others else ""
        return "better", f"In the model, the swap makes {name} better ({main.scores_text}){tail}."
    if main.effect == "worse":
        return "worse", f"The swap makes the run worse here: {name} ({main.scores_text}){tail}."
    if main.effect == "unknown":
        remedy = "fit the module with a larger test_fraction or with test_years, or give a longer run"
        return "unknown", f"There are too few days to judge the swap ({name}: {main.scores_text}{tail}): {remedy}."
    unclear = main.effect == "not different" and main.gain.value > 0.0
    start = "It is not clear that the swap helps here" if unclear else "The swap does not help here"
    return main.effect, f"{start}: {name} ({main.scores_text}){tail}."


def _phrases(others: Sequence[QuantityVerdict]) -> list[str]:
    """What the swap does to other quantities; several that it leaves unchanged are not listed."""
    unchanged = [q for q in others if q.effect == "unchanged"]
    if len(unchanged) < 2:
        return [_phrase(q) for q in others]
    rest = "all other measured quantities unchanged" if len(unchanged) == len(others) else "the others unchanged"
    return [*(_phrase(q) for q in others if q not in unchanged), rest]


def _phrase(of: QuantityVerdict) -> str:
    name = _WORDS.get(of.quantity, of.quantity)
    stock, swapped = (_number(value) for value in of.nse)
    if of.effect in ("better", "worse"):
        return f"{name} {of.effect} (NSE {stock} before, {swapped} with the module)"
    words = {"unchanged": "unchanged", "not different": "not clearly different", "unknown": "unclear, of too few days"}
    return f"{name} {words[of.effect]}"


def _number(value: float) -> str:
    """Two digits after the point, with a minus sign."""
    text = f"{value:.2f}"
    return text.replace("-", "−") if float(text) != 0.0 else "0.00"


def _write(path: Path, document: dict[str, Any]) -> Path:
    with atomic_write(path) as part:
        part.write_text(json_text(document), encoding="utf-8")
    return path
