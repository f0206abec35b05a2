"""Faults of values: sign, factor, unit, codes of missing values, spikes, stuck and shifted sensors."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from fuzz.case import Case, Fault
from fuzz.truth import Column

#: Another unit in which people store a variable: its name, and factor and offset from the unit of the site dataset to it.
_OTHER_UNITS: Final[dict[str, tuple[tuple[str, float, float], ...]]] = {
    "t_air": (("K or degC", 1.0, 0.0), ("degF", 1.8, -459.67)),
    "t_soil": (("K or degC", 1.0, 0.0),),
    "lst": (("K or degC", 1.0, 0.0), ("hundredths of K", 50.0, 0.0)),
    "pstar": (("hPa", 0.01, 0.0), ("kPa", 0.001, 0.0), ("mmHg", 0.00750062, 0.0)),
    "relative_humidity": (("1 or %", 1.0, 0.0),),
    "vpd": (("kPa", 0.001, 0.0), ("hPa", 0.01, 0.0), ("Pa", 1.0, 0.0)),
    "theta": (("% or m3 m-3", 1.0, 0.0),),
    "theta_crns": (("% or m3 m-3", 1.0, 0.0),),
    "q": (("g kg-1", 1000.0, 0.0),),
    "sw_down": (("MJ m-2 d-1", 0.0864, 0.0), ("umol m-2 s-1", 2.05, 0.0)),
}
#: Old codes of missing values.
_OLD_CODES: Final = (-99.9, 99.99, 9999.0, 6999.0, -999.0, -6999.0, -99999.0, 999.9, 7777.0)
_MODEL_WATER: Final = "the factor of the water of a model: it has no residual water, and is as dry in deserts"
_NONNEGATIVE: Final = (
    "relative_humidity",
    "wind",
    "precip",
    "tot_rain",
    "tot_snow",
    "theta",
    "theta_crns",
    "vpd",
    "q",
    "ustar",
    "swi",
)
#: Variables whose sign follows from the course of the day, if the file has radiation.
DAILY: Final = ("t_air", "nee", "nee_ustar", "le", "h", "vpd", "lst")


def _swing(case: Case) -> bool:
    """Whether the record has radiation and steps below a day, by which a daily course can be judged."""
    has_light = any(column.variable in ("sw_down", "ppfd") for column in case.source.columns)
    return has_light and case.source.step.total_seconds() < 86400.0


def _sign(case: Case) -> bool:
    column = case.column()
    if column.variable not in _NONNEGATIVE and not (column.variable in DAILY and _swing(case)):
        case.expected.unknowable = f"the sign of {column.variable}, without radiation in the file to show day and night"
    return case.damage(column, -case.numbers(column))


def _hundredfold(case: Case) -> bool:
    column = case.column()
    return case.damage(column, case.numbers(column) * 100.0)


def _hundredth(case: Case) -> bool:
    column = case.column()
    if column.variable in ("precip", "tot_rain", "tot_snow"):
        case.expected.unknowable = f"the factor of {column.variable}: drizzle and drought are as small"
    if column.variable == "t_soil" and column.offset:
        case.expected.unknowable = (
            "the factor of t_soil in degC: soil that freezes or is under snow remains as close to 0 degC"
        )
    if case.source.is_model and column.variable == "theta":
        case.expected.unknowable = _MODEL_WATER
    if column.variable in ("nee", "le", "h", "ustar", "resp_soil", "g_soil", "nee_ustar"):
        case.expected.unknowable = (
            f"the factor of {column.variable}: fluxes in winter and over bare ground are as small"
        )
    return case.damage(column, case.numbers(column) / 100.0)


def _spike(case: Case) -> bool:
    column = case.column()
    numbers = case.numbers(column)
    rows = case.rng.sample(range(5, len(numbers) - 5), 3)
    numbers[rows] = numbers[rows] * 100.0 + np.sign(column.factor) * 50.0
    return case.damage(column, numbers)


def _negative_spike(case: Case) -> bool:
    column = case.column("theta", "t_soil", "sw_down", "relative_humidity", "pstar", "t_air")
    if column.variable in ("h", "le", "nee", "g_soil"):
        case.expected.unknowable = f"whether {column.variable} was measured: it has such values at night"
    numbers = case.numbers(column)
    rows = case.rng.sample(range(5, len(numbers) - 5), 2)
    numbers[rows] = -150.0
    return case.damage(column, numbers)


def _unit(case: Case) -> bool:
    columns = [column for column in case.source.columns if column.variable in _OTHER_UNITS]
    if not columns:
        return False
    column = case.rng.choice(columns)
    _, factor, offset = case.rng.choice(_OTHER_UNITS[column.variable])
    if case.source.is_model and column.variable == "theta":
        case.expected.unknowable = _MODEL_WATER
    site = column.to_site(case.numbers(column))
    other = _as_other(column, site) if (factor, offset) == (1.0, 0.0) else site * factor + offset
    return case.damage(column, other)


def _as_other(
    column: Column, site: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Numbers in the unit of the site dataset, or if the file has that one, in the other common one."""
    if column.factor == 1.0 and column.offset == 0.0:
        temperature = column.variable in ("t_air", "t_soil", "lst")
        return site - 273.15 if temperature else site * 100.0
    return site


def _wind_unit(case: Case) -> bool:
    column = case.column("wind", "ustar")
    if column.variable not in ("wind", "ustar"):
        return False
    case.expected.unknowable = "the unit: knots and km h-1 are possible wind speeds in m s-1"
    return case.damage(column, case.numbers(column) * case.rng.choice((3.6, 1.94384)))


def _code(case: Case, code: float) -> bool:
    column = case.column()
    numbers = case.numbers(column)
    rows = case.rng.sample(range(3, len(numbers) - 3), max(3, len(numbers) // 40))
    numbers[rows] = code
    return case.damage(column, numbers)


def _old_code(case: Case) -> bool:
    return _code(case, case.rng.choice(_OLD_CODES))


def _stated_code(case: Case) -> bool:
    return _code(case, -9999.0)


def _zero_for_missing(case: Case) -> bool:
    if case.source.is_model:
        return False
    column = case.column("pstar", "t_soil", "t_air", "theta", "relative_humidity", "lw_down", "lst")
    numbers = case.numbers(column)
    start = case.rng.randrange(10, len(numbers) - 60)
    if column.variable == "swi":
        case.expected.unknowable = "whether the index was 0: dry soil has 0 %"
    if column.offset:
        case.expected.unknowable = "whether 0 degC was measured: it is a common temperature"
    numbers[start : start + max(24, len(numbers) // 5)] = 0.0
    return case.damage(column, numbers)


def _stuck(case: Case) -> bool:
    if case.source.is_model:
        return False
    column = case.column(
        "theta", "t_soil", "t_air", "relative_humidity", "pstar", "wind", "lw_down", "swi", "lst", "nee"
    )
    numbers = case.numbers(column)
    if column.variable == "swi":
        case.expected.unknowable = "whether the surface was observed: the index is constant without observations"
    # fifteen days, or half of a daily record
    length = (
        len(numbers) // 2 if case.source.step >= pd.Timedelta(days=1) else int(pd.Timedelta(days=15) / case.source.step)
    )
    first = max((len(numbers) - length) // 4, 1)
    numbers[first : first + length] = numbers[first]
    changed = case.damage(column, numbers)
    case.expected.damaged.iloc[first : first + length, case.expected.damaged.columns.get_loc(column.key)] = True
    return changed


def _all_constant(case: Case) -> bool:
    if case.source.is_model:
        return False
    column = case.column()
    if column.variable in ("precip", "tot_rain", "tot_snow"):
        return False
    numbers = case.numbers(column)
    if column.variable == "swi":
        case.expected.unknowable = "whether the surface was observed: the index is constant without observations"
    value = float(np.median(numbers)) if column.variable in ("sw_down", "ppfd") else numbers[0]
    changed = case.damage(column, np.full_like(numbers, value))
    case.expected.damaged[[column.key]] = True
    return changed


def _level(case: Case) -> bool:
    if case.source.is_model:
        return False
    column = case.column("theta", "t_soil")
    if column.variable not in ("theta", "t_soil"):
        return False
    numbers = case.numbers(column)
    if column.variable == "theta" and not any(c.variable in ("precip", "tot_rain") for c in case.source.columns):
        case.expected.unknowable = "rain, without which a rise of soil moisture may be that of a storm"
    step = 0.25 / column.factor if column.variable == "theta" else 15.0 / column.factor
    numbers[len(numbers) // 2 :] += step
    return case.damage(column, numbers)


#: Pairs of variables in other units whose numbers are possible for each other, and that nothing in a file contradicts.
_ALIKE: Final = (
    {"resp_soil", "t_soil"},
    {"wind", "t_soil"},
    {"wind", "le"},
    {"wind", "precip"},
    {"wind", "h"},
    {"nee", "wind"},
)


def _exchanged(case: Case) -> bool:
    """Numbers of two columns are exchanged."""
    if len(case.source.columns) < 2:
        return False
    first, second = case.rng.sample(list(case.source.columns), 2)
    a, b = case.numbers(first), case.numbers(second)
    same_unit = first.unit == second.unit and (first.factor, first.offset) == (second.factor, second.offset)
    if same_unit or {first.variable, second.variable} in _ALIKE or case.source.is_model:
        case.expected.unknowable = (
            f"which column is which: numbers of {first.variable} are possible for {second.variable} and the reverse"
        )
    return case.damage(first, b) | case.damage(second, a)


FAULTS: Final = (
    Fault("value: sign turned", "table", _sign),
    Fault("value: times 100", "table", _hundredfold),
    Fault("value: divided by 100", "table", _hundredth),
    Fault("value: spikes", "table", _spike),
    Fault("value: negative spikes", "table", _negative_spike),
    Fault("value: another unit", "table", _unit),
    Fault("value: wind in another unit", "table", _wind_unit),
    Fault("value: old missing code", "table", _old_code),
    Fault("value: -9999", "table", _stated_code),
    Fault("value: 0 for missing", "table", _zero_for_missing),
    Fault("value: stuck", "table", _stuck),
    Fault("value: constant", "table", _all_constant),
    Fault("value: step in level", "table", _level),
    Fault("value: columns exchanged", "table", _exchanged),
)
