"""Export form ``curves``: learned f and g as tables for the hooks."""

from __future__ import annotations

from pathlib import Path

from jules_ml.jules.curve_files import write_curve
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveX, learned_tables

#: File names of the tables.
FSTH_FILE, FTEMP_FILE = "fsth.nml", "ftemp.nml"


def export_curves(folder: str | Path, out: Path, *, x: CurveX | None = None) -> list[Path]:
    """Write the curves of a respiration module as ``fsth.nml`` and ``ftemp.nml``.

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
        The two files.

    Raises
    ------
    BadInput
        If the folder is not a respiration module, or ``out`` cannot be written.
    """
    module, settings, _ = load_respiration(folder)
    fsth, ftemp = learned_tables(module, settings, x=x)
    return [write_curve(fsth, out / FSTH_FILE), write_curve(ftemp, out / FTEMP_FILE)]


class CurvesExport:
    """Form ``curves`` of ``jules-ml export``."""

    kind = "respiration"
    options: tuple[str, ...] = ()

    def write(self, folder: Path, out: Path, *, predicted: bool = False) -> list[Path]:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return export_curves(folder, out)


EXPORT = CurvesExport()
