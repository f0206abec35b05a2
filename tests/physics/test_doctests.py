"""Examples in the docstrings of the physics."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import jules_ml.physics

MODULES = sorted(module.name for module in pkgutil.walk_packages(jules_ml.physics.__path__, "jules_ml.physics."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_most_equations_have_an_example() -> None:
    examples = 0
    for name in MODULES:
        examples += doctest.testmod(importlib.import_module(name)).attempted
    assert examples >= 50
