"""Examples in the docstrings of the physics."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import jules_ml.physics

MODULES = sorted(module.name for module in pkgutil.iter_modules(jules_ml.physics.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"jules_ml.physics.{name}"))
    assert results.failed == 0


def test_most_equations_have_an_example() -> None:
    examples = 0
    for name in MODULES:
        examples += doctest.testmod(importlib.import_module(f"jules_ml.physics.{name}")).attempted
    assert examples >= 50
