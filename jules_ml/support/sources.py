"""Files of the package other than Python: sources of the bridge and the hooks, and template namelists.

In a checkout they are at the top level, where CMake and Fortran users look for them. A wheel contains copies (see ``setup.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Folder of the copies in a wheel.
PACKAGED: Final = Path(__file__).parents[1] / "bridge_sources"
#: Folder that contains ``fortran_bridge`` and ``namelists``.
SOURCES: Final = PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[2]
#: Namelists and data of the complete point run that ``jules-ml init jules`` writes.
POINT_RUN: Final = SOURCES / "namelists" / "point"
