"""Files that are no records: what they are, and where they are used."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from jules_ml.data.inspection.column_names import is_named
from jules_ml.data.netcdffile import netcdf_names
from jules_ml.data.readers.cosmos_uk_flags import is_flags_file
from jules_ml.data.readers.satellite_products import read_lst_product, read_swi_product
from jules_ml.data.recognition import first_lines
from jules_ml.errors import BadInput

_LST_NAME = re.compile(r"(.*_)?LST(_(Day|Night)(_1km)?)?", re.IGNORECASE)
_SWI_NAME = re.compile(r"(.*_)?SWI_?(?P<t>\d{1,3})", re.IGNORECASE)
_SSM_NAME = re.compile(r"(.*_)?SSM", re.IGNORECASE)
#: Characteristic time [d] of the soil water index that is read where the file has several.
_T_VALUE = 20


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


def other_file(path: Path, *, site: str | None, shown: str) -> OtherFile | None:
    """Say what a file is that no reader recognises.

    Parameters
    ----------
    path : Path
        Any file or folder.
    site : str or None
        Site code, which chooses a point of a satellite series.
    shown : str
        Path as it is written in the section.

    Returns
    -------
    OtherFile or None
        None if the file is not known.

    Raises
    ------
    BadInput
        If a file of a known kind is damaged.
    """
    for kind in (_folder, _archive, _metadata, _output, _satellite, _namelist, _experiment, _packed, _netcdf):
        found = kind(path, site, shown)
        if found is not None:
            return found
    return None


def _folder(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if not path.is_dir():
        return None
    if any(path.glob("*.nml")):
        return OtherFile(
            "a folder of JULES namelists", "run it with 'jules-ml run --from-jules'", f'[jules]\nfolder = "{shown}"\n'
        )
    if (path / "card.json").is_file():
        return OtherFile("a folder of a learned module", "evaluate it with 'jules-ml evaluate'")
    files = sorted(file.name for file in path.iterdir() if file.is_file())
    return OtherFile(f"a folder of {len(files)} files", f"inspect its files: {', '.join(files[:8])}")


def _archive(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return OtherFile(
        f"a zip archive of {len(names)} files", f"unpack it, and inspect its files: {', '.join(names[:8])}"
    )


def is_metadata(path: Path) -> bool:
    """Whether a file contains metadata or flags of a record, not the record."""
    return path.is_file() and _metadata(path, None, "") is not None


def _metadata(path: Path, site: str | None, shown: str) -> OtherFile | None:
    header = [name.strip().strip('"') for name in "".join(first_lines(path, 1)).split(",")]
    if {"SITE_ID", "GROUP_ID", "VARIABLE", "DATAVALUE"} <= set(header):
        return OtherFile(
            "a file of metadata (BADM)",
            "readers 'fluxnet', 'icos_etc' and 'ameriflux' read the depths of sensors from it",
            f'[data]\nheights = "{shown}"\n',
        )
    if {"Site_ID", "Variable", "Height"} <= set(header):
        return OtherFile(
            "AmeriFlux's file of measurement heights",
            "reader 'ameriflux' reads the depths of sensors from it",
            f'[data]\nheights = "{shown}"\n',
        )
    if is_flags_file(path) and {"DATE_TIME", "SITE_ID"} <= set(header):
        return OtherFile(
            "a file of flags of COSMOS-UK",
            "reader 'cosmos_uk' finds it beside the file of data, which is to be inspected",
            f'[data]\nflags = "{shown}"\n',
        )
    return None


def _output(path: Path, site: str | None, shown: str) -> OtherFile | None:
    names = set(netcdf_names(path))
    if {"time", "time_bounds", "latitude", "longitude"} <= names:
        from jules_ml.data.readers.jules import read_jules

        return OtherFile(
            "netCDF output of JULES",
            "it is compared with observations by 'jules-ml compare', or is the first guess of moisture",
            f'[moisture]\njules = "{shown}"\n',
            read_jules(path),
        )
    if {"smcl", "dzsoil", "time"} <= names:
        from jules_ml.data.readers.column_output import read_output

        return OtherFile(
            "output of the soil column",
            "it is compared with observations by 'jules-ml compare'",
            series=read_output(path),
        )
    return None


def _satellite(path: Path, site: str | None, shown: str) -> OtherFile | None:
    names = list(netcdf_names(path))
    if path.suffix.lower() in (".csv", ".txt"):
        names = [name.strip().strip('"') for name in "".join(first_lines(path, 1)).split(",")]
    if not {"time", "date", "datetime", "timestamp"} & {name.lower() for name in names}:
        return None
    if not any("LST_" in name for name in names) and any(map(is_named, names)):
        return None
    if any(map(_LST_NAME.fullmatch, names)):
        return _series(
            "surface temperature of a satellite", "lst", shown, read_lst_product(path, site=_point(path, site))
        )
    times = sorted(int(match["t"]) for name in names if (match := _SWI_NAME.fullmatch(name)))
    if times or any(map(_SSM_NAME.fullmatch, names)):
        t_value = min(times, key=lambda t: abs(t - _T_VALUE)) if times else _T_VALUE
        series = read_swi_product(path, t_value=t_value, site=_point(path, site))
        return _series(f"soil water index of a satellite, T = {t_value} d", "swi", shown, series)
    return None


def _point(path: Path, site: str | None) -> str | None:
    """Point of a file with several: the site, or the first, if none is given."""
    if site is not None or path.suffix.lower() not in (".csv", ".txt"):
        return site
    table = pd.read_csv(path, usecols=lambda name: str(name).strip().lower() == "id", dtype=str)
    return None if table.empty or not len(table.columns) else str(table.iloc[0, 0]).strip()


def _series(what: str, key: str, shown: str, series: xr.Dataset) -> OtherFile:
    return OtherFile(f"a series of {what}", "it is an input of moisture", f'[moisture]\n{key} = "{shown}"\n', series)


def _namelist(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix == ".nml" or any(re.match(r"\s*&\w+\s*$", line) for line in first_lines(path, 5)):
        return OtherFile("a Fortran namelist", "give the folder of JULES's namelists to 'jules-ml run --from-jules'")
    return None


def _experiment(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix == ".toml":
        return OtherFile("an experiment file", "run it with 'jules-ml run', or inspect the files that it names")
    return None


def _packed(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix != ".gz" or not path.stem.endswith(".nc"):
        return None
    return OtherFile("a gzipped netCDF file", f"unpack it with 'gunzip {path.name}', and inspect {path.stem}")


def _netcdf(path: Path, site: str | None, shown: str) -> OtherFile | None:
    names = netcdf_names(path)
    if not names:
        return None
    return OtherFile(
        f"a netCDF file that no reader knows, with {', '.join(names[:12])}",
        "prescribed data of JULES are named in its namelists; records are read by 'alma', 'ozflux' and 'jules_driving', which know "
        "other names",
    )


def unreadable(path: Path, names: Sequence[str]) -> BadInput:
    """Error for a file that is neither a record nor another known file."""
    return BadInput(
        "the file is of no known kind",
        where=path,
        remedy=f"give a file that one of the readers reads ({', '.join(names)}), or a table with a header",
    )
