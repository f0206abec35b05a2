"""Check of a netCDF file against the CF conventions: by ``compliance-checker`` where it is installed, and by rules of our own always."""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pint

#: Version that all files claim.
CF = "cf:1.11"
HAS_CHECKER = importlib.util.find_spec("compliance_checker") is not None
_UNITS: Any = pint.UnitRegistry()
_SINCE = re.compile(r"(seconds|minutes|hours|days) since \d{4}-\d{2}-\d{2}")


def check_conventions(path: Path) -> None:
    """Fail with all findings of a file."""
    findings = own_findings(path) + (checker_findings(path) if HAS_CHECKER else [])
    assert not findings, f"{path.name}:\n" + "\n".join(findings)


def checker_findings(path: Path) -> list[str]:
    """Findings of ``compliance-checker``, recommendations included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from compliance_checker.runner import CheckSuite

        CheckSuite.load_all_available_checkers()
        suite = CheckSuite()
        with suite.load_dataset(str(path)) as ds:
            scores = suite.run_all(ds, [CF], skip_checks=[])
    found = []
    for results, errors in scores.values():
        for result in results:
            failed = result.value is False or (isinstance(result.value, tuple) and result.value[0] < result.value[1])
            found += [f"{result.name}: {message}" for message in result.msgs if failed]
        found += [f"{name}: {error[0]}" for name, error in errors.items()]
    return found


def own_findings(path: Path) -> list[str]:
    """Findings of the rules that matter most to readers of the files."""
    found = []
    with netCDF4.Dataset(path) as file:
        for name in ("title", "history", "source"):
            if not str(getattr(file, name, "")).strip():
                found.append(f"the file has no attribute {name}")
        if getattr(file, "Conventions", "") != "CF-1.11":
            found.append(f"Conventions is {getattr(file, 'Conventions', None)!r}")
        bounds = {getattr(variable, "bounds", "") for variable in file.variables.values()}
        for name, variable in file.variables.items():
            if name not in bounds:
                found += [f"{name}: {problem}" for problem in _problems(name, variable)]
    return found


def _problems(name: str, variable: Any) -> list[str]:
    found = []
    attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
    if not {"long_name", "standard_name"} & set(attributes):
        found.append("neither long_name nor standard_name")
    units = attributes.get("units")
    if units is not None and " since " not in units and not units.startswith("degrees_"):
        try:
            _UNITS.parse_units(re.sub(r"([a-zA-Z])(-?\d)", r"\1**\2", units).replace(" ", "*"))
        except (pint.errors.UndefinedUnitError, ValueError, AssertionError):
            found.append(f"unit {units!r}")
    if units in ("K", "degC") and not str(attributes.get("units_metadata", "")).startswith("temperature: "):
        found.append("a temperature that is neither on_scale nor difference")
    if attributes.get("standard_name") == "time" and not _SINCE.match(str(units)):
        found.append(f"time in {units!r}")
    if variable.dimensions == (name,):
        values = variable[:]
        if "_FillValue" in attributes:
            found.append("a coordinate variable with _FillValue")
        if values.dtype.kind not in "iuf":
            found.append("a coordinate variable that is no number")
        elif len(values) > 1 and not (np.diff(values) > 0).all() and not (np.diff(values) < 0).all():
            found.append("a coordinate variable that is not monotonic")
    return found
