"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real records, from ``JULES_ML_DATA`` or beside the checkout; skip where there is none."""
    folder = Path(os.environ.get("JULES_ML_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder of real records at {folder}: set JULES_ML_DATA")
    return folder
