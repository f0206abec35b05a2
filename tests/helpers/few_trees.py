"""Gradient boosting with few trees, for tests of what is done with trained modules of moisture rather than of their skill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jules_ml.learned.moisture import boosting


@contextmanager
def few_trees() -> Iterator[None]:
    """Fit a tenth of the trees, which otherwise take most of the time of a training with few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(boosting._TREES, "max_iter", boosting._TREES["max_iter"] // 10)
        yield
