"""Renamed keys of experiment files; the error message gives the new name and the conversion of the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from jules_ml.errors import BadInput
from jules_ml.experiment.messages import Key, dotted, line_of


class Renamed(NamedTuple):
    """New name of a key, with its section, and the conversion of its value: a clause in the imperative, empty if it is unchanged."""

    new: str
    conversion: str = ""


#: Old key, with its section, and its new name. Keys of an array of tables are written without their number.
RENAMED: Final[Mapping[str, Renamed]] = {
    "hydraulics.t_soil_above": Renamed("hydraulics.frozen_below"),
    "hydraulics.t_air_above": Renamed("hydraulics.frozen_below", "subtract 1 K from the value"),
    "moisture.site_properties.clay": Renamed("place.clay", "divide the value by 100: it is a fraction"),
    "moisture.site_properties.sand": Renamed("place.sand", "divide the value by 100: it is a fraction"),
    "moisture.site_properties.bulk_density": Renamed(
        "place.bulk_density", "multiply the value by 1000: it is in kg m-3"
    ),
    "moisture.site_properties.soc": Renamed("place.soc_stock", "keep the value: it is in kg m-2, of 0-30 cm"),
    "moisture.site_properties.elevation": Renamed("site.elevation"),
    "moisture.site_properties.trees": Renamed("place.frac_tree"),
    "moisture.site_properties.grass": Renamed("place.frac_grass"),
    "moisture.site_properties.bare": Renamed("place.frac_bare"),
    "moisture.site_properties.precip_year": Renamed("place.precip_annual"),
    "moisture.site_properties.t_air_mean": Renamed("place.t_air_mean"),
    "moisture.site_properties.vpd_mean": Renamed("place.vpd_mean"),
    "moisture.site_properties.lst_excess": Renamed("place.lst_excess_mean"),
    "moisture.site_properties.lst_range": Renamed("place.lst_excess_std"),
    "moisture.site_properties.jules_mean": Renamed(
        "moisture.jules", "give the output of the run: its mean water content is calculated"
    ),
    "moisture.site_properties": Renamed("place"),
    "hydraulics.inputs.soc": Renamed("place.soc_density"),
    "hydraulics.inputs.bulk_density": Renamed("place.bulk_density"),
    "hydraulics.inputs.t_air": Renamed("place.t_air_mean"),
    "hydraulics.inputs.precip": Renamed("place.precip_annual"),
    "hydraulics.inputs.dryness": Renamed("place.dryness_index"),
    "hydraulics.inputs.t_range": Renamed("place.t_air_diurnal_range"),
    "hydraulics.inputs.swi": Renamed("place.swi_variation"),
    "hydraulics.inputs.lst_excess": Renamed("place.lst_excess_warm_mean"),
    "hydraulics.inputs.lst_spread": Renamed("place.lst_excess_warm_std"),
    "hydraulics.inputs.tree": Renamed("place.frac_tree"),
    "hydraulics.inputs.bare": Renamed("place.frac_bare"),
    "hydraulics.inputs.sand": Renamed("place.sand"),
    "hydraulics.inputs.clay": Renamed("place.clay"),
    "hydraulics.inputs": Renamed("place"),
    "carbon_module.soc": Renamed(
        "place.organic_carbon", "divide the value by 1000 if it is in g kg-1, by 100 if it is in %: it is in kg kg-1"
    ),
    "carbon_module.soc_units": Renamed("place.organic_carbon", "leave soc_units out: the unit is always kg kg-1"),
    "carbon_module.bulk_density": Renamed("place.bulk_density"),
    "carbon_module.tree": Renamed("place.frac_tree"),
    "carbon_module.bare": Renamed("place.frac_bare"),
    "respiration.porosity": Renamed("place.porosity", "give each site's value in the experiment file of that site"),
}


def refuse_renamed_keys(
    raw: Mapping[str, Any], *, text: str, path: Path, renamed: Mapping[str, Renamed] = RENAMED
) -> None:
    """Raise an error for keys that have a new name, whether or not the schema would accept them.

    Parameters
    ----------
    raw : mapping
        Output of the TOML parser.
    text : str
        Contents of the file, for the line.
    path : Path
        Path of the file, for the message.
    renamed : mapping of str to Renamed, optional
        Old keys and their new names.

    Raises
    ------
    BadInput
        If there is such a key; the error names file, line, old key, new key and conversion. Further old keys are listed.
    """
    old = [(key, entry) for name, entry in renamed.items() for key in _matches(raw, name.split("."))]
    if not old:
        return
    key, entry = old[0]
    problem = f"key '{dotted(key)}' has a new name: '{entry.new}'"
    others = [f"{dotted(other)} is now {its.new}" for other, its in old[1:]]
    if others:
        problem += f" (also renamed: {', '.join(others)})"
    section, _, name = entry.new.rpartition(".")
    remedy = f"write {name} under [{section}]" if section else f"write [{name}]"
    if entry.conversion:
        remedy += f", and {entry.conversion}"
    line = line_of(key, text)
    place = f"{path}, line {line}" if line else str(path)
    raise BadInput(problem, where=f"{place}, {dotted(key)}", remedy=remedy)


def _matches(node: Any, names: Sequence[str], at: Key = ()) -> Iterator[Key]:
    """Yield all keys of the file that match a dotted name."""
    if not names:
        yield at
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from _matches(each, names, (*at, number))
    elif isinstance(node, Mapping) and names[0] in node:
        yield from _matches(node[names[0]], names[1:], (*at, names[0]))
