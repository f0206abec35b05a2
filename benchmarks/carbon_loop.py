"""The closed loop of carbon, soil, moisture and temperature at Loobos: how long decades take, and whether its budgets close.

    python benchmarks/carbon_loop.py [--quick] [--data FOLDER] [--figures FOLDER]

Columns that begin with different carbon get the same litter. ``--quick`` is five days.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from _carbon_loop import CS, STARTS, closed_loobos
from _claims import Claims, argument_parser

from jules_ml.figures.carbon_skill import loop_figure
from jules_ml.figures.style import save_figure

_YEARS = 50


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    args = parser.parse_args()
    torch.set_num_threads(1)
    claims = Claims("carbon_loop", quick=args.quick)
    if args.quick:
        found = closed_loobos(args.data, years=1, days=5, compiled=False)
    else:
        found = closed_loobos(args.data, years=_YEARS)
        claims.check(
            f"{_YEARS} years at Loobos, {len(STARTS)} columns, by the clock",
            found.seconds / 60.0,
            "<=",
            10.0,
            unit="min",
        )
        claims.report("the same, of the processor", found.processor_seconds / 60.0, unit="min")
    run = found.run
    claims.check("carbon budget, of what went through", run.carbon.relative, "<=", 1e-6)
    claims.check("water budget, of what went through", run.water.relative, "<=", 1e-6)
    claims.check("everything off, against the plain column, relative", found.off_differs, "<=", 1e-12)
    for k, start in enumerate(STARTS):
        claims.report(f"carbon at the end, begun with {start * CS:.4g} kg m-2", float(run.cs[-1, k]), unit="kg m-2")
    gained = float(run.sm_sat[-1, 0, 0] - run.sm_sat[0, 0, 0])
    claims.report(f"saturation of the top layer gained, begun with {CS:g} kg m-2", gained, unit="m3 m-3")
    if args.figures is not None and not args.quick:
        save_figure(loop_figure(run, years=_YEARS, thickness=0.1), args.figures / "closed_loop.png")
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
