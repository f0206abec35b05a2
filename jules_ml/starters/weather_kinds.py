"""Starters of the kinds that learn from soil moisture and weather: moisture, hydraulics, carbon."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from jules_ml.data.inspection.draft import toml_line
from jules_ml.data.record import has_position
from jules_ml.errors import BadInput
from jules_ml.starters.model_sections import depends_on_elevation, missing_weather, soil_lines, surface_lines
from jules_ml.starters.records import SiteRecord, data_lines, position_lines
from jules_ml.starters.soil_table import SiteSoil
from jules_ml.starters.starter import Hints, Starter, block, site_lines

#: Columns of a table that the kinds use: sensors of soil by number, weather.
_WANTED: Final = {
    **dict.fromkeys(("theta", "t_soil"), 20),
    **dict.fromkeys(
        (
            "theta_crns",
            "d86",
            "precip",
            "t_air",
            "sw_down",
            "lw_down",
            "relative_humidity",
            "vpd",
            "q",
            "wind",
            "pstar",
        ),
        1,
    ),
    **dict.fromkeys(("sw_up", "lw_up", "lst", "snow_depth", "swe", "albedo"), 1),
}
#: Fraction of the record that is the test period by default, of moisture and hydraulics.
_TEST: Final = 0.3


def moisture_starter(
    record: SiteRecord, hints: Hints, folder: Path, *, name: str, soil: SiteSoil | None = None
) -> Starter:
    """Write the experiment that fits soil moisture to a record; arguments as of ``respiration_starter``, and the soil of a table.

    Raises
    ------
    BadInput
        If the record lacks soil moisture, precipitation or air temperature.
    """
    _refuse_without_theta(record, "moisture", "precip", "t_air")
    data, notes = data_lines(record, _WANTED, folder)
    settings = [
        "# [moisture]",
        f"# {toml_line('jules', 'runs/NAME/column.nc', 'first guess: a run of JULES or of the column at the site')}",
        f"# {toml_line('test_fraction', _TEST, 'fraction at the end of the record that is the test period')}",
        f"# {toml_line('members', 2, 'networks of the ensemble; default: 8. A quick trial')}",
        f"# {toml_line('steps', 200, 'training steps; default: 600')}",
    ]
    known = site_lines(hints) or position_lines(
        record, hints, why="it is needed where the record has no radiation, and for maps"
    )
    text = block(_head(record, "soil moisture", name, "moisture"), data, known, _place(soil), settings)
    return Starter(name, text, tuple(notes))


def hydraulics_starter(
    record: SiteRecord, hints: Hints, folder: Path, *, name: str, soil: SiteSoil | None = None
) -> Starter:
    """Write the experiment that fits soil hydraulics to a record; arguments as of ``respiration_starter``, and the soil of a table.

    Raises
    ------
    BadInput
        If the record lacks soil moisture by probes or weather, or the position is unknown.
    """
    _refuse_without_theta(record, "hydraulics")
    missing = missing_weather(record)
    if missing:
        raise BadInput(
            f"the record has no {' and no '.join(missing)}, so it cannot drive the soil column",
            where=", ".join(map(str, record.paths)),
            remedy="give a file that also has weather; several files of one reader and one site are one record",
        )
    if not has_position(record.ds) and hints.latitude is None:
        raise BadInput(
            "the record does not contain the position of the site, which the soil column needs",
            where=", ".join(map(str, record.paths)),
            remedy="give --latitude, --longitude and --elevation",
        )
    data, notes = data_lines(record, _WANTED, folder, needs_depth=True)
    site = site_lines(hints)
    if depends_on_elevation(record) and "elevation" not in record.ds.attrs and hints.elevation is None:
        site = site or ["[site]"]
        site.append(
            toml_line(
                "elevation", 0.0, "check this: [m]; air pressure, which the file does not contain, follows from it"
            )
        )
        notes.append(f"{record.site}: elevation = 0.0 is a guess, from which air pressure follows: give --elevation")
    texture = _texture(soil)
    if soil is None or not {"sand", "clay"} <= soil.values.keys():
        notes.append(
            f"{record.site}: the texture is that of a loam, because the files do not contain it: check [soil.texture]"
        )
    settings = [
        "# [hydraulics]",
        f"# {toml_line('test_fraction', _TEST, 'fraction at the end of the record that is the test period')}",
    ]
    text = block(
        _head(record, "soil hydraulics", name, "hydraulics"),
        data,
        site,
        _place(soil),
        texture,
        surface_lines(),
        settings,
    )
    return Starter(name, text, tuple(notes))


def carbon_starter(
    record: SiteRecord, hints: Hints, folder: Path, *, name: str, soil: SiteSoil | None = None
) -> Starter:
    """Write the experiment that predicts soil carbon of a site; arguments as of ``respiration_starter``, and the soil of a table.

    Raises
    ------
    BadInput
        If the record lacks soil moisture, precipitation or air temperature.
    """
    _refuse_without_theta(record, "carbon", "precip", "t_air")
    data, notes = data_lines(record, _WANTED, folder)
    place = _place(soil)
    if soil is None or "organic_carbon" not in soil.values:
        place += [] if place else ["# [place]"]
        comment = (
            "organic carbon of soil cores [kg kg-1]: their median; without it, the carbon of this site is predicted"
        )
        place.append(f"# {toml_line('organic_carbon', 0.03, comment)}")
    spread = None if soil is None else soil.soc_spread
    settings = (
        [
            "[carbon_module]",
            toml_line("soc_spread", spread, "standard deviation of ln organic carbon among the cores of this site"),
        ]
        if spread is not None
        else [
            "# [carbon_module]",
            f"# {toml_line('soc_spread', 0.3, 'standard deviation of ln organic carbon among the cores')}",
        ]
    )
    settings.append(f"# {toml_line('region', 'north', 'sites of a region are left out together in cross-validation')}")
    text = block(_head(record, "soil carbon", name, "carbon"), data, site_lines(hints), place, settings)
    return Starter(name, text, tuple(notes))


def _head(record: SiteRecord, what: str, name: str, kind: str) -> list[str]:
    return [
        f"# {record.site}: {what} from {record.inspection.kind}. Check the lines that say so, then:",
        f"#   jules-ml fit {kind} {name if kind != 'carbon' else '*.toml'} --out modules/{kind}",
    ]


def _refuse_without_theta(record: SiteRecord, kind: str, *others: str) -> None:
    words = {"precip": "precipitation", "t_air": "air temperature"}
    sensors = ("theta",) if kind == "hydraulics" else ("theta", "theta_crns")
    missing = [] if record.first_of(*sensors) else ["soil moisture"]
    missing += [words[name] for name in others if not record.has(name)]
    if missing:
        found = ", ".join(dict.fromkeys(one.variable for one in record.inspection.variables))
        raise BadInput(
            f"the record has no {' and no '.join(missing)} (it has {found})",
            where=", ".join(map(str, record.paths)),
            remedy="give a file that contains it; several files of one reader and one site are one record, as FLUXES and METEO of ICOS",
        )


def _place(soil: SiteSoil | None) -> list[str]:
    """Section ``[place]`` of a table of soil."""
    if soil is None:
        return []
    lines = [
        toml_line(key, value, f"check this: {soil.file}, {soil.columns[key]}") for key, value in soil.values.items()
    ]
    return ["[place]", *lines] if lines else []


def _texture(soil: SiteSoil | None) -> list[str]:
    """Section ``[soil.texture]`` of a table of soil, or of a loam."""
    if soil is None or not {"sand", "clay"} <= soil.values.keys():
        return soil_lines()
    sand, clay = soil.values["sand"], soil.values["clay"]
    sand, clay = (float(np.round(value / max(sand + clay, 1.0), 4)) for value in (sand, clay))
    comment = f"{soil.file}: median of the site"
    return [
        "[soil.texture]",
        toml_line(
            "pedotransfer", "cosby", 'soil properties from texture; "hypres" also needs bulk_density and organic_carbon'
        ),
        toml_line("sand", sand, comment),
        toml_line("silt", round(1.0 - sand - clay, 4)),
        toml_line("clay", clay, comment),
    ]
