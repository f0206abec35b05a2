"""Entries of namelists: whether the version of JULES has them, and whether their values are of the right type and allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import Any

from jules_ml.jules.preflight.staged import Finding, SetEntry, StagedRun
from jules_ml.jules.versions import LAST_METADATA, VERSIONS, Entry, entry_table, periods

#: Names that replace others, by group, in either direction of versions.
_REPLACED = {
    ("jules_soil_biogeochem", "kaps_roth"): "kaps_4pool",
    ("jules_soil_biogeochem", "kaps_4pool"): "kaps_roth",
    ("jules_model_grid", "latlon_region"): "l_bounds",
    ("jules_model_grid", "lat_bounds"): "y_bounds",
    ("jules_model_grid", "lon_bounds"): "x_bounds",
    ("jules_model_grid", "l_bounds"): "latlon_region",
    ("jules_model_grid", "y_bounds"): "lat_bounds",
    ("jules_model_grid", "x_bounds"): "lon_bounds",
    # names of a draft that no release has
    ("jules_soil_biogeochem", "l_lessdecomp_sat"): "cs_decomp_soil_moist_func = 1, from JULES 8.2,",
    ("jules_soil_biogeochem", "fsth_lessdecomp_sat"): "fsthsat_cs_decomp_opt1, from JULES 8.2,",
}
#: Lists with one value for each of the variables of a group.
_OF_VARIABLES = ("var", "const_val", "use_file", "interp", "tolerance", "use_percent")
#: Groups of lists with one value for each type of surface, and the entry with their number.
_OF_TYPES = {"jules_pftparm": "npft", "jules_triffid": "npft", "jules_nvegparm": "nnvg"}
_TYPES: dict[str, tuple[type, ...]] = {"character": (str,), "integer": (int,), "logical": (bool,), "real": (int, float)}


def entry_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield problems of entries.

    An unknown entry that ``[jules.set]`` or a way wrote is fatal. In the namelists of the user it is a warning, since the executable may
    be that of a branch; only a name that JULES dropped before the version of the run is fatal there too.
    """
    unknown: dict[tuple[str, str], list[str]] = {}
    of_branch: dict[str, list[str]] = {}
    for entry in staged.entries:
        if entry.name in staged.branch_entries:
            continue
        facts = staged.versions.entry(entry.group, entry.name)
        if facts is not None:
            yield from _value_findings(staged, entry, facts)
        elif entry.written or _dropped(staged, entry):
            if periods(entry.group, entry.name) or _similar(staged, entry.group, entry.name):
                yield _unknown(staged, entry)
            else:
                of_branch.setdefault(entry.group, []).append(entry.name)
        else:
            unknown.setdefault((entry.file, entry.group), []).append(entry.name)
    listed = ", ".join(f'"{name}"' for names in of_branch.values() for name in dict.fromkeys(names))
    for group, names in of_branch.items():
        remedy = f"correct or leave out; if the executable is of a branch with them, write branch_entries = [{listed}] under [jules]"
        problem = f"{', '.join(dict.fromkeys(names))}: {_absence(staged, group, names[0])}"
        yield Finding(staged.where(group, names[0]), problem, remedy)
    present = {entry.name for entry in staged.entries}
    for name in sorted(staged.branch_entries - present):
        where = f"{staged.experiment}, jules.branch_entries"
        yield Finding(where, f"no namelist of the run has {name}", "correct the name, or remove it", fatal=False)
    for (_, group), names in unknown.items():
        problem = (
            f"{', '.join(dict.fromkeys(names))}: {_absence(staged, group, names[0])}"
            if len(names) == 1
            else f"{', '.join(dict.fromkeys(names))} are not in the metadata of {_versions(staged)}"
        )
        remedy = (
            "list them in [jules] branch_entries if the executable is that of a branch with these entries; otherwise JULES stops, so "
            "leave them out"
        )
        yield Finding(staged.where(group), problem, remedy, fatal=False)


def _dropped(staged: StagedRun, entry: SetEntry) -> bool:
    """Whether an entry existed only before the versions of the run."""
    last = [VERSIONS.index(period.last) for period in periods(entry.group, entry.name)]
    return bool(last) and max(last) < VERSIONS.index(staged.versions.possible[0])


def _unknown(staged: StagedRun, entry: SetEntry) -> Finding:
    group, name = entry.group, entry.name
    similar = _similar(staged, group, name)
    remedy = f"write {similar} if you meant that" if similar else "correct the name, or leave the entry out"
    if periods(group, name):
        remedy += "; give [jules] version if the run is for another version"
    else:
        remedy += f"; if the executable is of a branch with {name}, list it in [jules] branch_entries"
    return Finding(staged.where(group, name, entry.occurrence), _absence(staged, group, name), remedy)


def _similar(staged: StagedRun, group: str, name: str) -> str:
    """Return the name that is probably meant, with its group if this is another one."""
    if (group, name) in _REPLACED:
        return _REPLACED[group, name]
    table = entry_table()
    present = [n for n in table.get(group, {}) if staged.versions.entry(group, n)]
    close = difflib.get_close_matches(name, present, n=1, cutoff=0.75)
    if close:
        return close[0]
    others = [g for g in table if staged.versions.entry(g, name)]
    if others:
        return f"{name} of &{others[0].upper()}"
    groups = difflib.get_close_matches(group, table, n=1, cutoff=0.75) if group not in table else []
    return f"&{groups[0].upper()}" if groups else ""


def _absence(staged: StagedRun, group: str, name: str) -> str:
    """Return why an entry is unknown, without its name."""
    of_other_versions = periods(group, name)
    if of_other_versions:
        first, last = of_other_versions[0].first, of_other_versions[-1].last
        period = f"JULES {first}" if first == last else f"JULES {first} to {last}"
        return f"the entry exists only in {period}, and the run is for {staged.versions}"
    if group not in entry_table():
        return f"no JULES {VERSIONS[0]} to {VERSIONS[-1]} has a group &{group.upper()}"
    return f"&{group.upper()} has no such entry in {_versions(staged)}"


def _versions(staged: StagedRun) -> str:
    return str(staged.versions) if staged.versions.known else f"any JULES from {VERSIONS[0]} to {VERSIONS[-1]}"


def _expected_number(staged: StagedRun, entry: SetEntry) -> tuple[str, int]:
    """Return the entry with the number of values of a list, and its value; 0 if there is none."""
    if entry.name in _OF_VARIABLES:
        return "nvars", staged.get(entry.group, "nvars", 0)
    if entry.group in _OF_TYPES and entry.name.endswith("_io"):
        return _OF_TYPES[entry.group], staged.get("jules_surface_types", _OF_TYPES[entry.group], 0)
    return "", 0


def _value_findings(staged: StagedRun, entry: SetEntry, facts: Entry) -> Iterator[Finding]:
    """Yield problems of a value; that of a user is a warning only, since a branch may have other types and options."""
    values = [v for v in (entry.value if isinstance(entry.value, list) else [entry.value]) if v is not None]
    where = staged.where(entry.group, entry.name, entry.occurrence)
    if isinstance(entry.value, list) and len(entry.value) > 1 and not facts.is_list and facts.kind:
        yield Finding(where, f"{entry.name} has {len(entry.value)} values", "give one value", fatal=entry.written)
        return
    wrong = [v for v in values if facts.kind and not _is(v, facts.kind)]
    if wrong:
        problem = f"{entry.name} is {wrong[0]!r}, which is not of type {facts.kind}"
        yield Finding(where, problem, f"give {_article(facts.kind)} value", fatal=entry.written)
        return
    infinite = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
    if infinite:
        yield Finding(where, f"{entry.name} is {infinite[0]}", "give a number")
        return
    of, number = _expected_number(staged, entry)
    if isinstance(entry.value, list) and len(entry.value) > number > 0:
        problem = (
            f"{entry.name} has {len(entry.value)} values, and {of} is {number}, so that JULES ignores the last ones"
        )
        yield Finding(where, problem, f"correct {of} or the list; decimal commas separate values", fatal=entry.written)
    other = [v for v in values if facts.values and str(v).strip().lower() not in {w.lower() for w in facts.values}]
    if other:
        # options of later versions than those whose metadata were read are unknown
        exact = all(VERSIONS.index(v) <= VERSIONS.index(LAST_METADATA) for v in staged.versions.possible)
        exact |= VERSIONS.index(facts.first) > VERSIONS.index(LAST_METADATA)
        problem = f"{entry.name} is {other[0]!r}, which is not among the values that JULES's metadata list"
        yield Finding(where, problem, f"choose among {', '.join(facts.values)}", fatal=entry.written and exact)
    outside = [v for v in values if isinstance(v, int | float) and facts.limits and not within(float(v), facts.limits)]
    if outside:
        problem = f"{entry.name} is {outside[0]:g}, outside the range {facts.limits} of JULES's metadata"
        yield Finding(where, problem, "check the value and its unit", fatal=False)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "logical" or not isinstance(value, bool))


def _article(kind: str) -> str:
    return f"{'an' if kind == 'integer' else 'a'} {kind}"


def within(value: float, limits: str) -> bool:
    """Whether a number is in one of the ranges of Rose's notation.

    Parameters
    ----------
    value : float
    limits : str
        Numbers and ranges ``low:high`` with open ends, separated by commas; ``0<`` for positive numbers.

    Returns
    -------
    bool
    """
    if limits == "0<":
        return value > 0.0
    for part in limits.split(","):
        low, colon, high = part.partition(":")
        if not colon:
            if part and value == float(low):
                return True
        elif (not low or value >= float(low)) and (not high or value <= float(high)):
            return True
    return False
