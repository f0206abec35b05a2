"""Learned soil moisture compared with JULES, gradient boosting and an LSTM: at later times and at held-out sites.

NEON is scored on the second half of each tower's valid days, at the 11 sound sites and at all 16.
Baselines are computed in the same run: JULES as it is and rescaled, climatology, gradient boosting on lagged weather, and an LSTM that is
trained until its error on a part of the training halves does not decrease. The first guess of the networks is the column with six fixed
soils under the weather of each site. Training data of Spen Farm end in 2019. Sites are held out in four folds over NEON and USCRN
together, and all of their days are scored; their offsets are predicted, or corrected by a few days of local observations. In addition to
the records of towers, the networks are trained on runs of the column with other soils. docs/validation/moisture.md describes what was
tried on parts of the training halves; moisture_static_inputs.py compares static inputs.

Run as ``python benchmarks/moisture_skill.py [--quick] [--keep FOLDER]``; with ``--keep`` an interrupted run is continued.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from _boosting import boosting_held_out, boosting_in_time
from _claims import Claims, argument_parser
from _local_days import ADAPTATIONS
from _moisture import FOLDS, Records, held_out_settings, learn_held_out
from _moisture_columns import prepared_records
from _moisture_distance import report_distance
from _moisture_exactness import check_exactness
from _moisture_intervals import check_intervals
from _moisture_lstm import MOST_STEPS, lstm_runs
from _moisture_sites import check_held_out
from _moisture_times import check_in_time, check_spen, draw, learn_in_time, matched_runs, with_own_runs
from _stages import keep_option, kept, say

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import MoistureEnsemble

LSTM_SEEDS = (0, 1)
#: Members of the networks for held-out sites; a module has eight by default.
HELD_OUT_MEMBERS = 2


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """A result and its processor time [s]."""
    begun = time.process_time()
    return make(), time.process_time() - begun


def baselines_in_time(
    options: argparse.Namespace, claims: Claims, records: Records, ensemble: MoistureEnsemble
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Predictions of the towers by boosting and by the LSTMs, each seed."""
    most = {"most": 10} if options.quick else {}
    boosting, seconds = kept(
        options.keep, "boosting_in_time", lambda: timed(lambda: boosting_in_time(records, say=say, **most))
    )
    claims.report("boosting at later times, processor time", seconds, unit="s")
    runs = {}
    for kind, anomalies in (("absolute values", False), ("anomalies", True)):
        make = partial(
            lstm_runs,
            records,
            ensemble,
            anomalies=anomalies,
            seeds=LSTM_SEEDS[:1] if options.quick else LSTM_SEEDS,
            most=4 if options.quick else MOST_STEPS,
        )
        lstm, seconds = kept(options.keep, f"lstm_{kind.replace(' ', '_')}", partial(timed, make))
        note = (
            f"error smallest of {MOST_STEPS} at most; {seconds:.0f} s of processor time with {len(lstm.series)} seeds"
        )
        claims.report(f"LSTM of {kind}: training steps", lstm.steps, note=note)
        runs[f"LSTM of {kind}"] = lstm.series
    runs["LSTM of anomalies, matched"] = [matched_runs(records, run) for run in runs["LSTM of anomalies"]]
    return boosting, runs


def held_out_sites(options: argparse.Namespace, claims: Claims, records: Records, settings: MoistureSettings) -> None:
    """Learn and check held-out sites."""
    quick: bool = options.quick
    few = held_out_settings(settings, static="both", members=1 if quick else HELD_OUT_MEMBERS)
    number = 1 if quick else FOLDS
    make = partial(learn_held_out, records, few, adaptations=tuple(ADAPTATIONS), say=say, folds_to_do=number)
    held_out, seconds = kept(options.keep, "held_out", partial(timed, make))
    claims.report("held-out sites, processor time", seconds / 60.0, unit="min")
    most = {"most": 10} if quick else {}
    boosted = partial(boosting_held_out, records, say=say, folds_to_do=number, **most)
    boosting, seconds = kept(options.keep, "boosting_held_out", partial(timed, boosted))
    claims.report("boosting at held-out sites, processor time", seconds, unit="s")
    check_held_out(claims, records, held_out, boosting)
    report_distance(claims, records, held_out, boosting)


def main() -> int:
    arguments = argument_parser(__doc__)
    keep_option(arguments)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    quick: bool = options.quick
    claims = Claims("moisture_skill", quick=quick)
    records = prepared_records(claims, options.data, options.keep)
    settings = MoistureSettings(members=1, steps=12, validation_fraction=0.0) if quick else MoistureSettings()
    known = with_own_runs(records)
    done = kept(options.keep, "in_time", lambda: learn_in_time(known, settings))
    ensemble: MoistureEnsemble = done["ensemble"]
    boosting, lstm = baselines_in_time(options, claims, known, ensemble)
    tables = check_in_time(claims, known, ensemble, boosting, lstm)
    if not quick:
        draw(known, ensemble, tables)
    check_intervals(claims, known, ensemble)
    check_spen(claims, known, ensemble)
    claims.check(
        "learning from all sites, processor time over two cores",
        done["cpu"] / 120.0,
        "<=",
        15.0,
        unit="min",
        note=f"{done['wall'] / 60:.1f} min by the clock on one thread of a shared machine",
    )
    check_exactness(claims, known, ensemble)
    held_out_sites(options, claims, records, settings)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
