"""Kind of the module in a folder. It is read without torch, so that commands can choose the kind quickly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput

#: File that describes a module.
CARD: Final = "card.json"


def module_kind(folder: str | Path) -> str:
    """Return the kind of the module in a folder, such as ``"respiration"``.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    BadInput
        If the folder contains no module, or its card is damaged.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="give a folder that 'jules-ml fit' wrote")
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["module"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadInput("the file is damaged", where=path, remedy="fit the module again") from error
