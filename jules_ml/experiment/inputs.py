"""Files that the results of experiments depend on, for the provenance of a report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jules_ml.experiment.load import Experiment


def input_paths(experiments: Iterable[Experiment]) -> list[Path]:
    """List the experiment files and the files of their records; missing ones are included."""
    paths: list[Path] = []
    for experiment in experiments:
        paths += [experiment.file, *([] if experiment.data is None else experiment.data.files)]
    return paths
