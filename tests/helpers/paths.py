"""Where the checkout and the stand-in for JULES are."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
#: A program that behaves like JULES as far as files and messages go.
STAND_IN = REPOSITORY / "tests" / "jules" / "stand_in_jules.py"
