"""Flags of inputs relative to the training range of a module."""

from __future__ import annotations

from typing import Final

INSIDE: Final = 0
BELOW: Final = 1
ABOVE: Final = 2
MISSING: Final = 3
