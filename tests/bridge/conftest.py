"""Fixtures shared by the tests of the bridge."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from helpers.bridge_inputs import Serve, configure

from jules_ml.bridge.library import Bridge


@pytest.fixture
def serve(bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Start the bridge with a Python function as the module."""

    def start(function: Callable[..., object]) -> None:
        module = ModuleType("served_by_test")
        vars(module)["function"] = function
        monkeypatch.setitem(sys.modules, "served_by_test", module)
        text = "&jules_ml_respiration backend = 'python', python_callable = 'served_by_test:function' /\n"
        bridge.start(configure(tmp_path, text))

    return start
