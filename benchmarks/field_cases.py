"""Small inputs that went wrong once, each with its right answer: records, calendars, namelists and run folders.

Each case is a folder of files made by hand after a public bug report; see the README beside them. A claim is the number of wrong answers
of one case, and the answer itself is printed where it is wrong.

Run as ``python benchmarks/field_cases.py [--quick]``; "not measured" without the cases. A quick run leaves out the cases that train.

Environment variables
---------------------
JULES_ML_CASES
    Folder of the cases; by default ``shared/cases`` beside the checkout.
JULES_EXE
    Executable of JULES, for the cases that run it. Without it they are not measured.
JULES_EXTRA_ENTRIES
    Entries that the executable needs beyond the namelists, as a TOML table ``{namelist = {entry = value}}``. Optional.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import _field_cases_jules as jules
import _field_cases_records as records
import _field_cases_training as training
from _claims import REPOSITORY, Claims, argument_parser

Case = Callable[[Path], list[str]]

#: Case, what is right, and the check; the folder of each case is a copy.
RECORDS: dict[str, tuple[str, Case]] = {
    "01": ("AmeriFlux BASE: read, and named by another reader", records.ameriflux),
    "02": ("renamed FLUXNET file: [site] name is enough", records.renamed_fluxnet),
    "04": ("ICOS ETC: METEO and FLUXES of one site", records.icos_etc),
    "06": ("REddyProc text: stamps from 2020-06-01 00:30 local", records.reddyproc),
    "07": ("ISMN: 720 hourly theta, the flagged one masked", records.ismn),
    "08": ("Campbell TOA5: 1439 of 1440 theta", records.toa5),
    "10": ("time_bounds with units of their own", records.time_bounds),
    "16": ("JULES 5.2: only files of that version are asked for", jules.version_5_2),
    "22": ("driving of a 360-day model: calendar, or refused", records.driving_of_360_days),
    "23": ("ALMA / PLUMBER2 forcing: a reader for it", records.alma),
    "24": ("COSMOS-UK with flags: interpolated values masked", records.cosmos_flags),
    "28": ("old missing codes: refused by range, missing named", records.missing_codes),
}
TRAINING: dict[str, tuple[str, Case]] = {
    "11": ("resampled first guess: KGE of the control on 270 days", training.first_guess_by_bounds),
    "12": ("monthly first guess: refused, or held over its period", training.monthly_first_guess),
    "13": ("AppEEARS with several points: the point of the site", training.appeears_points),
    "14": ("LST of a 360-day calendar: a clear error", training.lst_of_360_days),
    "19": ("NEE with its sign turned: the error names the sign", training.sign_of_nee),
    "25": ("theta stuck for 900 days: dropped by a rule, or refused", training.stuck_sensor),
    "27": ("NEE without quality: the error names the key", training.nee_without_quality),
    "29": ("T and theta at different depths: fits; 5 m warned of", training.depths_that_differ),
}
JULES: dict[str, tuple[str, Case]] = {
    "15": ("Rose app with opts=dry: resolved as Rose does", jules.rose_opts),
    "17": ("360-day JULES: runs to 2001-03-10", jules.calendar_of_360_days),
    "20": ("x(1) = a, b, c: const_val keeps all its values", jules.values_after_the_first),
    "21": ("prescribed JULES output begins where its bounds begin", jules.bounds_of_prescribed),
    "30": ("Rose app with [env] and optional configurations", jules.rose_environment),
}


def copied(case: Path, folder: Path) -> Path:
    """Copy the folder of a case, without its compression, beside the other cases."""
    shutil.copytree(case, folder / case.name, dirs_exist_ok=True)
    for packed in (folder / case.name).rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder / case.name


def measure(claims: Claims, cases: Path, table: dict[str, tuple[str, Case]]) -> None:
    """Check each case of a table in a copy of its folder."""
    for number, (right, check) in table.items():
        with tempfile.TemporaryDirectory() as scratch:
            # case 21 uses the run folder of case 17
            copied(cases / "17", Path(scratch))
            wrong = check(copied(cases / number, Path(scratch)))
        claims.check(f"{number} {right}", len(wrong), "<=", 0, unit="wrong", note="; ".join(wrong))


def main() -> int:
    """Check all cases and return the exit code."""
    arguments = argument_parser(__doc__).parse_args()
    claims = Claims("field_cases", quick=arguments.quick)
    cases = Path(os.environ.get("JULES_ML_CASES", REPOSITORY.parent / "shared" / "cases"))
    if not cases.is_dir():
        claims.not_measured("cases", why="JULES_ML_CASES is not a folder")
        return claims.finish()
    measure(claims, cases, RECORDS)
    if arguments.quick:
        claims.not_measured("cases that train", why="a quick run")
    else:
        measure(claims, cases, TRAINING)
    if not claims.lacks(["JULES_EXE"], "cases that run JULES"):
        measure(claims, cases, JULES)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
