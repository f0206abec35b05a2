"""Respiration of a module without a second run of the column: the same numbers as a run with the module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment

from jules_ml.column.respiration_swap import with_module_respiration
from jules_ml.column.run import run_column
from jules_ml.experiment import Experiment, load_experiment


def experiments(folder: Path, *changes: tuple[str, str]) -> tuple[Experiment, Experiment]:
    """The experiment with JULES's forms, and with a module."""
    stock = load_experiment(write_experiment(folder, *changes, days=2))
    modules = stock.modules.model_copy(update={"respiration": write_module(folder / "module")})
    return stock, stock.model_copy(update={"modules": modules})


def test_the_swap_gives_the_numbers_of_a_run_with_the_module(tmp_path: Path) -> None:
    stock, swapped = experiments(tmp_path, ("mean_over = 48", "mean_over = 1"))
    first, second = run_column(stock), run_column(swapped)
    done = with_module_respiration(first, swapped)
    assert set(done.output) == set(second.output)
    for name in second.output:
        np.testing.assert_allclose(done.output[name], second.output[name], rtol=1e-12, err_msg=str(name))
    assert not np.allclose(first.output["resp_s_gb"], second.output["resp_s_gb"], rtol=0.1)
    assert done.output.attrs["modules"] == second.output.attrs["modules"] == "respiration module"
    assert set(second.notes) <= set(done.notes)
    assert first.output.attrs["modules"] == "none"


def test_means_over_several_steps_are_refused(tmp_path: Path) -> None:
    stock, swapped = experiments(tmp_path)
    with pytest.raises(ValueError, match="every time step"):
        with_module_respiration(run_column(stock), swapped)
