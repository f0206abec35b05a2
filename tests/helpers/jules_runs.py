"""Parts of experiments that run JULES, and comparison of their folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SOIL = """
[soil]
form = "clapp_hornberger"
properties = {b = 5.0, sathh = 0.1, satcon = 0.005, sm_sat = 0.4, sm_crit = 0.25, sm_wilt = 0.12, hcap = 1.2e6, hcon = 0.3}
"""
#: Type of the fixture ``write``, which writes an experiment and returns its path.
Write = Callable[..., Path]


def listing(folder: Path) -> dict[str, bytes]:
    """Contents of all files under a folder, by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
