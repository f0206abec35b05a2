"""Paths of the checkout and of the stand-in for JULES."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
#: A program with the files and messages of JULES.
STAND_IN = REPOSITORY / "tests" / "jules" / "stand_in_jules.py"
