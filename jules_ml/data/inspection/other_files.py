"""Files that are no records: what they are, and where they are used."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from jules_ml.data.inspection import jules_files
from jules_ml.data.inspection.column_names import is_named
from jules_ml.data.inspection.other_file import OtherFile
from jules_ml.data.netcdffile import netcdf_names, read_netcdf
from jules_ml.data.problems import report
from jules_ml.data.readers.cosmos_uk_flags import is_flags_file
from jules_ml.data.readers.satellite_products import read_lst_product, read_swi_product
from jules_ml.data.recognition import first_lines
from jules_ml.errors import BadInput

_LST_NAME = re.compile(r"(.*_)?LST(_(Day|Night)(_1km)?)?", re.IGNORECASE)
_SWI_NAME = re.compile(r"(.*_)?SWI_?(?P<t>\d{1,3})", re.IGNORECASE)
_SSM_NAME = re.compile(r"(.*_)?SSM", re.IGNORECASE)
#: Names of files, or points, that a text lists.
_MOST_NAMES = 8
#: Properties of a soil in the names of columns, and names of columns of time.
_SOIL_NAME = re.compile(r"(oc|soc|organic_?carbon|clay|sand|silt|bd|bulk_?density)([_\d].*)?", re.IGNORECASE)
_POSITION = ({"lat", "lon"}, {"latitude", "longitude"}, {"site"}, {"plot"})
_TIME_NAME = re.compile(r".*(time|date|year|day|doy).*", re.IGNORECASE)
#: Characteristic time [d] of the soil water index that is read where the file has several.
_T_VALUE = 20


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
    output = jules_files.output
    text = (_namelist, _experiment, _json, _cores)
    for kind in (_folder, _archive, _metadata, output, _satellite, *text, _packed, _netcdf, _damaged):
        found = kind(path, site, shown)
        if found is not None:
            return found
    return None


def _folder(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if not path.is_dir():
        return None
    namelists = jules_files.namelist_folder(path, shown)
    if namelists is not None:
        return namelists
    if (path / "card.json").is_file():
        return OtherFile("a folder of a learned module", "evaluate it with 'jules-ml evaluate'")
    files = sorted(file.name for file in path.iterdir() if file.is_file())
    if not files:
        return OtherFile("a folder without files", "name the files, or the folder that has them")
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    more = ", …" if len(files) > _MOST_NAMES else ""
    return OtherFile(f"a folder of {count}", f"inspect its files: {', '.join(files[:_MOST_NAMES])}{more}")


def _archive(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return OtherFile(
        f"a zip archive of {len(names)} file{'' if len(names) == 1 else 's'}",
        f"unpack it, and inspect its files: {', '.join(names[:_MOST_NAMES])}",
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


def _satellite(path: Path, site: str | None, shown: str) -> OtherFile | None:
    names = list(netcdf_names(path))
    if path.suffix.lower() in (".csv", ".txt"):
        names = [name.strip().strip('"') for name in "".join(first_lines(path, 1)).split(",")]
    if not {"time", "date", "datetime", "timestamp"} & {name.lower() for name in names}:
        return None
    if not any("LST_" in name for name in names) and any(map(is_named, names)):
        return None
    point, points = _point(path, site)
    if any(map(_LST_NAME.fullmatch, names)):
        series = read_lst_product(path, site=point)
        return _series("surface temperature of a satellite", f'lst = "{shown}"', series, points, site)
    times = sorted(int(match["t"]) for name in names if (match := _SWI_NAME.fullmatch(name)))
    if times or any(map(_SSM_NAME.fullmatch, names)):
        t_value = min(times, key=lambda t: abs(t - _T_VALUE)) if times else _T_VALUE
        series = read_swi_product(path, t_value=t_value, site=point)
        return _series(f"soil water index of a satellite, T = {t_value} d", f'swi = "{shown}"', series, points, site)
    return None


def _point(path: Path, site: str | None) -> tuple[str | None, list[str]]:
    """Point that is read of a file with several, the site or the first, and the names of all."""
    if path.suffix.lower() not in (".csv", ".txt"):
        return site, []
    table = pd.read_csv(path, usecols=lambda name: str(name).strip().lower() == "id", dtype=str)
    points = [] if table.empty or not len(table.columns) else [str(one).strip() for one in table.iloc[:, 0].unique()]
    return site if site is not None or not points else points[0], points


def _series(what: str, key: str, series: xr.Dataset, points: Sequence[str], site: str | None) -> OtherFile:
    section = f"[moisture]\n{key}\n"
    use = "it is an input of moisture"
    if len(points) > 1:
        more = ", …" if len(points) > _MOST_NAMES else ""
        use += f"; it has {len(points)} points: {', '.join(points[:_MOST_NAMES])}{more}"
        if site is None:
            use += f"; {points[0]} is summarised: choose one by --site, and give it as name under [site]"
        else:
            section += f'\n[site]\nname = "{site}"\n'
    return OtherFile(f"a series of {what}", use, section, series)


def _namelist(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix == ".nml" or any(re.match(r"\s*&\w+\s*$", line) for line in first_lines(path, 5)):
        return OtherFile("a Fortran namelist", f"give the folder with all namelists of JULES: {jules_files.RUN_FOLDER}")
    return None


def _experiment(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix == ".toml":
        return OtherFile("an experiment file", "run it with 'jules-ml run', or inspect the files that it names")
    return None


def _json(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix not in (".json", ".geojson"):
        return None
    return OtherFile(
        "a JSON file",
        "it is no record, and no section reads it; convert measured values to CSV with one row for each time",
    )


def _cores(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix.lower() not in (".csv", ".txt"):
        return None
    names = [name.strip().strip('"') for name in "".join(first_lines(path, 1)).split(",")]
    known = {name.lower() for name in names}
    soil = [name for name in names if _SOIL_NAME.fullmatch(name)]
    if len(soil) < 2 or not any(position <= known for position in _POSITION) or any(map(_TIME_NAME.fullmatch, names)):
        return None
    return OtherFile(
        f"a table of soil cores or soil properties without time, with {', '.join(soil[:_MOST_NAMES])}",
        "it is no record: give the values of the site under [place], such as organic_carbon [kg kg-1], bulk_density [kg m-3] "
        "and clay [1]",
    )


def _packed(path: Path, site: str | None, shown: str) -> OtherFile | None:
    if path.suffix != ".gz" or not path.stem.endswith(".nc"):
        return None
    return OtherFile("a gzipped netCDF file", f"unpack it with 'gunzip {path.name}', and inspect {path.stem}")


def _netcdf(path: Path, site: str | None, shown: str) -> OtherFile | None:
    names = netcdf_names(path)
    if not names:
        return None
    daily = [name for name in names if name.endswith("_daily")]
    remedy = (
        f"variables have the ending _daily: rename them ({daily[0]} to {daily[0].removesuffix('_daily')}, for example with ncrename or "
        "xarray), and reader 'alma' reads them with their units"
        if daily
        else "records are read by 'alma', 'ozflux' and 'jules_driving', which know other names: rename the variables, or write them as a "
        "table for reader 'table'; prescribed data of JULES are named in its namelists"
    )
    return OtherFile(f"a netCDF file that no reader knows, with {', '.join(names[:12])}", remedy)


def _damaged(path: Path, site: str | None, shown: str) -> OtherFile | None:
    """NetCDF by its first bytes or its name, whose variables cannot be listed."""
    with path.open("rb") as file:
        starts = file.read(4).startswith((b"CDF", b"\x89HDF"))
    if not starts and path.suffix.lower() not in (".nc", ".nc4", ".cdf"):
        return None
    try:
        read_netcdf(path, kind="netCDF")
    except BadInput as error:
        report(error)
    return OtherFile("a netCDF file that cannot be opened", "")


def unreadable(path: Path, names: Sequence[str]) -> BadInput:
    """Error for a file that is neither a record nor another known file."""
    return BadInput(
        "the file is of no known kind",
        where=path,
        remedy=f"give a file that one of the readers reads ({', '.join(names)}), or a table with a header",
    )
