"""Symbol names of the procedures that the hooks wrap, which differ between compilers.

The table is ``fortran_bridge/hooks/symbol_names.json``, which CMake reads too. It gives the source of each compiler's spelling.
"""

from __future__ import annotations

import json
from typing import Any

from jules_ml.support.sources import SOURCES

#: The table of wrapped procedures and of compilers.
TABLE_FILE = SOURCES / "fortran_bridge" / "hooks" / "symbol_names.json"

_TABLE: dict[str, list[dict[str, Any]]] = json.loads(TABLE_FILE.read_text(encoding="utf-8"))
#: Modules and procedures of JULES that the hooks wrap.
WRAPPED: tuple[tuple[str, str], ...] = tuple((row["module"], row["procedure"]) for row in _TABLE["procedures"])
#: Symbol names of module procedures, by compiler.
SYMBOL_NAMES: dict[str, str] = {row["name"]: row["symbol"] for row in _TABLE["compilers"]}


def symbol_name(compiler: str, module: str, procedure: str) -> str:
    """Return the symbol that a compiler gives to a procedure of a module.

    Parameters
    ----------
    compiler : str
        A key of :data:`SYMBOL_NAMES`.
    module, procedure : str
        Names in Fortran, in any case.

    Returns
    -------
    str
    """
    return SYMBOL_NAMES[compiler].format(module=module.lower(), procedure=procedure.lower())
