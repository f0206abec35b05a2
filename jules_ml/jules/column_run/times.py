"""Times of a run folder: the main run, and the cycles of spin-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from jules_ml.errors import BadInput
from jules_ml.experiment.sections import SpinUpSection
from jules_ml.jules.moments import parse_moment
from jules_ml.jules.run_folder import RunFolder

#: Change of a variable that no spin-up exceeds, for one without a tolerance.
_ANY = {"water": 1000.0, "temperature": 50.0}
_NAMES = {"smcl": "water", "t_soil": "temperature"}


@dataclass(frozen=True)
class Times:
    """Times of a run.

    Attributes
    ----------
    start, end : Timestamp
        Of the main run.
    spin_up : SpinUpSection
        Most cycles, and tolerances.
    cycle : tuple of Timestamp
        Start and end of a cycle of spin-up.
    stop : bool
        Whether the run ends if spin-up does not converge.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    spin_up: SpinUpSection
    cycle: tuple[pd.Timestamp, pd.Timestamp]
    stop: bool


def run_times(run: RunFolder) -> Times:
    """Read the times of a run.

    Raises
    ------
    BadInput
        If they are no times, are no whole number of time steps apart, or a tolerance of spin-up is in per cent.
    """
    start, end = pd.Timestamp(run.start), pd.Timestamp(run.end)
    cycles = int(run.entry("jules_spinup", "max_spinup_cycles", 0)) if run.namelists.all("jules_spinup") else 0
    cycle = (start, end) if not cycles else tuple(_spin_up_moment(run, name) for name in ("spinup_start", "spinup_end"))
    for first, last, group in ((start, end, "jules_time"), (*cycle, "jules_spinup")):
        if last <= first or (last - first) % pd.Timedelta(seconds=run.timestep):
            raise BadInput(
                f"from {first} to {last} there is no whole number of time steps of {run.timestep:g} s",
                where=run.namelists.place(group),
                remedy="correct the times, or timestep_len",
            )
    tolerances = _tolerances(run) if cycles else _ANY
    stop = bool(cycles) and bool(run.entry("jules_spinup", "terminate_on_spinup_fail", False))
    return Times(
        start,
        end,
        SpinUpSection(cycles=cycles, water=tolerances["water"], temperature=tolerances["temperature"]),
        (cycle[0], cycle[1]),
        stop,
    )


def _spin_up_moment(run: RunFolder, name: str) -> pd.Timestamp:
    text = run.namelists.get("jules_spinup").get(name)
    try:
        return pd.Timestamp(parse_moment(str(text), run.calendar))
    except ValueError as error:
        raise BadInput(
            str(error), where=run.namelists.place("jules_spinup"), remedy=f"write {name} = 'YYYY-MM-DD hh:mm:ss'"
        ) from error


def _tolerances(run: RunFolder) -> dict[str, float]:
    """Tolerances of water [kg m-2] and temperature [K]; any change is allowed of a variable without one."""
    group = run.namelists.get("jules_spinup")

    def column(name: str) -> list[Any]:
        value = group.get(name)
        return value if isinstance(value, list) else [] if value is None else [value]

    names, values, percent = column("var"), column("tolerance"), column("use_percent")
    tolerances = dict(_ANY)
    for position, name in enumerate(names[: int(run.entry("jules_spinup", "nvars", 0))]):
        where = run.namelists.place("jules_spinup")
        if name not in _NAMES or position >= len(values) or not isinstance(values[position], int | float):
            raise BadInput(
                f"spin-up of {name} has no tolerance that the column knows",
                where=where,
                remedy="give smcl and t_soil in var, with a tolerance each",
            )
        if position < len(percent) and percent[position]:
            raise BadInput(
                f"use_percent = T of {name}: the column has tolerances in kg m-2 and K",
                where=where,
                remedy="set use_percent = F and give tolerance in the unit of the variable",
            )
        tolerances[_NAMES[name]] = min(float(values[position]), _ANY[_NAMES[name]])
    return tolerances
