"""The ready-made modules of the package: made again, scored at held-out sites beside JULES's own form, and checked.

*Respiration*: one module for each IGBP class with three places or more in COSORE, and one of all data sets; each place is held out in turn.
*Hydraulics*: NEON towers and USCRN stations, held out in four folds, beside the same columns with Rosetta's and Cosby's soils.
*Moisture*: the same sites; the scores at held-out sites are those of ``moisture_skill.py``, whose networks have the same settings.

A module is in the package only where it is better than JULES's own form at held-out places by more than one standard error. A module that
is made again with the same versions and on the same processor has the same weights to the last bit, and elsewhere the same scores within
0.005.

Run as ``python benchmarks/ready_modules.py [--quick] [--only KIND] [--keep FOLDER]``; ``--ship`` writes the modules into the package.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from _claims import Claims, argument_parser, environment
from _ready_folder import Described, difference_of_weights, size_of_package, write_ready
from _ready_hydraulics import hydraulics_module
from _ready_moisture import moisture_module
from _ready_respiration import GROUPS, JULES, Chambers, HeldOut, held_out_scores, read_chambers, respiration_module
from _ready_towers import tower_claims
from _stages import keep_option, kept

from jules_ml.learned.ready import ReadyModule, ready_module, ready_modules
from jules_ml.support.ready import FOLDER, ready_names

KINDS: Final = ("respiration", "hydraulics", "moisture")
#: Largest size of all ready-made modules [MB].
MOST_MB: Final = 8.0
#: Largest difference of a score that is computed again, on any machine.
LEAST_AGREEMENT: Final = 0.005
#: Module of the quick run.
QUICK: Final = "respiration-evergreen-broadleaf"


def respiration(options: argparse.Namespace, claims: Claims) -> None:
    """Score each class of COSORE at held-out places, and make its module."""
    names = {QUICK: GROUPS[QUICK]} if claims.quick else GROUPS
    chambers: Chambers = kept(
        options.keep, "chambers", lambda: read_chambers(options.data, GROUPS[QUICK] if claims.quick else ())
    )
    for name, why in chambers.left_out.items():
        claims.report(f"COSORE {name}: left out", float("nan"), note=why)
    for name, classes in names.items():
        sets = chambers.of(classes)
        scores: HeldOut = kept(options.keep, name, partial(held_out_scores, chambers, sets))
        mean, error = scores.gain()
        medians = scores.table.drop(columns="place").median()
        note = ", ".join(f"{form} {value:.3f}" for form, value in medians.drop("module").items())
        note += f"; {len(sets)} data sets, {scores.places} places"
        claims.report(f"{name}: median NSE at held-out places", medians["module"], note=note)
        for form in scores.gains:
            gain, spread = scores.gain(form)
            claims.report(
                f"{name}: ln of RMSE of {form} over that of the module", gain, note=f"standard error {spread:.3f}"
            )
        shipped = "in the package" if scores.ships else "not in the package"
        claims.report(f"{name}: better than {JULES} by standard errors", mean / error, note=shipped)
        if scores.ships:
            made_again(options, claims, name, partial(respiration_module, chambers, sets, scores))
    if not claims.quick:
        tower_claims(claims, options.data)


def made_again(options: argparse.Namespace, claims: Claims, name: str, make: Callable[[], Described]) -> None:
    """Make a module, and ship it or compare it with that of the package."""
    with tempfile.TemporaryDirectory() as folder:
        made = write_ready(make(), Path(folder) / name)
        if options.ship:
            # a second training, so that the comparison below is one
            shutil.copytree(write_ready(make(), Path(folder) / "shipped" / name), FOLDER / name, dirs_exist_ok=True)
        if name not in ready_names():
            claims.check(f"{name}: is in the package", 0.0, ">=", 1.0)
            return
        there = ready_module(name)
        here = environment()
        same = {key: there.entry["made_with"][key] for key in here} == here
        note = "same versions and processor" if same else "other versions or another processor"
        difference = difference_of_weights(made, there.folder)
        if same:
            claims.check(f"{name}: greatest difference of a weight made again", difference, "<=", 0.0, note=note)
        else:
            claims.report(f"{name}: greatest difference of a weight made again", difference, note=note)
        score = abs(_score(made) - there.entry["held_out"]["module"])
        claims.check(f"{name}: difference of the score at held-out sites", score, "<=", LEAST_AGREEMENT)


def _score(folder: Path) -> float:
    from jules_ml.learned.card import CARD, read_card
    from jules_ml.learned.ready import READY

    return float(read_card(folder / CARD)[READY]["held_out"]["module"])


def check_package(claims: Claims) -> None:
    """Check the modules in the package: their size, and that each is better than JULES's own form."""
    size = size_of_package()
    modules = ready_modules()
    claims.check("size of the ready-made modules", size, "<=", MOST_MB, unit="MB", note=f"{len(modules)} modules")
    worse = [module.name for module in modules if not _better(module)]
    note = ", ".join(worse) or "none"
    claims.check("modules that are not better than JULES's own form at held-out sites", len(worse), "<=", 0, note=note)
    for module in modules:
        held_out = module.entry["held_out"]
        claims.report(f"{module.name}: {held_out['measure']}", held_out["module"], note=module.score)


def _better(module: ReadyModule) -> bool:
    """Whether the gain over JULES's own form is larger than one standard error; than zero where the errors of sites are not stored."""
    gain: dict[str, Any] = module.entry["held_out"]["gain"]
    return float(gain["mean"]) > float(gain["standard_error"] or 0.0)


def main() -> int:
    parser = argument_parser(__doc__)
    keep_option(parser)
    parser.add_argument("--only", choices=KINDS, action="append", help="one kind; may be repeated")
    parser.add_argument("--ship", action="store_true", help="write the modules into the package")
    options = parser.parse_args()
    torch.set_num_threads(1)
    claims = Claims("ready_modules", quick=options.quick)
    wanted = options.only or KINDS
    if "respiration" in wanted:
        respiration(options, claims)
    for kind, module in (("hydraulics", hydraulics_module), ("moisture", moisture_module)):
        if kind in wanted and claims.quick:
            claims.not_measured(f"{kind}: made again", why="needs the complete data and training")
        elif kind in wanted:
            name = f"{kind}-neon-uscrn"
            made_again(options, claims, name, partial(module, claims, options.data, options.keep))
    check_package(claims)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
