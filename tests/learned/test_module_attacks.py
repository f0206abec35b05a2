"""Damaged, changed and forged module folders are refused by a message, and never predict anything else silently."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.attacked_folders import KINDS, write_kind
from helpers.attacked_modules import outcome_of, use
from helpers.module_attacks import attacks

#: Attacks of each kind in the short run.
SAMPLE = 60


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_are_refused_or_harmless(kind: str, tmp_path: Path, figures: Callable[[str], None]) -> None:
    folders = {name: write_kind(tmp_path / name, name) for name in KINDS}
    (tmp_path / "expected").mkdir()
    expected = use(folders[kind], kind, tmp_path / "expected")
    others = [folder for name, folder in folders.items() if name != kind]
    every = list(attacks(folders[kind], seed=7, others=others))
    faults, counts = [], Counter[str]()
    for attack in random.Random(7).sample(every, SAMPLE):
        outcome, message = outcome_of(attack, folders[kind], kind, expected, tmp_path / "work")
        counts[outcome] += 1
        if outcome == "clear":
            assert "Remedy" in message, attack[0]
            assert str(tmp_path / "work") in message, f"{attack[0]}: {message}"
        elif outcome != "harmless":
            faults.append(f"{outcome}: {message}")
    figures(f"attacks on a {kind} module: {dict(counts)} of {len(every)}")
    assert not faults, "\n".join(faults)
