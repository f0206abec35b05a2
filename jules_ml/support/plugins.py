"""Plug-ins, registered by entry points: readers, kinds of learned modules, exports, ways into JULES and draws.

A package registers a plug-in by one line under ``[project.entry-points."jules_ml.readers"]`` (or another group) of its
``pyproject.toml``. The package itself registers its own plug-ins in the same way. A plug-in is imported when it is first used.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, distributions
from typing import Any, Final

from jules_ml.errors import BadInput, RunFailed

#: What the plug-ins of a group are, for messages.
_DESCRIPTIONS: Final = {
    "jules_ml.readers": "reader",
    "jules_ml.kinds": "kind of module",
    "jules_ml.exports": "form of export",
    "jules_ml.ways": "way into JULES",
    "jules_ml.draws": "kind of module with draws",
}


@cache
def _registered(group: str) -> dict[str, EntryPoint]:
    registered: dict[str, EntryPoint] = {}
    packages: dict[str, str] = {}
    # a checkout may contain an old .egg-info in addition to the installed metadata; the latter comes later on the path and is used
    for package in distributions():
        points = package.entry_points.select(group=group)
        name = package.name if points else ""
        for point in points:
            if packages.setdefault(point.name, name) != name:
                raise RunFailed(
                    f"'{point.name}' is registered under {group} by two packages, {packages[point.name]} and {name}: uninstall one"
                )
            registered[point.name] = point
    return registered


def plugin_names(group: str) -> tuple[str, ...]:
    """Return the names of all plug-ins of a group, in alphabetical order.

    Parameters
    ----------
    group : str
        Entry-point group, e.g. ``"jules_ml.readers"``.
    """
    return tuple(sorted(_registered(group)))


def check_plugin(group: str, name: str) -> None:
    """Refuse a name under which no plug-in is registered, without importing any plug-in.

    Parameters
    ----------
    group : str
        Entry-point group.
    name : str
        Name of the plug-in within the group.

    Raises
    ------
    BadInput
        If no plug-in has this name.
    """
    registered = _registered(group)
    if name not in registered:
        names = ", ".join(sorted(registered)) or "none; install the package with 'pip install jules_ml'"
        near = difflib.get_close_matches(name, registered, n=1)
        meant = f"write '{near[0]}' if you meant that; " if near else ""
        raise BadInput(f"there is no {_DESCRIPTIONS.get(group, group)} '{name}'", remedy=f"{meant}installed: {names}")


@cache
def load_plugin(group: str, name: str) -> Any:
    """Import a plug-in.

    Parameters
    ----------
    group : str
        Entry-point group.
    name : str
        Name of the plug-in within the group.

    Returns
    -------
    object
        Object that the entry point names.

    Raises
    ------
    BadInput
        If no plug-in has this name.
    RunFailed
        If the package that registers it cannot be imported.
    """
    check_plugin(group, name)
    point = _registered(group)[name]
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise RunFailed(f"plug-in '{name}' ({point.value}) cannot be imported: {error}") from error
