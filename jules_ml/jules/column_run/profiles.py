"""Output profiles of a run folder: period and variables of the output of the column."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.physics.soil_names import LAYERED

_GROUP: Final = "jules_output_profile"
_DAY: Final = 86400
#: Variables of JULES's output that are in that of the column under another name, or do not change with time.
_ELSEWHERE: Final = frozenset(
    (
        *("precip", "rainfall", "snowfall", "tl1", "qw1", "pstar", "wind", "sw_down", "lw_down"),
        *("frac", "lai", "canht", "albsoil", *LAYERED),
    )
)


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


def missing_outputs(profile: Profile, names: Set[str]) -> list[str]:
    """Note the variables of the profiles that the column does not have.

    Parameters
    ----------
    profile : Profile
    names : set of str
        Variables of the output of the column.

    Returns
    -------
    list of str
        No note or one.
    """
    missing = [name for name in profile.variables if name not in names and name not in _ELSEWHERE]
    return [f"the column has no output {', '.join(missing)}"] if missing else []


def _period(profile: Mapping[str, Any], step: int) -> int:
    """Period of a profile [s]; a day for months and years."""
    period = profile.get("output_period")
    if period is None:
        return step
    return period if isinstance(period, int) and period > 0 else _DAY


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(each) for each in (value if isinstance(value, list) else [value])]
