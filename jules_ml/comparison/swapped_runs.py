"""The two runs of an experiment that a module is judged by: with JULES's own forms, and with what was learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import xarray as xr

from jules_ml.column.folder import write_run
from jules_ml.column.run import run_column
from jules_ml.comparison.runs import Run, read_run, residual_water
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.jules import JulesSection, PrescribedSection
from jules_ml.experiment.sections import RunSection
from jules_ml.jules.export.prescribed import prescribed_files
from jules_ml.jules.hooks.check import Hook, check_executable
from jules_ml.jules.program import jules_executable, program_of
from jules_ml.jules.run import run_jules
from jules_ml.support.progress import Progress, renamed

#: Names of the runs.
STOCK: Final = "stock"
SWAPPED: Final = "swapped"
#: Output of the column that observations are compared with.
_OUTPUTS: Final = ("smcl", "sthu", "sthf", "t_soil", "resp_s_gb", "latent_heat", "ftl_gb")
#: Ways into JULES by kind.
_WAYS: Final = {"respiration": ("namelist", "hooks"), "hydraulics": ("ancillary",), "moisture": ("prescribed",)}


@dataclass(frozen=True)
class SwappedRuns:
    """Output of both runs, and notes of the swapped one for the user."""

    stock: Run
    swapped: Run
    notes: tuple[str, ...]


def run_both(
    module: Path, kind: str, experiment: Experiment, record: xr.Dataset, out: Path, *, progress: Progress | None = None
) -> SwappedRuns:
    """Run an experiment with JULES's own forms and with a module.

    Parameters
    ----------
    module : Path
        Module folder.
    kind : str
        Kind of the module: ``respiration``, ``hydraulics`` or ``moisture``.
    experiment : Experiment
        With ``[run]``, whose ``model`` is used for both runs. Other modules and files of the experiment are in both.
    record : xarray.Dataset
        Its site dataset.
    out : Path
        Folder for the run folders ``stock`` and ``swapped``.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    SwappedRuns

    Raises
    ------
    BadInput
        If the module cannot be swapped into this model, or as the run.
    RunFailed
        As the run.
    """
    section = experiment.required(experiment.run, "run")
    if kind not in _WAYS:
        raise BadInput(
            f"a {kind} module is no part of a run",
            where=module,
            remedy=f"give a module of {', '.join(_WAYS)}, or score it by 'jules-ml evaluate {module} --data FILE'",
        )
    run = _run_of_column if section.model == "column" else _run_of_jules
    pair = column_experiments if section.model == "column" else jules_experiments
    stock, swapped = pair(module, kind, experiment, str(record.attrs.get("site", experiment.file.stem)), out)
    # the swapped run first: it is the one that can be refused
    notes = run(swapped, record, out / SWAPPED, renamed(progress, f"{{}}, {SWAPPED}"))
    run(stock, record, out / STOCK, renamed(progress, f"{{}}, {STOCK}"))
    theta_r = residual_water(experiment)
    return SwappedRuns(read_run(out / STOCK, theta_r=theta_r), read_run(out / SWAPPED, theta_r=theta_r), notes)


_RunOf = Callable[[Experiment, xr.Dataset, Path, Progress | None], tuple[str, ...]]


def _run_of_column(
    experiment: Experiment, record: xr.Dataset, folder: Path, progress: Progress | None
) -> tuple[str, ...]:
    finished = run_column(experiment, record=record, progress=progress)
    write_run(finished, folder)
    return finished.notes


def _run_of_jules(
    experiment: Experiment, record: xr.Dataset, folder: Path, progress: Progress | None
) -> tuple[str, ...]:
    return run_jules(experiment, folder, progress=progress).notes


def column_experiments(
    module: Path, kind: str, experiment: Experiment, site: str, out: Path
) -> tuple[Experiment, Experiment]:
    """Experiments of both runs of the column, with output at every time step.

    Raises
    ------
    BadInput
        If the module has no way into the column.
    """
    if kind == "moisture":
        raise BadInput(
            "soil moisture cannot be prescribed in a run of the column",
            where=f"{experiment.file}, run.model",
            remedy="set model = 'jules' in [run], and give [jules] folder and executable; the column uses learned moisture only in a "
            "closed loop",
        )
    section: RunSection = experiment.required(experiment.run, "run")
    every_step = section.model_copy(update={"mean_over": 1, "outputs": _OUTPUTS})
    base = experiment.model_copy(update={"run": every_step, "closed_loop": None})
    stock, swapped = (
        base.model_copy(update={"modules": experiment.modules.model_copy(update={kind: folder})})
        for folder in (None, module.absolute())
    )
    return stock, swapped


def jules_experiments(
    module: Path, kind: str, experiment: Experiment, site: str, out: Path
) -> tuple[Experiment, Experiment]:
    """Experiments of both runs of JULES.

    Parameters
    ----------
    module, kind, experiment
        See :func:`run_both`.
    site : str
        Name of the site, for the file of prescribed soil water.
    out : Path
        Folder for that file.

    Returns
    -------
    stock, swapped : Experiment
        The swapped run uses the ways of ``[run] via`` for this kind of module. If there are none, soil properties and soil water go in by
        file, and respiration by hooks where the executable has them, else by namelist.

    Raises
    ------
    BadInput
        If the executable is missing, or the module has no prediction at the site.
    """
    run, jules = experiment.required(experiment.run, "run"), experiment.required(experiment.jules, "jules")
    ours = _WAYS[kind]
    others = tuple(way for way in run.via if way not in ours)
    chosen = tuple(way for way in run.via if way in ours) or _default_ways(kind, jules, experiment.file)
    # without the module, these ways are used only by another source of the experiment
    remaining = tuple(way for way in run.via if way in ours and _has_other_source(way, experiment))
    stock = experiment.model_copy(
        update={
            "run": run.model_copy(update={"via": (*others, *remaining)}),
            "modules": experiment.modules.model_copy(update={kind: None} if kind != "moisture" else {}),
            "jules": jules.model_copy(update={"prescribed": None}) if kind == "moisture" else jules,
        }
    )
    module = module.absolute()
    sources: dict[str, dict[str, object]] = {
        "respiration": {"hooks": None},
        "hydraulics": {"ancillary": None},
        "moisture": {"prescribed": _prescribed(module, site, jules, out) if kind == "moisture" else None},
    }
    swapped = experiment.model_copy(
        update={
            "run": run.model_copy(update={"via": (*others, *chosen)}),
            "modules": experiment.modules.model_copy(update={kind: module} if kind != "moisture" else {}),
            "jules": jules.model_copy(update=sources[kind]),
        }
    )
    return stock, swapped


def _default_ways(kind: str, jules: JulesSection, file: Path) -> tuple[str, ...]:
    if kind != "respiration":
        return _WAYS[kind]
    program = program_of(jules_executable(jules, file), jules.program)
    hooks = [Hook.ABSENT] if program is None else check_executable(program).hooks.values()
    return ("hooks",) if all(state is Hook.IN for state in hooks) else ("namelist",)


def _has_other_source(way: str, experiment: Experiment) -> bool:
    """Whether a way has a source other than a module: files of soil properties or ``[soil]``, or a configuration of the hooks."""
    assert experiment.jules is not None
    if way == "ancillary":
        return experiment.jules.ancillary is not None or experiment.soil is not None
    return way == "hooks" and experiment.jules.hooks is not None


def _prescribed(module: Path, site: str, jules: JulesSection, out: Path) -> PrescribedSection:
    """Export the soil water that the module predicts at the site; layers and interpolation are those of the experiment."""
    folder = out / "prescribed"
    files = prescribed_files(module, folder)
    if site not in files:
        raise BadInput(
            f"the module has no predictions at {site}",
            where=module,
            remedy=f"adapt it to the site first: 'jules-ml fit moisture FILE --adapt {module} --days 30 --out DIR'",
        )
    section = jules.prescribed
    if section is None:
        return PrescribedSection(file=files[site])
    return section.model_copy(update={"file": files[site]})
