"""Mutations of module folders of every kind: damaged, changed and forged files, and names that are no file names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fuzz.outcome import Class, Result, Results
from helpers.attacked_folders import KINDS, write_kind
from helpers.attacked_modules import Outcome, outcome_of, use
from helpers.module_attacks import attacks

from jules_ml.learned.contents import contents_of

#: Classes of the outcomes of an attack; a file outside the folder, or a program that ran, is silent damage.
_CLASSES: Final[dict[Outcome, Class]] = {
    "clear": "clear error",
    "harmless": "right",
    "silent": "silent",
    "outside": "silent",
    "executed": "silent",
    "traceback": "traceback",
}
_SEALED: Final = "the folder before: it was sealed again with other valid contents"


def plan(n: int, *, seed: int = 0) -> Iterator[tuple[str, int]]:
    """Kinds in turn, each with the number of an attack."""
    rng = random.Random(seed)
    for i in range(n):
        yield KINDS[i % len(KINDS)], rng.randrange(1_000_000)


def mutations(pairs: list[tuple[str, int]], folder: Path, *, seed: int = 0) -> Results:
    """Attack module folders, use them, and classify what happens.

    Parameters
    ----------
    pairs : list
        From :func:`plan`; the number chooses among all attacks of a kind.
    folder : Path
        Empty folder for the modules.
    seed : int
        Seed of the attacks.
    """
    folders = {kind: write_kind(folder / kind, kind) for kind in KINDS}
    results = Results()
    for kind in KINDS:
        (folder / f"expected_{kind}").mkdir()
        expected = use(folders[kind], kind, folder / f"expected_{kind}")
        others = [other for name, other in folders.items() if name != kind]
        every = list(attacks(folders[kind], seed=seed, others=others))
        for _, number in [pair for pair in pairs if pair[0] == kind]:
            attack = every[number % len(every)]
            outcome, message = outcome_of(attack, folders[kind], kind, expected, folder / "work")
            found = _CLASSES[outcome]
            if outcome == "clear" and ("Remedy" not in message or str(folder / "work") not in message):
                found = "traceback"
            lacks = _SEALED if found == "silent" and _is_another_module(attack[0], kind) else ""
            found = "unknowable" if lacks else found
            name = f"module: {attack[0].split(':')[0].split(' ')[0]}"
            results.results.append(Result(f"module of {kind}", name, number, found, f"{attack[0]}: {message}", lacks))
    return results


def _is_another_module(attack: str, kind: str) -> bool:
    """Whether an attack writes a valid folder with valid checksums: another name of the site, or without a variable that may be absent."""
    contents = contents_of(kind)
    if contents is None or not attack.endswith(", sealed"):
        return False
    optional = [name for name, variable in contents.predictions.items() if not variable.required]
    return attack == "predictions: site text, sealed" or attack in [
        f"predictions: {name} missing, sealed" for name in optional
    ]
