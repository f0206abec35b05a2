"""Assertions about the errors that a user can cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jules_ml.errors import BadInput


@contextmanager
def refusal(place: str, problem: str, remedy: str, *, file: str = "") -> Iterator[None]:
    """Assert that the block raises :class:`BadInput` whose parts contain these texts; ``file`` is a second text of the place."""
    with pytest.raises(BadInput) as caught:
        yield
    assert file in str(caught.value.where)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
