"""Members that are runs of JULES, each a process with its own run folder."""

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
from jules_ml.jules.run import JulesRun, prepare_run, run_jules
from jules_ml.learned.uses import draws_of
from jules_ml.support.cf import TIME

#: Name of JULES's run folder within the member's folder.
RUN = "run"
#: Files that document a run, which are saved even if the run folder is not.
_RECORDS = ("run_summary.json", "namelists.diff")
#: With less free space than this [bytes] a failure is attributed to the disk, not to the member.
_MIN_FREE = 20 * 1024**2
#: Message about a process that was killed from outside: by the system when memory ran out, by a scheduler or by a user.
_KILLED = re.compile(r"\(signal SIG(KILL|TERM)\)")
#: JULES's missing value.
_FILL = -1.0e20


@dataclass(frozen=True)
class JulesWork:
    """Runs members of ``model = "jules"``, one per unit.

    Attributes
    ----------
    experiment : Experiment
        Experiment of the ensemble.
    """

    forks: ClassVar[bool] = True
    experiment: Experiment
    _soils: Soils = field(default_factory=dict, repr=False)

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        """Run each pending member."""
        for member in unit.members:
            if member.number in unit.pending:
                yield member.number, self._member(member, folder)

    def prepare(self, member: Member, folder: Path) -> None:
        """Write the run folder of a member into ``folder``, without running it, to measure what that takes."""
        prepare_run(self._experiment(member, folder), folder / RUN)

    def _member(self, member: Member, folder: Path) -> Result | Failure:
        target = member_folder(folder, member.number)
        target.mkdir(parents=True, exist_ok=True)
        for leftover in target.glob("attempt-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # each attempt has its own folder: a process that is left over from an earlier attempt writes to another one
        attempt = Path(tempfile.mkdtemp(dir=target, prefix="attempt-"))
        try:
            done = run_jules(self._experiment(member, attempt), attempt / RUN)
            variables = member_output(done, self._profile, self._outputs)
        except (BadInput, RunFailed) as error:
            self._store(attempt, target)
            if shutil.disk_usage(folder).free < _MIN_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
            message = str(error).replace(str(attempt), str(target))
            return Failure(message, lost=_KILLED.search(message) is not None)
        self._store(attempt, target)
        return Result(variables, (*done.notes, *(f"JULES warns: {warning}" for warning in done.warnings)))

    def _experiment(self, member: Member, attempt: Path) -> Experiment:
        experiment = member_experiment(self.experiment, member, self._soils)
        for kind, draw in member.draws.items():
            experiment = draws_of(kind).put(experiment, draw, attempt / kind)
        return _tied_to_worker(experiment)

    def _store(self, attempt: Path, target: Path) -> None:
        """Move the run folder to the member's folder, without most of its files unless ``keep_runs``."""
        section = self.experiment.ensemble
        shutil.rmtree(target / RUN, ignore_errors=True)
        if (attempt / RUN).is_dir():
            if section is not None and not section.keep_runs:
                for path in (attempt / RUN).iterdir():
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path, ignore_errors=True)
                    elif path.name not in _RECORDS:
                        path.unlink()
            os.replace(attempt / RUN, target / RUN)
        shutil.rmtree(attempt, ignore_errors=True)

    @property
    def _profile(self) -> str | None:
        return None if self.experiment.ensemble is None else self.experiment.ensemble.profile

    @property
    def _outputs(self) -> tuple[str, ...] | None:
        return None if self.experiment.run is None else self.experiment.run.outputs


def _tied_to_worker(experiment: Experiment) -> Experiment:
    """Have JULES killed when its worker dies, where the system has ``setpriv``."""
    section, setpriv = experiment.jules, shutil.which("setpriv")
    if section is None or setpriv is None:
        return experiment
    launcher = (setpriv, "--pdeathsig", "KILL", "--", *section.launcher)
    return experiment.model_copy(
        update={"jules": JulesSection.model_validate({**section.model_dump(), "launcher": launcher})}
    )


def member_output(run: JulesRun, profile: str | None, outputs: tuple[str, ...] | None) -> dict[str, Series]:
    """Read the variables to gather from the output of a run of JULES.

    Parameters
    ----------
    run : JulesRun
    profile : str or None
        Name of the output profile; required if there are several.
    outputs : tuple of str or None
        Variables; by default all that have a time dimension.

    Returns
    -------
    dict of str to Series
        Dimensions of length one, such as those of a single point, are removed; missing values are NaN.

    Raises
    ------
    BadInput
        If there is no such profile, or it lacks variables.
    RunFailed
        If the output cannot be read.
    """
    files = [path for path in run.output if profile is None or f".{profile}." in path.name]
    if len(files) != 1:
        names = ", ".join(path.name for path in run.output) or "none"
        raise BadInput(
            f"{len(files) or 'no'} output files match, of {names}",
            where="ensemble.profile",
            remedy="name the output profile to gather, and have JULES write it to one file",
        )
    try:
        with xr.open_dataset(files[0], decode_times=False, mask_and_scale=False) as opened:
            ds = opened.squeeze(drop=True).load()
    except (OSError, ValueError) as error:
        raise RunFailed(f"the output {files[0].name} cannot be read ({error})") from error
    names_read = tuple(str(n) for n in ds.data_vars if "time" in ds[n].dims) if outputs is None else outputs
    missing = [name for name in names_read if name not in ds]
    if missing:
        raise BadInput(
            f"{', '.join(missing)} are not in the output {files[0].name}",
            where="run.outputs",
            remedy="add them to the output profile, or remove them from run.outputs",
        )
    variables: dict[str, Series] = {}
    for name in dict.fromkeys(("time", *(n for n in names_read if n not in ("time_bounds", "timestp")))):
        values = np.atleast_1d(ds[name].to_numpy())
        if values.dtype.kind == "f":
            values = np.where(values <= _FILL, np.nan, values)
        attrs = {
            k: str(v) for k, v in ds[name].attrs.items() if k in ("units", "long_name", "calendar", "cell_methods")
        }
        attrs |= {**TIME, "long_name": "end of the period, UTC"} if name == "time" else {}
        variables[name] = Series(tuple(map(str, ds[name].dims)) or ("time",), values, attrs)
    return variables


def provenance_of(folder: Path, number: int) -> dict[str, str]:
    """Checksum of the executable and changes to the namelists of a member's run; empty if they are missing."""
    summary_file, diff_file = (member_folder(folder, number) / RUN / name for name in _RECORDS)
    try:
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        diff = diff_file.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return {}
    return {"executable": json.dumps(summary.get("executable", {})), "namelist_differences": diff}
