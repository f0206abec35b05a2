"""Run of the column for the soil that respiration is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jules_ml.experiment import Experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.support.progress import Progress

if TYPE_CHECKING:
    from jules_ml.experiment.sections import RunSection

#: Output that the fit needs, at every time step.
_OUTPUTS = ("smcl", "sthu", "sthf", "t_soil")


def with_runs(
    kind: str,
    experiments: Sequence[Experiment],
    out: Path,
    *,
    module: Path | None = None,
    progress: Progress | None = None,
) -> list[Experiment]:
    """Run the column of the experiments whose respiration is fitted to its soil, and set ``[respiration] state`` to the runs.

    Parameters
    ----------
    kind : str
        Kind of module; experiments of other kinds than respiration are returned unchanged.
    experiments : sequence of Experiment
        One for each site.
    out : Path
        Output folder of the command; the run folders are in a folder beside it, whose name ends in ``_run``.
    module : Path, optional
        Module that is adapted or scored. No run is needed if it was fitted to sensors.
    progress : callable, optional
        Receives the progress of the runs.

    Returns
    -------
    list of Experiment
        With ``state`` set where the column was run; the others are unchanged.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.column.run.run_column`.
    """
    if kind != "respiration" or (module is not None and not _fitted_to_model(module)):
        return list(experiments)
    folder = out.with_name(f"{out.name}_run")
    return [_with_state(each, folder / each.file.stem, progress) if runs_column(each) else each for each in experiments]


def _fitted_to_model(module: Path) -> bool:
    from jules_ml.learned.respiration.store import load_respiration

    return isinstance(load_respiration(module)[1].state, Path)


def runs_column(experiment: Experiment) -> bool:
    """Whether the column is run for the fit: the experiment describes one, and no other soil is chosen."""
    settings = experiment.respiration or RespirationSettings()
    sections = (experiment.soil or experiment.modules.hydraulics, experiment.surface, experiment.carbon, experiment.run)
    return (
        all(section is not None for section in sections)
        and experiment.run is not None
        and experiment.run.model == "column"
        and settings.state is None
        and settings.temperature == "t_soil"
        and settings.moisture != "relative"
    )


def _with_state(experiment: Experiment, folder: Path, progress: Progress | None) -> Experiment:
    from jules_ml.column.folder import write_run
    from jules_ml.column.run import run_column

    assert experiment.run is not None
    stock = experiment.modules.model_copy(update={"respiration": None})
    finished = run_column(
        experiment.model_copy(update={"run": _every_step(experiment.run), "modules": stock}), progress=progress
    )
    write_run(finished, folder)
    settings = experiment.respiration or RespirationSettings()
    return experiment.model_copy(update={"respiration": settings.model_copy(update={"state": folder})})


def _every_step(run: RunSection) -> RunSection:
    """The same run with the soil of every time step as output."""
    return run.model_copy(update={"mean_over": 1, "outputs": _OUTPUTS})
