"""What the command line loads when it starts: help and refusals come without delay."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "slow"),
    [
        ("jules_ml.cli", ("numpy", "pandas", "pint", "scipy", "torch", "xarray")),
        # half of the time that a run of the column took to start
        ("jules_ml.column.run", ("matplotlib", "scipy.signal", "scipy.stats", "sklearn")),
        ("jules_ml.ensemble.run", ("matplotlib", "scipy.signal", "scipy.stats", "sklearn")),
    ],
)
def test_slow_packages_are_loaded_when_they_are_needed(module: str, slow: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
