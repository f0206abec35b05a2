"""Starter of learned respiration: from the record of a tower or of chambers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from jules_ml.data.inspection.draft import toml_line
from jules_ml.errors import BadInput
from jules_ml.starters.model_sections import carbon_lines, missing_weather, run_lines, soil_lines, surface_lines
from jules_ml.starters.records import SiteRecord, confirmed_nee, data_lines, position_lines
from jules_ml.starters.starter import Hints, Starter, block, off, site_lines

_FLUXES: Final = {"nee": "ecosystem", "resp_soil": "soil", "resp_het": "heterotrophic"}
#: Default of ``test_fraction``.
_TEST: Final = 0.2


def respiration_starter(record: SiteRecord, hints: Hints, folder: Path, *, name: str) -> Starter:
    """Write the experiment that fits respiration to a record.

    Parameters
    ----------
    record : SiteRecord
    hints : Hints
    folder : Path
        Folder of the experiment.
    name : str
        Name of its file.

    Raises
    ------
    BadInput
        If the record has no flux, no temperature, or no light by which night is known.
    """
    flux = record.first_of(*_FLUXES)
    _refuse_unusable(record, flux)
    assert flux is not None
    rows: list[str] = []
    notes: list[str] = []
    if flux == "nee":
        record, rows, notes = confirmed_nee(record)
    light = record.first_of("sw_down", "ppfd")
    wanted = {flux: 1, "t_soil": 1, "theta": 1}
    if not record.has("t_soil"):
        wanted["t_air"] = 1
    if flux == "nee":
        wanted |= {"ustar": 1, str(light): 1}
    data, of_data = data_lines(record, wanted, folder)
    settings, of_settings = _settings(record, flux)
    head = [
        f"# {record.site}: respiration from {record.inspection.kind}. Check the lines that say so, then:",
        f"#   jules-ml fit respiration {name} --out modules/{Path(name).stem}",
    ]
    known = site_lines(hints) or position_lines(
        record, hints, why="light alone tells night from day, and the sun cannot check the clock"
    )
    text = block(head, data, known, settings, rows, _optional_rows(flux, rows), _soil_of_the_column(record))
    return Starter(name, text, (*notes, *of_data, *of_settings))


def _refuse_unusable(record: SiteRecord, flux: str | None) -> None:
    where = ", ".join(map(str, record.paths))
    if flux is None:
        found = ", ".join(dict.fromkeys(one.variable for one in record.inspection.variables))
        raise BadInput(
            f"the record has neither NEE nor soil respiration (it has {found})",
            where=where,
            remedy="give the file with the fluxes, if its columns have other names rename them to NEE (tower) or Rs (chambers)",
        )
    if record.first_of("t_soil", "t_air") is None:
        raise BadInput("the record has no soil or air temperature", where=where, remedy="give a file that contains one")
    if flux == "nee" and record.first_of("sw_down", "ppfd") is None:
        raise BadInput(
            "the record has neither shortwave radiation nor photon flux, so night cannot be determined",
            where=where,
            remedy="give a file with a column such as SW_IN, Rg or PAR",
        )


def _settings(record: SiteRecord, flux: str) -> tuple[list[str], list[str]]:
    """Section ``[respiration]``: what differs from the defaults, and comments."""
    keys, notes = [], []
    if _FLUXES[flux] != "ecosystem":
        keys.append(toml_line("target", _FLUXES[flux], "flux of chambers"))
    if not record.has("t_soil"):
        keys.append(toml_line("temperature", "t_air", "the file has no soil temperature"))
        notes.append(f"{record.site}: the file has no soil temperature, and g is fitted to air temperature")
    if not record.has("theta"):
        keys.append(toml_line("moisture", "none", "the file has no soil moisture, so f(θ) is not fitted"))
        notes.append(f"{record.site}: the file has no soil moisture: only g(T) is fitted")
    comments = [_test_period(record)]
    if "port" in record.ds.dims:
        comments.append(
            f"# {toml_line('chambers', 'each', 'a base respiration R0 for each chamber; default: their mean')}"
        )
    comments.append(f"# {toml_line('test_fraction', 0.1, 'fraction of the record that is the test period')}")
    return (["[respiration]", *keys, *comments] if keys else ["# [respiration]", *comments]), notes


def _test_period(record: SiteRecord) -> str:
    time = pd.DatetimeIndex(record.ds["time"].to_numpy())
    years = sorted({int(year) for year, days in _days_of_years(time).items() if days > 300})
    if len(years) < 3:
        return f"# the last {_TEST:.0%} of the usable rows are the test period"
    text = f"default: the last {_TEST:.0%} of the usable rows are the test period"
    return f"# {toml_line('test_years', [years[-1]], text)}"


def _days_of_years(time: pd.DatetimeIndex) -> dict[int, int]:
    days = pd.DatetimeIndex(time.normalize().unique())
    counts = days.year.value_counts()
    return {int(year): int(n) for year, n in counts.items()}


def _optional_rows(flux: str, rows: list[str]) -> list[str]:
    if flux != "nee":
        return []
    head = [] if any(line.startswith("[") for line in rows) else ["# [respiration.rows]"]
    text = "default: 0.3 m s-1; 'estimate' finds it in the record; 'none' if NEE is filtered already"
    return [*head, f"# {toml_line('ustar_min', 'estimate', text)}"]


def _soil_of_the_column(record: SiteRecord) -> list[str]:
    """Comments that fit the curves to the soil of the column, if the weather of the record drives it."""
    missing = missing_weather(record)
    if missing:
        return [
            f"# The curves are fitted to the sensors. The record has no {' and no '.join(missing)}, so it cannot drive the soil of a model."
        ]
    sections = [soil_lines(), surface_lines(), carbon_lines(), run_lines()]
    lines = [line for section in sections for line in [*section, ""]]
    return [
        "# The curves are fitted to the sensors. Curves for a model are fitted to the soil of the model: remove the '# ' below and of the",
        "# columns of weather above, and the fit runs JULES's column first.",
        *off(lines[:-1]),
    ]
