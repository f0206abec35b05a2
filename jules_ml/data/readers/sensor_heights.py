"""Depths of soil sensors from the files of metadata that networks publish beside their records.

Two layouts are read: BADM, with one value per line (``..._BIFVARINFO_...csv`` of FLUXNET, ``ICOSETC_..._VARINFO_METEO_L2.csv`` of ICOS),
and AmeriFlux's table of measurement heights (``BASE_MeasurementHeight_....csv``). Heights are in metres above the ground, negative below.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jules_ml.data.textfile import read_csv_columns, read_header, require_columns
from jules_ml.errors import BadInput

_BADM = ("SITE_ID", "GROUP_ID", "VARIABLE", "DATAVALUE")
_TABLE = ("Site_ID", "Variable", "Start_Date", "Height")
_ENTRIES = {"VAR_INFO_VARNAME": "name", "VAR_INFO_HEIGHT": "height", "VAR_INFO_DATE": "date"}


def read_sensor_depths(path: Path, site: str | None) -> dict[str, float]:
    """Read the depths of sensors of a site.

    Parameters
    ----------
    path : Path
        File of metadata.
    site : str or None
        Site code; None if the file contains one site.

    Returns
    -------
    dict of str to float
        Depth [m], positive downward, by column of the record; only sensors below the ground. Of several heights of a column, that of the
        last date is used.

    Raises
    ------
    BadInput
        If the file has neither layout, does not contain the site, contains several and none is given, or a height is not a number.
    """
    names = read_header(path)
    columns = _TABLE if set(_TABLE) <= set(names) else _BADM
    require_columns(names, columns, where=f"{path}, line 1")
    frame = read_csv_columns(path, texts=columns, numbers=())
    frame = frame[frame[columns[0]] == _site(frame[columns[0]], site, path)]
    if columns is _BADM:
        frame = frame[frame["VARIABLE"].isin(_ENTRIES)].drop_duplicates(["GROUP_ID", "VARIABLE"])
        entries = frame.pivot(index="GROUP_ID", columns="VARIABLE", values="DATAVALUE").rename(columns=_ENTRIES)
        entries = (
            entries.reindex(columns=["name", "height", "date"])
            .astype(object)
            .dropna(subset=["name", "height"])
            .fillna("")
        )
    else:
        entries = frame.rename(columns=dict(zip(_TABLE[1:], ("name", "date", "height"), strict=True)))
        entries = entries[entries["height"] != ""]
    heights = pd.to_numeric(entries["height"], errors="coerce").to_numpy(dtype=np.float64)
    if np.isnan(heights).any():
        wrong = entries["height"].iloc[int(np.flatnonzero(np.isnan(heights))[0])]
        raise BadInput(
            f"height '{wrong}' is not a number", where=path, remedy="give it in metres, negative below the ground"
        )
    entries = entries.assign(height=heights).sort_values("date", kind="stable")
    last = dict(zip(entries["name"], entries["height"], strict=True))
    return {str(name): -float(height) for name, height in last.items() if height <= 0.0}


def _site(sites: pd.Series, site: str | None, path: Path) -> str:
    codes = sorted(sites.unique())
    if site is None and len(codes) == 1:
        return str(codes[0])
    if site is None or site not in codes:
        few = ", ".join(map(str, codes[:10]))
        raise BadInput(
            f"the file contains {len(codes)} sites" if site is None else f"the file does not contain site '{site}'",
            where=path,
            remedy=f"give site, one of {few}{', ...' if len(codes) > 10 else ''}",
        )
    return site
