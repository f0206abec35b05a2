"""Run of the column for the soil that respiration is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jules_ml.errors import BadInput
from jules_ml.support.output_folder import replaced_folder
from jules_ml.support.progress import Progress

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment
    from jules_ml.experiment.respiration import RespirationSettings
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
) -> tuple[list[Experiment], tuple[str, ...]]:
    """Run the column of the experiments whose respiration is fitted to its soil, and set ``[respiration] state`` to the runs.

    Parameters
    ----------
    kind : str
        Kind of module; experiments of other kinds than respiration are returned unchanged.
    experiments : sequence of Experiment
        One for each site. The settings of the first one apply to all, except for ``state``.
    out : Path
        Output folder of the command; the run folders are in a folder beside it, whose name ends in ``_run``.
    module : Path, optional
        Module that is adapted or scored, whose settings apply instead. No run is needed if it was fitted to sensors.
    progress : callable, optional
        Receives the progress of the runs.

    Returns
    -------
    list of Experiment
        With ``state`` set where the column was run; the others are unchanged.
    tuple of str
        Notes for the user: the run that was used, its gap-filling and its warnings.

    Raises
    ------
    BadInput
        If ``l_soil_resp_lev2`` or ``l_layeredc`` is set, which the column does not have; or as :func:`~jules_ml.column.run.run_column`.
    """
    if kind != "respiration":
        return list(experiments), ()
    from jules_ml.experiment.respiration import RespirationSettings

    settings = experiments[0].respiration or RespirationSettings()
    if module is not None:
        settings = _settings_of(module)
        if not isinstance(settings.state, Path):
            return list(experiments), ()
        settings = settings.model_copy(update={"state": None})
    folder = out.resolve()
    folder = folder.with_name(f"{folder.name}_run")
    result = list(experiments)
    notes: list[str] = []
    for number, (experiment, name) in enumerate(zip(experiments, _run_names(experiments), strict=True)):
        if runs_column(experiment, settings):
            _refuse_other_layers(experiment, settings)
            result[number], of_run = _with_state(experiment, folder / name, progress)
            notes += of_run
    return result, tuple(notes)


def _settings_of(module: Path) -> RespirationSettings:
    from jules_ml.learned.respiration.store import load_respiration

    return load_respiration(module)[1]


def _run_names(experiments: Sequence[Experiment]) -> list[str]:
    """Names of the run folders: those of the experiment files, numbered where they are not unique."""
    stems = [each.file.stem for each in experiments]
    return [f"{number}_{stem}" if stems.count(stem) > 1 else stem for number, stem in enumerate(stems, start=1)]


def runs_column(experiment: Experiment, settings: RespirationSettings) -> bool:
    """Whether the column is run for the fit: the experiment describes one, and no other soil is chosen in it or in ``settings``."""
    sections = (experiment.soil or experiment.modules.hydraulics, experiment.surface, experiment.carbon, experiment.run)
    own_state = None if experiment.respiration is None else experiment.respiration.state
    return (
        all(section is not None for section in sections)
        and experiment.run is not None
        and experiment.run.model == "column"
        and own_state is None
        and settings.state != "sensors"
        and settings.temperature == "t_soil"
        and settings.moisture != "relative"
    )


def _refuse_other_layers(experiment: Experiment, settings: RespirationSettings) -> None:
    for switch in ("l_soil_resp_lev2", "l_layeredc"):
        if getattr(settings, switch):
            raise BadInput(
                f"{switch} is set, and the column always respires at the state of its first layer",
                where=f"{experiment.file}, respiration.{switch}",
                remedy="give an output file of JULES as [respiration] state, or leave the switch out and fit again",
            )


def _with_state(experiment: Experiment, folder: Path, progress: Progress | None) -> tuple[Experiment, list[str]]:
    from jules_ml.column.folder import RUN, write_run
    from jules_ml.column.run import run_column
    from jules_ml.experiment.respiration import RespirationSettings

    assert experiment.run is not None
    stock = experiment.modules.model_copy(update={"respiration": None})
    finished = run_column(
        experiment.model_copy(update={"run": _every_step(experiment.run), "modules": stock}), progress=progress
    )
    with replaced_folder(folder, RUN) as staged:
        write_run(finished, staged.path)
    settings = experiment.respiration or RespirationSettings()
    run = f"run of {folder.name}"
    notes = [
        f"the soil of f and g is that of the column, {folder}",
        *(f"{run}, gap-filling: {substitution}" for substitution in finished.weather.substitutions),
        *(f"{run}: {note}" for note in finished.notes),
    ]
    return experiment.model_copy(update={"respiration": settings.model_copy(update={"state": folder})}), notes


def _every_step(run: RunSection) -> RunSection:
    """The same run with the soil of every time step as output."""
    return run.model_copy(update={"mean_over": 1, "outputs": _OUTPUTS})
