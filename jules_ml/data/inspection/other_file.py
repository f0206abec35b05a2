"""Description of a file that is no record."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True)
class OtherFile:
    """A file that is no record.

    Attributes
    ----------
    description : str
        What the file is.
    use : str
        Where it is used, for the user.
    section : str
        TOML that uses it; empty if there is none.
    series : xarray.Dataset or None
        Its variables along ``time``, for the summary.
    """

    description: str
    use: str
    section: str = ""
    series: xr.Dataset | None = None
