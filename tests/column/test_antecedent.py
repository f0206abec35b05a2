"""Factors of antecedent drivers in the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from helpers.respiration_folder import Curves, three_draws, with_antecedent, write_module
from helpers.small_experiment import write_experiment

from jules_ml.column.antecedent import antecedent_factor, omitted_drivers
from jules_ml.column.respiration_swap import with_module_respiration
from jules_ml.column.run import run_column
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.learned.respiration.tables import antecedent_tables

NODES = {0: 0.05, 1: 0.1, 2: 3.0, 3: 5.0, 4: 10.0}
CURVES = {
    number: (torch.linspace(-x, x, 41, dtype=torch.float64), torch.linspace(-0.5, 0.4 + 0.1 * number, 41).double())
    for number, x in NODES.items()
}
TABLES = antecedent_tables(with_antecedent(three_draws(), CURVES))


def experiment(folder: Path, *changes: tuple[str, str], antecedent: Curves | None = CURVES) -> Experiment:
    """A run with output at every step, and a module with antecedent drivers."""
    folder.mkdir(exist_ok=True)
    stock = load_experiment(write_experiment(folder, *changes, days=3))
    module = write_module(folder / "module", antecedent=antecedent)
    modules = stock.modules.model_copy(update={"respiration": module})
    return stock.model_copy(update={"modules": modules})


def test_factor_is_that_of_the_equations() -> None:
    rng = np.random.default_rng(1)
    s, t, t_air = (
        torch.from_numpy(base + scale * rng.normal(size=500).cumsum())
        for base, scale in ((0.5, 0.002), (280.0, 0.1), (281.0, 0.1))
    )
    factor = antecedent_factor(TABLES, wetness=s, t_soil=t, t_air=t_air, timestep=1800.0)
    expected = np.ones(500)
    for name, table in TABLES.items():
        if name == "air_temperature":
            x = (t_air - t).numpy()
        else:
            values = (s if name.startswith("wetness") else t).numpy()
            tau, mean, x = (10.0 if name.endswith("10d") else 1.0) * 86400.0, values[0], np.empty(500)
            for k, value in enumerate(values):
                x[k] = value - mean
                mean += (1.0 - np.exp(-1800.0 / tau)) * (value - mean)
        expected *= table(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(factor, expected, rtol=1e-12)
    assert expected.std() > 0.1


def test_a_run_has_the_factor_in_f_and_in_the_flux(tmp_path: Path) -> None:
    steps = ("mean_over = 48", "mean_over = 1")
    done = run_column(experiment(tmp_path / "with", steps))
    plain = run_column(experiment(tmp_path / "without", steps, antecedent=None))
    ratio = (done.output["fsth"][:, 0] / plain.output["fsth"][:, 0]).to_numpy()
    start = plain.start.smcl.flatten()[0] / (1000.0 * 0.1 * 0.45815) - plain.start.sthf.flatten()[0]
    s = np.concatenate([[start], plain.output["sthu"][:-1, 0]])
    t = np.concatenate([plain.start.t_soil.flatten()[:1], plain.output["t_soil"][:-1, 0]])
    inputs = (torch.from_numpy(np.asarray(values, dtype=np.float64)) for values in (s, t, plain.output["t_air"]))
    expected = antecedent_factor(
        TABLES, **dict(zip(("wetness", "t_soil", "t_air"), inputs, strict=True)), timestep=1800.0
    )
    np.testing.assert_allclose(ratio, expected, rtol=1e-6)
    np.testing.assert_allclose(done.output["resp_s_gb"], plain.output["resp_s_gb"] * ratio, rtol=1e-6)
    np.testing.assert_allclose(done.output["fsth"][:, 1:], plain.output["fsth"][:, 1:])
    assert ratio.std() > 0.01
    assert any("antecedent drivers wetness_1d" in note for note in done.notes)
    assert not any("antecedent" in note for note in plain.notes)


def test_means_over_a_day_are_those_of_the_steps(tmp_path: Path) -> None:
    steps = run_column(experiment(tmp_path, ("mean_over = 48", "mean_over = 1"))).output
    days = run_column(experiment(tmp_path)).output
    for name in ("fsth", "resp_s_gb", "smcl", "latent_heat"):
        means = steps[name].to_numpy().reshape(3, 48, *steps[name].shape[1:]).mean(axis=1)
        np.testing.assert_allclose(days[name], means, rtol=1e-5, err_msg=name)


def test_the_swap_after_a_run_gives_the_numbers_of_a_run(tmp_path: Path) -> None:
    swapped = experiment(tmp_path, ("mean_over = 48", "mean_over = 1"))
    stock = swapped.model_copy(update={"modules": swapped.modules.model_copy(update={"respiration": None})})
    second = run_column(swapped)
    done = with_module_respiration(run_column(stock), swapped)
    for name in ("fsth", "ftemp", "resp_s_gb"):
        np.testing.assert_allclose(done.output[name], second.output[name], rtol=1e-6, err_msg=name)
    assert set(second.notes) <= set(done.notes)


def test_users_without_a_history_say_so(tmp_path: Path) -> None:
    assert omitted_drivers(write_module(tmp_path / "oak")) == []
    (note,) = omitted_drivers(write_module(tmp_path / "pine", antecedent=CURVES))
    assert note.startswith("warning: ")
    assert "antecedent drivers of pine (wetness_1d, " in note
