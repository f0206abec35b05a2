"""What the moisture hook costs in a real JULES: processor time at one point, memory of each rank, and sizes of the ledgers.

Takes ``JULES_BUILD_DIR``, ``JULES_EXE``, ``JULES_RUN_DIR`` and ``JULES_VERSION``, as ``bridge_jules.py`` does; "not measured" without.
``bridge_mpi_jules.py`` measures processor time at 1024 points.

Run as ``python benchmarks/bridge_regional_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

import f90nml
from _alternating import alternate, ratios
from _claims import Claims, argument_parser
from _hooked_jules import Jules
from _hooked_moisture import moisture_config
from _relink import hooked_jules
from bridge_jules import VARIABLES

ROUNDS = 15
#: Processor time of a year with daily moisture, relative to unmodified JULES.
LIMIT = 1.10
MODES = {"nudge": "mode = 'nudge', tau_hours = 24.0", "replace": "mode = 'replace'"}
#: End of the runs that measure the start: the first day of the record.
FIRST_DAY = "1997-01-01 23:00:00"
DAYS, LEVELS = 365, 4
RANKS = 128
#: Memory of this process: resident, and what no other process shares [kB].
REPORT = """
with open("/proc/self/smaps_rollup") as stream:
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in stream if line.endswith("kB\\n")}
print("MEMORY", kilobytes["Rss"], kilobytes["Private_Clean"] + kilobytes["Private_Dirty"], flush=True)
"""


def shortened(folder: Path) -> Path:
    """Let a run end after the first day."""
    path = folder / "nml" / "timesteps.nml"
    times = f90nml.read(path)
    times["jules_time"]["main_run_end"] = FIRST_DAY
    times.write(path, force=True)
    return folder


def processor_time(claims: Claims, jules: Jules) -> None:
    """Time a year and its first day with daily moisture, relative to unmodified JULES, alternately."""
    files: dict[str, dict[str, str]] = {"stock": {}} | {
        name: moisture_config("follow", mode) for name, mode in MODES.items()
    }
    folders: dict[str, Path] = {}
    for name, texts in files.items():
        folders[name] = jules.prepare("colvg", f"cost_{name}", texts, profile=False)
        folders[f"{name} start"] = shortened(jules.prepare("colvg", f"start_{name}", texts, profile=False))
    runs = {
        name: partial(jules.complete, folder, hooked=not name.startswith("stock")) for name, folder in folders.items()
    }
    seconds = alternate(runs, ROUNDS).processor
    claims.report("processor time of a year at a point, unmodified", statistics.median(seconds["stock"]), unit="s")
    for name in MODES:
        whole = ratios(seconds, name)
        steps = [
            (one - start) / (stock - stock_start)
            for one, start, stock, stock_start in zip(
                seconds[name], seconds[f"{name} start"], seconds["stock"], seconds["stock start"], strict=True
            )
        ]
        note = f"median of {ROUNDS} rounds, {min(whole):.3f} to {max(whole):.3f}"
        claims.check(
            f"processor time of a year, {name} daily / unmodified, one point", statistics.median(whole), "<=", LIMIT, note=note
        )  # fmt: skip
        claims.report(f"the same without the first day: {name}", statistics.median(steps))
    start = statistics.median(seconds["nudge start"]) - statistics.median(seconds["stock start"])
    claims.report("start of Python and NumPy, once in a run", start, unit="s")


def memory(claims: Claims, jules: Jules) -> None:
    """Measure the memory of a rank with NumPy and with torch."""
    alone = moisture_config("follow", MODES["replace"])
    for name, line in (("NumPy", ""), ("NumPy and torch", "import torch\n")):
        texts = dict(alone)
        texts["series_module.py"] += line + REPORT
        done = jules.start(shortened(jules.prepare("colvg", f"memory_{len(name)}", texts, profile=False)), hooked=True)
        (words,) = (line.split() for line in done.stdout.splitlines() if line.startswith("MEMORY"))
        resident, private = (int(word) / 1024.0 for word in words[1:])
        claims.report(f"memory of a rank with {name}, resident", resident, unit="MB")
        claims.report(
            f"of which no other process shares: {name}", private, unit="MB",
            note=f"{RANKS * private / 1024.0:.1f} GB on {RANKS} ranks",
        )  # fmt: skip


def ledgers(claims: Claims, jules: Jules) -> None:
    """Measure the size of each ledger by point, level and day."""
    for content, suffix, limit in (("points", "csv", 110.0), ("sums", "csv", 110.0), ("full", "nc", 200.0)):
        texts = moisture_config("follow", MODES["nudge"])
        texts["jules_ml.nml"] += f"&jules_ml_ledger content = '{content}' /\n"
        folder = jules.prepare("colvg", f"ledger_{content}", texts, profile=False)
        done = jules.start(folder, hooked=True)
        (path,) = (folder / "output").glob(f"*.jules_ml_increments.0000.{suffix}")
        size = path.stat().st_size / (DAYS * LEVELS)
        note = "at one point most of it is the index of chunks" if content == "full" else ""
        claims.check(f"ledger '{content}' by level and day, one point", size, "<=", limit, unit="bytes", note=note)
        announced = f"ledger of increments: {content}, at most " in done.stdout + done.stderr
        claims.check(f"the log announces its size: {content}", announced, ">=", 1)


def main() -> int:
    quick = argument_parser(__doc__).parse_args().quick
    claims = Claims("bridge_regional_jules", quick=quick)
    if claims.lacks(VARIABLES, "cost of the hooks in a real JULES"):
        return 0
    build, stock, runs = (Path(os.environ[name]) for name in VARIABLES[:3])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        hooked, _ = hooked_jules(build, work)
        claims.report("hooks in a real JULES", 1, note=os.environ["JULES_VERSION"])
        jules = Jules(stock, hooked, runs, work)
        memory(claims, jules)
        ledgers(claims, jules)
        if quick:
            claims.not_measured(
                "processor time of a year with daily moisture", "<=", LIMIT, why="--quick: it needs many rounds"
            )
        else:
            processor_time(claims, jules)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
