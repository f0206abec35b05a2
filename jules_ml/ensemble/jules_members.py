"""Members of JULES: a process each, in a run folder of its own."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import xarray as xr

from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import Soils, member_experiment
from jules_ml.ensemble.member_file import Series
from jules_ml.ensemble.members import Member
from jules_ml.ensemble.work import Failure, Result, Unit
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.jules.run import JulesRun, run_jules
from jules_ml.learned.uses import draws_of

#: Folder of JULES's run within that of its member.
RUN = "run"
#: What a run says of itself, which stays where the run does not.
_ACCOUNT = ("run_summary.json", "namelists.diff")
#: With less than this [bytes] a failure is the disk's, not the member's.
_LEAST_FREE = 20 * 1024**2
#: What is said of a process that others have killed: the system when memory ran out, a scheduler, a user.
_KILLED = re.compile(r"\(signal SIG(KILL|TERM)\)")
#: JULES's missing value.
_FILL = -1.0e20


@dataclass(frozen=True)
class JulesWork:
    """Members of ``model = "jules"``, one a unit.

    Attributes
    ----------
    experiment : Experiment
        Of the ensemble.
    """

    forks: ClassVar[bool] = True
    experiment: Experiment
    _soils: Soils = field(default_factory=dict, repr=False)

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        """Run each member that is wanted."""
        for member in unit.members:
            if member.number in unit.wanted:
                yield member.number, self._member(member, folder)

    def _member(self, member: Member, folder: Path) -> Result | Failure:
        place = member_folder(folder, member.number)
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob("attempt-*"):
            shutil.rmtree(left, ignore_errors=True)
        # a folder for each attempt: what an earlier one left, should it be running still, writes elsewhere
        attempt = Path(tempfile.mkdtemp(dir=place, prefix="attempt-"))
        try:
            done = run_jules(self._experiment(member, attempt), attempt / RUN)
            variables = member_output(done, self._profile, self._outputs)
        except (BadInput, RunFailed) as error:
            self._keep(attempt, place)
            if shutil.disk_usage(folder).free < _LEAST_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place)) from error
            message = str(error).replace(str(attempt), str(place))
            return Failure(message, lost=_KILLED.search(message) is not None)
        self._keep(attempt, place)
        return Result(variables, (*done.notes, *(f"JULES warns: {warning}" for warning in done.warnings)))

    def _experiment(self, member: Member, attempt: Path) -> Experiment:
        made = member_experiment(self.experiment, member, self._soils)
        for kind, draw in member.draws.items():
            made = draws_of(kind).put(made, draw, attempt / kind)
        return _tethered(made)

    def _keep(self, attempt: Path, place: Path) -> None:
        """Put the run in its place, or away."""
        section = self.experiment.ensemble
        shutil.rmtree(place / RUN, ignore_errors=True)
        if (attempt / RUN).is_dir():
            if section is not None and not section.keep_runs:
                # what it was run with is told all the same
                for path in (attempt / RUN).iterdir():
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path, ignore_errors=True)
                    elif path.name not in _ACCOUNT:
                        path.unlink()
            os.replace(attempt / RUN, place / RUN)
        shutil.rmtree(attempt, ignore_errors=True)

    @property
    def _profile(self) -> str | None:
        return None if self.experiment.ensemble is None else self.experiment.ensemble.profile

    @property
    def _outputs(self) -> tuple[str, ...] | None:
        return None if self.experiment.run is None else self.experiment.run.outputs


def _tethered(experiment: Experiment) -> Experiment:
    """Have JULES killed when the worker that watches it is, where the system has ``setpriv`` for that."""
    section, setpriv = experiment.jules, shutil.which("setpriv")
    if section is None or setpriv is None:
        return experiment
    launcher = (setpriv, "--pdeathsig", "KILL", "--", *section.launcher)
    return experiment.model_copy(
        update={"jules": JulesSection.model_validate({**section.model_dump(), "launcher": launcher})}
    )


def member_output(run: JulesRun, profile: str | None, outputs: tuple[str, ...] | None) -> dict[str, Series]:
    """Take from a run of JULES what is gathered.

    Parameters
    ----------
    run : JulesRun
    profile : str or None
        Name of an output profile; needed where there are several.
    outputs : tuple of str or None
        Variables; all that run along time unless given.

    Returns
    -------
    dict of str to Series
        Dimensions of length one, as those of a single point, are left out; missing values are NaN.

    Raises
    ------
    BadInput
        If there is no such profile, or variables are not in it.
    RunFailed
        If the output cannot be read.
    """
    files = [path for path in run.output if profile is None or f".{profile}." in path.name]
    if len(files) != 1:
        names = ", ".join(path.name for path in run.output) or "none"
        raise BadInput(
            f"{len(files) or 'no'} files of output would do, of {names}",
            where="ensemble.profile",
            remedy="name the output profile that is to be gathered, and write it to one file",
        )
    try:
        with xr.open_dataset(files[0], decode_times=False, mask_and_scale=False) as opened:
            ds = opened.squeeze(drop=True).load()
    except (OSError, ValueError) as error:
        raise RunFailed(f"the output {files[0].name} cannot be read ({error})") from error
    wanted = tuple(str(n) for n in ds.data_vars if "time" in ds[n].dims) if outputs is None else outputs
    missing = [name for name in wanted if name not in ds]
    if missing:
        raise BadInput(
            f"{', '.join(missing)} are not in the output {files[0].name}",
            where="run.outputs",
            remedy="ask for them in the output profile, or leave them out",
        )
    kept: dict[str, Series] = {}
    for name in dict.fromkeys(("time", *(n for n in wanted if n not in ("time_bounds", "timestp")))):
        values = np.atleast_1d(ds[name].to_numpy())
        if values.dtype.kind == "f":
            values = np.where(values <= _FILL, np.nan, values)
        attrs = {k: str(v) for k, v in ds[name].attrs.items() if k in ("units", "long_name", "calendar")}
        kept[name] = Series(tuple(map(str, ds[name].dims)) or ("time",), values, attrs)
    return kept


def provenance_of(folder: Path, number: int) -> dict[str, str]:
    """What a member's run says of itself: checksum of the executable, and changes to the namelists; nothing where it has none."""
    summary_file, diff_file = (member_folder(folder, number) / RUN / name for name in _ACCOUNT)
    try:
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        diff = diff_file.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return {}
    return {"executable": json.dumps(summary.get("executable", {})), "namelist_differences": diff}
