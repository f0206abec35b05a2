"""One length of a day and of a year."""

from __future__ import annotations

import re
from pathlib import Path

import jules_ml
from jules_ml.physics.constants import DAYS_PER_YEAR, SECONDS_PER_DAY, SECONDS_PER_YEAR


def test_the_year_is_that_of_the_julian_calendar() -> None:
    assert (SECONDS_PER_DAY, DAYS_PER_YEAR, SECONDS_PER_YEAR) == (86400.0, 365.25, 31557600.0)


def test_no_other_module_has_a_length_of_its_own() -> None:
    package = Path(jules_ml.__file__).parent
    own = re.compile(r"\b(365\.2425|365\.25|86400\.0)\b")
    with_numbers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(own.search(line) for line in path.read_text(encoding="utf-8").splitlines() if ">>>" not in line)
    }
    assert with_numbers == {"physics/constants.py"}
