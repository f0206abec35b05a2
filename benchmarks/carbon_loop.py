"""The closed loop of carbon, soil, moisture and temperature at Loobos: the time of decades, and its budgets.

    python benchmarks/carbon_loop.py [--quick] [--data FOLDER] [--figures FOLDER] [--keep FOLDER]

Columns with different initial carbon have the same litter. Then all four learned modules close the loop together, for five years; the
script trains small modules, and ``--keep`` stores them. ``--quick`` runs five days, without learned modules.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from _carbon_loop import CS, STARTS, closed_loobos
from _claims import Claims, argument_parser
from _figure_carbon_chain import chain_figure
from _four_modules import four_modules

from jules_ml.column.closed_loop.figures import loop_figure
from jules_ml.support.figures import save_figure

_YEARS, _YEARS_OF_FOUR = 50, 5


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    parser.add_argument("--keep", type=Path, help="folder for learned modules")
    args = parser.parse_args()
    torch.set_num_threads(1)
    claims = Claims("carbon_loop", quick=args.quick)
    if args.quick:
        loobos = closed_loobos(args.data, years=1, days=5, compiled=False)
    else:
        loobos = closed_loobos(args.data, years=_YEARS)
        claims.check(
            f"{_YEARS} years at Loobos, {len(STARTS)} columns, by the clock",
            loobos.seconds / 60.0,
            "<=",
            10.0,
            unit="min",
        )
        claims.report("the same, of the processor", loobos.processor_seconds / 60.0, unit="min")
    run = loobos.run
    claims.check("carbon budget, of what went through", run.carbon.relative, "<=", 1e-6)
    claims.check("water budget, of what went through", run.water.relative, "<=", 1e-6)
    claims.check("everything off, against the plain column, relative", loobos.off_differs, "<=", 1e-12)
    for k, start in enumerate(STARTS):
        claims.report(f"carbon at the end, begun with {start * CS:.4g} kg m-2", float(run.cs[-1, k]), unit="kg m-2")
    gained = float(run.sm_sat[-1, 0, 0] - run.sm_sat[0, 0, 0])
    claims.report(f"saturation of the top layer gained, begun with {CS:g} kg m-2", gained, unit="m3 m-3")
    if args.figures is not None and not args.quick:
        save_figure(loop_figure(run, years=_YEARS, thickness=0.1), args.figures / "closed_loop.png")
    if not args.quick:
        with tempfile.TemporaryDirectory() as temporary:
            all_four(claims, args.data, args.keep or Path(temporary), args.figures)
    return claims.finish()


def all_four(claims: Claims, data: Path, folder: Path, figures: Path | None) -> None:
    """Learned carbon, hydraulics, moisture and respiration in one loop."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = four_modules(data, folder, years=_YEARS_OF_FOUR)
    four, water = modules.four, modules.four.loop.water
    for note in (*four.notes, *four.warnings):
        print(f"  {note}", flush=True)
    label = f"all four modules, {_YEARS_OF_FOUR} years"
    claims.check(f"{label}: carbon budget, of what went through", four.loop.carbon.relative, "<=", 1e-6)
    claims.check(f"{label}: water budget with what moisture added", water.relative, "<=", 1e-6)
    claims.report(f"{label}: by the clock", four.wall_seconds / 60.0, unit="min", note="learning apart")
    claims.report("the modules learned, by the clock", modules.learning_seconds / 60.0, unit="min")
    claims.report("water that moisture added", float(water.analysed[0]) / four.years, unit="kg m-2 a-1")
    claims.report("water that it added and took, of rain and snow", float(water.moved[0] / water.precip[0]))
    for name, run in (("all four", four), ("without moisture", modules.three)):
        claims.report(f"{name}: carbon at the start", float(run.loop.cs[0, 0]), unit="kg m-2")
        claims.report(f"{name}: carbon at the end", float(run.loop.cs[-1, 0]), unit="kg m-2")
    if figures is not None:
        save_figure(chain_figure(four.output, modules.three.output), figures / "four_modules.png")


if __name__ == "__main__":
    sys.exit(main())
