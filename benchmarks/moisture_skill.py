"""Learned soil moisture compared with JULES, rescaled JULES, climatology and an LSTM: at later times and at held-out sites.

NEON is scored on the second half of each tower's valid days, at the 11 sound sites and at all 16.
Baselines are computed in the same run. Training data of Spen Farm end in 2019. Sites are held out in four folds over NEON and USCRN
together, and all of their days are scored; their offsets are predicted, or corrected by a few days of local observations. In addition to
the records of towers, the networks are trained on runs of the column with other soils. docs/moisture.md describes what was tried on parts
of the training halves.

Run as ``python benchmarks/moisture_skill.py [--quick] [--keep FOLDER]``; with ``--keep`` an interrupted run is continued.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _claims import Claims, argument_parser
from _lstm import lstm_inputs
from _moisture import (
    Records,
    learn_held_out,
    lstm_series,
    read_records,
    with_runs,
)
from _moisture_exactness import check_exactness
from _moisture_sites import ADAPT_DAYS, SWITCH, check_held_out
from _moisture_times import check_in_time, check_spen, draw, learn_in_time, matched_runs

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import MoistureEnsemble

LSTM_SEEDS = (0, 1)
#: Training runs of the column with other soils at each tower.
SOILS = 12
#: Members of the networks for held-out sites; a module has eight by default.
HELD_OUT_MEMBERS = 4
#: Training steps of the LSTM: better than 300 on parts of the first halves (docs/moisture.md).
LSTM_STEPS = 1000


def kept(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:
    """Load the result of a stage of an interrupted run, or compute and store it."""
    if folder is None:
        return make()
    path = folder / f"{name}.pkl"
    if path.is_file():
        return pickle.loads(path.read_bytes())  # written by this script
    result = make()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(result))
    return result


def timed_runs(records: Records, data: Path) -> tuple[Records, float]:
    """Records with runs of the column, and their processor time [s]."""
    begun = time.process_time()
    return with_runs(records, data, soils=SOILS), time.process_time() - begun


def main() -> int:
    arguments = argument_parser(__doc__)
    arguments.add_argument("--keep", type=Path, help="folder for the stages of a run, from which a later one goes on")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    quick: bool = options.quick
    claims = Claims("moisture_skill", quick=quick)
    records = kept(options.keep, "records", lambda: read_records(options.data, stations=6 if quick else None))
    if not quick:
        records, seconds = kept(options.keep, "runs", lambda: timed_runs(records, options.data))
        claims.report("runs of the column with other soils, processor time", seconds / 60.0, unit="min")
    settings = MoistureSettings(members=1, steps=12, validation_fraction=0.0) if quick else MoistureSettings()
    done = kept(options.keep, "in_time", lambda: learn_in_time(records, settings))
    ensemble: MoistureEnsemble = done["ensemble"]

    def lstm(anomalies: bool) -> list[dict[str, np.ndarray]]:
        names = list(records.neon)
        x = lstm_inputs(ensemble.batch_of([records.neon[s] for s in names]))
        return [
            lstm_series(records, x, names, anomalies=anomalies, steps=4 if quick else LSTM_STEPS, seed=seed)
            for seed in (LSTM_SEEDS[:1] if quick else LSTM_SEEDS)
        ]

    runs = {
        "LSTM of absolute values": kept(options.keep, "lstm_absolute", lambda: lstm(False)),
        "LSTM of anomalies": kept(options.keep, "lstm_anomalies", lambda: lstm(True)),
    }
    runs["LSTM of anomalies, matched"] = [matched_runs(records, run) for run in runs["LSTM of anomalies"]]
    tables = check_in_time(claims, records, ensemble, runs)
    if not quick:
        draw(records, ensemble, tables)
    check_spen(claims, records, ensemble)
    claims.check(
        "learning from all sites, processor time over two cores",
        done["cpu"] / 120.0,
        "<=",
        15.0,
        unit="min",
        note=f"{done['wall'] / 60:.1f} min by the clock on one thread of a shared machine",
    )
    check_exactness(claims, records, ensemble)
    held_out = {}
    # windows of 500 days make the many folds 2.5 times as fast
    few = settings.model_copy(update={"members": 1, "validation_fraction": 0.0, "window": 500})
    stages = [("main", "both", 1 if quick else HELD_OUT_MEMBERS), *((f"switch {kind}", kind, 1) for kind in SWITCH)]
    for name, static, members in stages[: 1 if quick else None]:
        held_out[name] = kept(
            options.keep,
            f"held_out_{name.replace(' ', '_')}",
            partial(
                learn_held_out,
                records,
                few.model_copy(update={"static": static, "members": members}),
                adapt_days=ADAPT_DAYS if members > 1 or quick else (),
                say=lambda line: print(line, file=sys.stderr, flush=True),
                folds_to_do=1 if quick else 4,
            ),
        )
    check_held_out(claims, records, held_out)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
