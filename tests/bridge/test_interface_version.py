"""Hooks that meet another version of the Python package refuse it with the file and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bridge_inputs import configure

import jules_ml
from jules_ml.bridge import hook
from jules_ml.bridge.library import Bridge, BridgeFailure

GROUP = "&jules_ml_moisture python_callable = 'math:sqrt', mode = 'replace' /\n"
REMEDY = "give the environment with the jules_ml of the hooks in &jules_ml_python, or build and link the hooks again"


def test_the_bridge_has_the_interface_of_the_package(bridge: Bridge, tmp_path: Path) -> None:
    bridge.start(configure(tmp_path, GROUP))


def test_a_package_with_another_interface_is_refused(
    bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "INTERFACE", 99)
    with pytest.raises(BridgeFailure) as raised:
        bridge.start(configure(tmp_path, GROUP))
    assert f"{Path(jules_ml.__file__).parent} is jules_ml {jules_ml.__version__} with interface 99" in str(raised.value)
    assert REMEDY in str(raised.value)


def test_a_package_without_a_number_is_refused(bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(hook, "INTERFACE")
    with pytest.raises(BridgeFailure) as raised:
        bridge.start(configure(tmp_path, GROUP))
    assert f"{hook.__file__} is of an older jules_ml than the hooks: {REMEDY}" in str(raised.value)


def test_hooks_from_before_the_number_are_refused(tmp_path: Path) -> None:
    message = hook.start(str(tmp_path), 1, 0)
    assert message is not None
    assert "interface 1: " + REMEDY in message
