"""Descriptions of the ready-made modules, from their cards. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jules_ml.learned.card import CARD, read_card
from jules_ml.support.ready import PREFIX, is_ready, ready_folder, ready_names

#: Entry of the card of a ready-made module.
READY: Final = "ready_made"


@dataclass(frozen=True)
class ReadyModule:
    """A ready-made module.

    Attributes
    ----------
    name, kind : str
    folder : Path
    entry : mapping
        Entry ``ready_made`` of its card: ``title``, ``trained_on`` (``sites``, ``places``, ``data``), ``licence``, ``attribution``,
        ``held_out`` (``measure``, ``sites``, ``module``, ``jules``, ``jules_form`` and further scores), ``training_range``, ``limits``
        and ``script``.
    """

    name: str
    kind: str
    folder: Path
    entry: Mapping[str, Any]

    @property
    def score(self) -> str:
        """Score at held-out sites beside that of JULES's own form."""
        held_out = self.entry["held_out"]
        return f"{held_out['module']:.3g} against {held_out['jules']:.3g} of {held_out['jules_form']} ({held_out['measure']})"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {"name": self.name, "kind": self.kind, "use": f"{PREFIX}{self.name}", **self.entry}


def ready_module(name: str) -> ReadyModule:
    """Read the description of a ready-made module.

    Parameters
    ----------
    name : str
        Name, with or without ``ready:``.

    Raises
    ------
    BadInput
        If there is no module of this name, or its card is damaged.
    """
    name = name.removeprefix(PREFIX)
    folder = ready_folder(name)
    card = read_card(folder / CARD)
    return ReadyModule(name, str(card["module"]), folder, card[READY])


def ready_modules() -> tuple[ReadyModule, ...]:
    """Read the descriptions of all ready-made modules, in alphabetical order."""
    return tuple(map(ready_module, ready_names()))


def ready_notes(folder: Path | None) -> list[str]:
    """Note on a ready-made module that an experiment uses: what it was trained on, and its first limit; none on another module."""
    if folder is None or not is_ready(folder):
        return []
    module = ready_module(folder.name)
    span = ""
    if module.kind == "respiration":
        each = (f"{name} {of['min']:.3g} to {of['max']:.3g}" for name, of in module.entry["training_range"].items())
        span = f" ({', '.join(each)} K; outside, f and g are held at their edges)"
    return [
        f"{PREFIX}{module.name} was trained on {module.entry['trained_on']['data']}{span}; {module.entry['limits'][0]}. "
        f"'jules-ml modules {module.name}' lists all limits"
    ]
