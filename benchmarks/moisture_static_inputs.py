"""What soil texture and satellite surface temperature are worth to learned soil moisture at held-out sites.

One network for each choice of static inputs (the setting ``static``) in the folds of moisture_skill.py; paired differences of scores.

Run as ``python benchmarks/moisture_static_inputs.py [--quick] [--keep FOLDER]``; with ``--keep`` an interrupted run is continued.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import get_args

import numpy as np
import torch
from _claims import Claims, argument_parser
from _moisture import FOLDS, held_out_settings, learn_held_out, paired_interval
from _moisture_columns import prepared_records
from _moisture_sites import groups_of, held_out_table
from _stages import keep_option, kept, say

from jules_ml.experiment.moisture import MoistureSettings, StaticKind

PAIRS: tuple[tuple[StaticKind, StaticKind], ...] = (
    ("texture", "both"),
    ("satellite", "both"),
    ("none", "both"),
    ("satellite", "texture"),
    ("texture", "none"),
    ("satellite", "none"),
)


def main() -> int:
    arguments = argument_parser(__doc__)
    keep_option(arguments)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    quick: bool = options.quick
    claims = Claims("moisture_static_inputs", quick=quick)
    records = prepared_records(claims, options.data, options.keep)
    settings = MoistureSettings(steps=12) if quick else MoistureSettings()
    tables = {}
    for static in get_args(StaticKind):
        one = held_out_settings(settings, static=static, members=1)
        make = partial(learn_held_out, records, one, say=say, folds_to_do=1 if quick else FOLDS)
        held_out = kept(options.keep, f"static_{static}", make)
        tables[static] = held_out_table(records, {site: each.theta for site, each in held_out.unseen.items()})
    for first, second in PAIRS:
        for group, sites in groups_of(records, tables["both"].index).items():
            for measure in ("rmse", "ubrmse", "r"):
                gain = (tables[first][measure] - tables[second][measure]).loc[sites].to_numpy()
                low, high = paired_interval(gain)
                claims.report(
                    f"static = {first} less {second}, {group}: {measure}",
                    float(np.nanmean(gain)),
                    note=f"95 % interval {low:.4f} to {high:.4f}",
                )
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
