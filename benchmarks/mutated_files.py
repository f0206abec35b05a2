"""Mutated files: what the readers, experiment files and module folders make of damage that happens to real files.

Files of every reader are written in their published layouts from known values and damaged by kinds: values, times, cells, columns,
headers, lines, encodings, netCDF attributes and axes. Each answer is right, masked (the damaged values are missing), a clear error, a
warning (a note names the variable, and the values are taken), unknowable (the file lacks the information, which is listed), silent (wrong
values are accepted), or a traceback.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from _claims import REPOSITORY, Claims, argument_parser

sys.path.insert(0, str(REPOSITORY / "tests"))

from fuzz import experiments, modules, records, run_folders
from fuzz.outcome import Results

#: Mutations of record files and of experiment files, which do not all apply, of module folders, and of run folders of JULES.
N_RECORDS, N_EXPERIMENTS, N_MODULES, N_FOLDERS = 2600, 620, 310, 216
QUICK = 25
_PARTS = 2


def record_part(part: int, n: int, seed: int) -> Results:
    """Classify one part of the mutations of record files."""
    warnings.simplefilter("ignore")
    return records.mutations(list(records.plan(n, seed=seed))[part::_PARTS])


def experiment_part(part: int, n: int, seed: int) -> Results:
    """Classify one part of the mutations of experiment files."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        return experiments.mutations(list(experiments.plan(n, seed=seed))[part::_PARTS], Path(folder))


def module_part(part: int, n: int, seed: int) -> Results:
    """Classify one part of the mutations of module folders."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        return modules.mutations(list(modules.plan(n, seed=seed))[part::_PARTS], Path(folder), seed=seed)


def folder_part(part: int, n: int, seed: int) -> Results:
    """Classify one part of the mutations of run folders."""
    warnings.simplefilter("ignore")
    return run_folders.mutations(list(run_folders.plan(n, seed=seed))[part::_PARTS])


def check(claims: Claims, what: str, parts: Sequence[Results], *, at_least: int) -> None:
    """Print the table of kinds by class, and check its sums."""
    results = Results([result for part in parts for result in part.results])
    print(f"\n{what}\n{results.table()}\n\nInformation that is missing:\n{results.missing()}\n")
    for result in results.of("silent", "traceback"):
        print(result.line)
    n = len(results.results)
    claims.check(f"{what}: mutations", n, ">=", at_least)
    claims.check(f"{what}: tracebacks", results.count("traceback"), "<=", 0)
    claims.check(f"{what}: wrong values accepted silently", results.count("silent"), "<=", 0)
    claims.check(f"{what}: unknowable", 100.0 * results.count("unknowable") / n, "<=", 7.0, unit="%")
    for found in ("right", "masked", "clear error", "warned"):
        claims.report(f"{what}: {found}", results.count(found))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the claims."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations")
    options = parser.parse_args(arguments)
    claims = Claims("mutated_files", quick=options.quick)
    share = QUICK if options.quick else 1
    with ProcessPoolExecutor(_PARTS, mp_context=get_context("spawn")) as pool:
        for what, part, n, least in (
            ("record files", record_part, N_RECORDS // share, 2000 // share),
            ("experiment files", experiment_part, N_EXPERIMENTS // share, 500 // share),
            ("module folders", module_part, N_MODULES // share, 300 // share),
            ("run folders", folder_part, N_FOLDERS // share, 180 // share),
        ):
            jobs = [pool.submit(part, k, n, options.seed) for k in range(_PARTS)]
            check(claims, what, [job.result() for job in jobs], at_least=min(least, n // 2) if options.quick else least)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
