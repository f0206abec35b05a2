"""Notes that a fit or a run of a record would print, for its inspection."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from jules_ml.data.inspection.suspicions import Suspicion
from jules_ml.data.notes import notes_of_record
from jules_ml.data.sensor_faults import without_faults

#: Words of a note, and those of the suspicion that says the same of the variable.
_SAME = (("stays there", "stays there"), ("values are", "constant at"))


def fit_notes(ds: xr.Dataset, suspicions: Sequence[Suspicion]) -> list[str]:
    """Return the notes of :func:`~jules_ml.data.notes.notes_of_record` that no suspicion says.

    Parameters
    ----------
    ds : xarray.Dataset
        What was read; output of a model has no notes.
    suspicions : sequence of Suspicion
        What is listed already.

    Returns
    -------
    list of str
        Without the name of the site. Values of faulty sensors are left out first, as in a fit.
    """
    if "site" not in ds.attrs:
        return []
    used = without_faults(ds)
    # the suspicions list these values already
    used.attrs.pop("sensor_faults", None)
    notes = [note.removeprefix(f"site {ds.attrs['site']}").lstrip(":, ") for note in notes_of_record(used)]
    return [note for note in notes if not any(_says(one, note) for one in suspicions)]


def _says(suspicion: Suspicion, note: str) -> bool:
    if suspicion.problem and suspicion.problem in note:
        return True
    variable = suspicion.series.split(" ", 1)[0]
    named = note.startswith((f"'{variable}'", f"variable {variable}"))
    return named and any(text in note and same in suspicion.problem for text, same in _SAME)
