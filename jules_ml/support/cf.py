"""Metadata of all netCDF files: the conventions that they follow, who made them, and what their variables are.

Every file is written by :func:`write_dataset`, or has the attributes of :func:`file_attributes` and :func:`variable_attributes`.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import xarray as xr

import jules_ml
from jules_ml.support.files import atomic_write

#: Version of the Climate and Forecast conventions.
CONVENTIONS: Final = "CF-1.11"
#: Attributes of a time coordinate; times have no leap seconds, as in all calendars of models.
TIME: Final[Mapping[str, str]] = {"standard_name": "time", "axis": "T", "units_metadata": "leap_seconds: none"}
#: Attributes of a position.
LATITUDE: Final[Mapping[str, str]] = {
    "units": "degrees_north",
    "standard_name": "latitude",
    "long_name": "latitude",
}
LONGITUDE: Final[Mapping[str, str]] = {
    "units": "degrees_east",
    "standard_name": "longitude",
    "long_name": "longitude",
}
#: Environment variable with the institution that makes the files.
INSTITUTION: Final = "JULES_ML_INSTITUTION"
_TEMPERATURES: Final = ("K", "degC")
_NORTH: Final = ("degrees_north", "degree_north", "degrees_N", "degree_N")
_EAST: Final = ("degrees_east", "degree_east", "degrees_E", "degree_E")


def file_attributes(title: str, *, history: str, source: str = "") -> dict[str, str]:
    """Attributes of a file.

    Parameters
    ----------
    title : str
        What the file contains.
    history : str
        Command that made it. There is no date, so that the same command gives the same file.
    source : str, optional
        Model or data that the values are from; default: this package.

    Returns
    -------
    dict of str to str
        ``Conventions``, ``title``, ``source``, ``history``, and ``institution`` if the user has set it, see :func:`institution`.

    References
    ----------
    CF conventions 1.11, section 2.6.
    """
    where = {"institution": institution()} if institution() else {}
    return {
        "Conventions": CONVENTIONS,
        "title": title,
        **where,
        "source": source or software_name(),
        "history": history,
    }


def institution() -> str:
    """Institution that makes the files: the environment variable :data:`INSTITUTION`; empty without one, because it cannot be guessed."""
    return " ".join(os.environ.get(INSTITUTION, "").split())


def software_name() -> str:
    """Name and version of this package."""
    return f"jules_ml {jules_ml.__version__}"


def variable_attributes(attributes: Mapping[Any, Any], *, difference: bool = False) -> dict[str, Any]:
    """Attributes of a variable; a temperature states whether it is on a scale or a difference.

    Parameters
    ----------
    attributes : mapping
        With ``units``, and with ``standard_name`` or ``long_name``.
    difference : bool, optional
        Whether a temperature is a difference, such as a standard deviation.

    Returns
    -------
    dict

    References
    ----------
    CF conventions 1.11, section 3.1.2.
    """
    complete = {str(name): value for name, value in attributes.items()}
    if complete.get("units") in _TEMPERATURES:
        complete.setdefault("units_metadata", f"temperature: {'difference' if difference else 'on_scale'}")
    return complete


def axis_attributes(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an axis of a grid whose own file may lack them.

    Parameters
    ----------
    name : str
        Name of the dimension.
    attributes : mapping
        Those of the file, which take precedence.

    Returns
    -------
    dict
        Of a latitude or longitude, of a projected axis in m, or with the name as ``long_name``.
    """
    units, letter = attributes.get("units"), name[:1].lower()
    if units in _NORTH or (units is None and name.lower() in ("lat", "latitude")):
        return {**LATITUDE, **attributes}
    if units in _EAST or (units is None and name.lower() in ("lon", "longitude")):
        return {**LONGITUDE, **attributes}
    if units == "m" and letter in "xy":
        return {"standard_name": f"projection_{letter}_coordinate", **attributes}
    return {"long_name": f"{name} coordinate of the grid", **attributes}


def conventional(ds: xr.Dataset, *, title: str = "", history: str = "") -> xr.Dataset:
    """Complete the attributes of a dataset.

    Parameters
    ----------
    ds : Dataset
    title, history : str, optional
        As :func:`file_attributes`, where the dataset has none of its own.

    Returns
    -------
    Dataset
        A time coordinate of dates has the attributes :data:`TIME`; a variable without ``long_name`` and ``standard_name`` has its name as
        ``long_name``.
    """
    own = {str(name): value for name, value in ds.attrs.items() if name != "Conventions"}
    attrs = file_attributes(
        str(own.get("title", title)), history=str(own.get("history", history)), source=str(own.get("source", ""))
    )
    if "institution" in own:
        attrs["institution"] = str(own["institution"])
    completed = ds.assign_attrs(attrs)
    for name, variable in ds.variables.items():
        if _is_bounds(ds, str(name)):
            continue
        changed = completed[name].copy(deep=False)
        changed.attrs = variable_attributes(variable.attrs)
        if variable.dtype.kind == "M":
            changed.attrs = {**_time_attributes(variable.dims, str(name)), **changed.attrs}
        if not {"long_name", "standard_name"} & set(changed.attrs):
            changed.attrs["long_name"] = str(name).replace("_", " ")
        completed[name] = changed
    return completed


def _time_attributes(dims: tuple[Hashable, ...], name: str) -> dict[str, str]:
    """Attributes of a variable of dates; only ``time`` along ``time`` is an axis."""
    if name != "time":
        return {"units_metadata": TIME["units_metadata"]}
    return {key: text for key, text in TIME.items() if key != "axis" or dims == ("time",)}


def _is_bounds(ds: xr.Dataset, name: str) -> bool:
    """Whether a variable is the bounds of another one, whose attributes it shares."""
    return any(variable.attrs.get("bounds") == name for variable in ds.variables.values())


def write_dataset(
    ds: xr.Dataset,
    path: Path,
    *,
    title: str = "",
    history: str = "",
    encoding: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Write a dataset as a netCDF file that follows the conventions, atomically.

    Parameters
    ----------
    ds : Dataset
    path : Path
        File to write.
    title, history : str, optional
        As :func:`conventional`.
    encoding : mapping, optional
        Of single variables, as :meth:`xarray.Dataset.to_netcdf`.
    **options
        Further options of :meth:`xarray.Dataset.to_netcdf`, such as ``format`` and ``unlimited_dims``.

    Raises
    ------
    BadInput, RunFailed
        As :func:`~jules_ml.support.files.atomic_write`.
    """
    complete = conventional(ds, title=title, history=history)
    encodings: dict[Hashable, dict[str, Any]] = {}
    for name in complete.coords:
        # a coordinate variable has no missing values, and numbers only: names are arrays of characters
        labels = name in complete.dims and complete[name].dtype.kind in "OUT"
        encodings[name] = {"dtype": "S1"} if labels else {"_FillValue": None}
    for name, own in (encoding or {}).items():
        encodings[name] = {**encodings.get(name, {}), **own}
    with atomic_write(path) as part:
        complete.to_netcdf(part, engine="netcdf4", encoding=encodings, **options)
