"""Sections of a run of the column, with stated defaults where the files say nothing."""

from __future__ import annotations

from typing import Final

from jules_ml.data.inspection.draft import toml_line
from jules_ml.starters.records import SiteRecord

#: Sand, silt and clay of loam, the middle of the texture triangle (Cosby et al. 1984, Table 2) [1].
LOAM: Final = {"sand": 0.43, "silt": 0.39, "clay": 0.18}
#: Carbon of the first metre of soil, the global mean of about 1500 Pg on 130e6 km2 (Jobbágy and Jackson 2000) [kg m-2].
SOIL_CARBON: Final = 11.5


def soil_lines() -> list[str]:
    """Section ``[soil.texture]`` of a loam."""
    return [
        "[soil.texture]",
        toml_line(
            "pedotransfer", "cosby", 'soil properties from texture; "hypres" also needs bulk_density and organic_carbon'
        ),
        toml_line(
            "sand",
            LOAM["sand"],
            "check this: fractions of the mineral soil [1]; a loam, since the files do not contain them",
        ),
        toml_line("silt", LOAM["silt"]),
        toml_line("clay", LOAM["clay"]),
    ]


def surface_lines() -> list[str]:
    """Section ``[surface]`` of grass with some bare soil."""
    return [
        "[surface]",
        'tiles = [{type = "c3_grass", frac = 0.9}, {type = "bare_soil", frac = 0.1}] # check this: surface types and their fractions; '
        "also broadleaf_tree, needleleaf_tree, c4_grass, shrub",
    ]


def carbon_lines() -> list[str]:
    """Section ``[carbon]`` with the global mean."""
    return [
        "[carbon]",
        toml_line(
            "cs",
            SOIL_CARBON,
            "check this: soil carbon [kg m-2]; it scales respiration and nothing else of a one-pool run",
        ),
    ]


def run_lines() -> list[str]:
    """Section ``[run]`` of the column."""
    return [
        "[run]",
        toml_line("mean_over", 48, "output period in time steps of half an hour: a day"),
        "# start = 2018-01-01T00:00:00           # default: the whole record",
    ]


def missing_weather(record: SiteRecord) -> list[str]:
    """Weather that a run of the column needs and the record lacks, in words."""
    needed = {
        "t_air": "air temperature",
        "sw_down": "shortwave radiation",
    }
    missing = [text for name, text in needed.items() if not record.has(name)]
    if record.first_of("precip", "tot_rain") is None:
        missing.append("precipitation")
    if record.first_of("relative_humidity", "vpd", "q") is None:
        missing.append("humidity")
    return missing


def depends_on_elevation(record: SiteRecord) -> bool:
    """Whether air pressure is calculated from the elevation."""
    return not record.has("pstar")
