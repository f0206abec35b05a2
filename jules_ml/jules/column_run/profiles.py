"""Output profiles of a run folder: period and variables of the output of the column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder

_GROUP: Final = "jules_output_profile"
_DAY: Final = 86400


@dataclass(frozen=True)
class Profile:
    """Output of a run.

    Attributes
    ----------
    mean_over : int
        Time steps in a period.
    variables : tuple of str
        Variables by JULES's names, of all profiles.
    notes : tuple of str
        What differs from JULES's output.
    """

    mean_over: int
    variables: tuple[str, ...]
    notes: tuple[str, ...]


def output_profile(run: RunFolder) -> Profile:
    """Join the profiles of the main run: their variables, over the shortest of their periods.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    Profile
        Daily means without a profile.

    Raises
    ------
    BadInput
        If the period is no multiple of the time step.
    """
    number = int(run.entry("jules_output", "nprofiles", 0)) if run.namelists.all("jules_output") else 0
    profiles = [p for p in run.namelists.all(_GROUP)[:number] if p.get("output_main_run")]
    step = round(run.timestep)
    periods = [_period(profile, step) for profile in profiles]
    shortest = min(periods, default=_DAY)
    if shortest % step:
        raise BadInput(
            f"output_period is {shortest} s, no multiple of the time step of {step} s",
            where=run.namelists.place(_GROUP),
            remedy="correct output_period",
        )
    names = dict.fromkeys(name for profile in profiles for name in _listed(profile.get("var")))
    notes = []
    if len(set(periods)) > 1:
        notes.append(f"the output has the shortest period of the profiles, {shortest} s")
    snapshots = {
        name
        for profile, period in zip(profiles, periods, strict=True)
        for name, kind in zip(_listed(profile.get("var")), _listed(profile.get("output_type")), strict=False)
        if kind == "S" and period > step
    }
    if snapshots:
        notes.append(f"means in place of values at the end of the period: {', '.join(sorted(snapshots))}")
    return Profile(shortest // step, tuple(names), tuple(notes))


def _period(profile: Mapping[str, Any], step: int) -> int:
    """Period of a profile [s]; a day for months and years."""
    period = profile.get("output_period")
    if period is None:
        return step
    return period if isinstance(period, int) and period > 0 else _DAY


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(each) for each in (value if isinstance(value, list) else [value])]
