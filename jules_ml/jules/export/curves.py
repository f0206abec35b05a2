"""Export form ``curves``: learned f, g and factors of antecedent drivers as tables for the hooks, and the respiration rate."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import f90nml

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.base_rate import GROUP, base_rate
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.set_entries import set_entries
from jules_ml.learned.respiration.rate import module_flux, one_pool_kaps, require_layers
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveX, antecedent_tables, learned_tables
from jules_ml.learned.uses import Exported
from jules_ml.support.files import atomic_write
from jules_ml.support.namelist_text import seven_digits

#: File names of the tables, and of the respiration rate.
FSTH_FILE, FTEMP_FILE, RATE_FILE = "fsth.nml", "ftemp.nml", "kaps.nml"


def export_curves(folder: str | Path, out: Path, *, x: CurveX | None = None) -> list[Path]:
    """Write the curves of a respiration module as ``fsth.nml`` and ``ftemp.nml``, and of its antecedent drivers as ``h_<driver>.nml``.

    Parameters
    ----------
    folder : str or Path
        Module folder of ``jules-ml fit respiration``.
    out : Path
        Folder to write to; created if it does not exist.
    x : {'sthu', 'sthu+sthf', 'theta'}, optional
        Moisture variable of f; see :func:`~jules_ml.learned.respiration.tables.learned_tables`.

    Returns
    -------
    list of Path
        The files of f and g, then those of the drivers.

    Raises
    ------
    BadInput
        If the folder is not a respiration module, or ``out`` cannot be written.
    """
    module, settings, _ = load_respiration(folder)
    fsth, ftemp = learned_tables(module, settings, x=x)
    files = [write_curve(fsth, out / FSTH_FILE), write_curve(ftemp, out / FTEMP_FILE)]
    return [*files, *(write_curve(h, out / antecedent_file(name)) for name, h in antecedent_tables(module).items())]


def antecedent_file(driver: str) -> str:
    """Name of the file with the curve of an antecedent driver."""
    return f"h_{driver}.nml"


def antecedent_entries(drivers: Iterable[str]) -> str:
    """Entries of ``&jules_ml_respiration`` for some antecedent drivers and the files of :func:`export_curves`; '' without drivers."""
    names = list(drivers)
    if not names:
        return ""
    lists = (", ".join(f"'{value}'" for value in values) for values in (names, map(antecedent_file, names)))
    return "antecedent = {}, antecedent_tables = {}".format(*lists)


def _antecedent_notes(folder: Path) -> tuple[str, ...]:
    entries = antecedent_entries(antecedent_tables(load_respiration(folder)[0]))
    if not entries:
        return ()
    return (
        f"the module has factors of antecedent drivers. The hooks multiply f by them: add {entries} to &jules_ml_respiration",
    )


def export_rate(folder: str | Path, out: Path, experiment: Experiment) -> Exported:
    """Write the respiration rate that reproduces the learned base respiration as ``kaps.nml``.

    Parameters
    ----------
    folder : str or Path
        Module folder of ``jules-ml fit respiration``.
    out : Path
        Folder to write to.
    experiment : Experiment
        With ``[carbon]``, whose ``cs`` respires at ``kaps``; or with ``[jules]``, whose run folder, changed by ``[jules.set]``,
        has the initial carbon. If it has both, ``[run] model`` decides.

    Returns
    -------
    Exported
        A group ``&jules_soil_biogeochem`` with ``kaps`` or ``kaps_4pool``, to be copied into the group of the run.

    Raises
    ------
    BadInput
        If the experiment has no soil carbon, or the rate cannot be calculated from it.
    """
    folder = Path(folder)
    model = None if experiment.run is None else experiment.run.model
    if experiment.jules is not None and (model == "jules" or experiment.carbon is None):
        run = read_run_folder(experiment.jules.folder, experiment.jules.namelists)
        set_entries(experiment, run)
        rate = base_rate(run, module_flux(folder, experiment))
        entries, note = rate.entries, rate.note
    else:
        carbon = experiment.required(experiment.carbon, "carbon")
        if carbon.cs <= 0.0:
            raise BadInput(
                "the soil has no carbon to respire", where=f"{experiment.file}, carbon.cs", remedy="give cs above 0"
            )
        flux = module_flux(folder, experiment)
        require_layers(flux, layered=False, where=f"{experiment.file}, carbon")
        kaps = seven_digits(one_pool_kaps(flux.carbon, carbon.cs))
        entries, note = {"kaps": kaps}, f"kaps = {kaps:.4g} s-1, from {flux} and cs {carbon.cs:.4g} kg m-2"
    path = out / RATE_FILE
    text = io.StringIO()
    f90nml.Namelist({GROUP: entries}).write(text)
    with atomic_write(path) as part:
        part.write_text(f"! {note}\n{text.getvalue()}", encoding="utf-8")
    return Exported([path], (f"base rate: {note}; copy it from {RATE_FILE} into {GROUP}.nml of the run",))


class CurvesExport:
    """Form ``curves`` of ``jules-ml export``."""

    kind = "respiration"
    options: tuple[str, ...] = ("experiment",)

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        if experiment is not None:
            # first, so that nothing is written if the rate is unknown
            rate = export_rate(folder, out, experiment)
            files = [*export_curves(folder, out), *rate.files]
            return Exported(files, (*rate.notes, *_antecedent_notes(folder)))
        note = (
            "the base rate was not exported: a run with these curves uses its own kaps. For the rate that reproduces the learned "
            "base respiration, give --experiment FILE, with [carbon] cs or [jules] folder"
        )
        return Exported(export_curves(folder, out), (note, *_antecedent_notes(folder)))


EXPORT = CurvesExport()
