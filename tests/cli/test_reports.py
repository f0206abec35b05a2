"""The reports of the commands, opened in Chromium: interactive time series are drawn, and the console has no message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.browser import opened
from helpers.small_experiment import write_experiment
from helpers.small_grid import write_grid, write_wfde5
from matplotlib.figure import Figure
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.comparison.report import compare_runs
from jules_ml.comparison.runs import Run
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.report import write_ensemble_report
from jules_ml.ensemble.run import EnsembleRun
from jules_ml.ensemble.summary import SUMMARISED
from jules_ml.experiment import load_experiment
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.page import write_report
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.store import PREDICTIONS
from jules_ml.scoring.bootstrap import Difference

runner = CliRunner()
#: A report with the library of the plots, figures and long series [bytes].
MOST_BYTES = 6e6
DAYS = 4000


def one_run(folder: Path) -> Path:
    """Report of a run of the column for a day."""
    path = write_experiment(folder, days=1)
    result = runner.invoke(app, ["run", str(path), "--quiet", "--out", str(folder / "stock")])
    assert result.exit_code == 0, result.output
    return folder / "stock" / "report.html"


def comparison(folder: Path) -> Path:
    """Report of two runs of ten days that differ by 5 W m-2."""
    folder.mkdir()
    values = xr.DataArray(
        np.sin(np.arange(10.0)),
        coords={"time": pd.date_range("2001-06-02", periods=10)},
        dims="time",
        attrs={"interval_seconds": 86400.0},
    )
    runs = [
        Run(name, {"latent heat": (values + shift).assign_attrs(values.attrs)}, (0.1,), {})
        for name, shift in (("stock", 0.0), ("swapped", 5.0))
    ]
    return compare_runs(runs, None, folder).files[0]


def fit(folder: Path) -> Path:
    """Report of a module with predictions of two sites in eleven years."""
    rng = np.random.default_rng(1)
    observed = rng.random(2 * DAYS)
    (folder / "figures").mkdir(parents=True)
    Figure(figsize=(1.0, 1.0)).savefig(folder / "figures" / "curves.png")
    time = pd.date_range("2001-01-01", periods=DAYS, freq="1D")
    variables = prediction_variables(
        "row",
        observed=np.where(observed > 0.1, observed, np.nan),
        predicted=observed + 0.1,
        lower=observed - 0.2,
        upper=observed + 0.3,
        split=np.tile(np.repeat([0, 2], DAYS // 2), 2),
        quantity="flux",
        interval="90 % interval",
        attributes={"units": "umol m-2 s-1"},
    )
    site = ("row", np.repeat(["one", "two"], DAYS))
    xr.Dataset(variables | {"time": ("row", np.tile(time, 2)), "site": site}).to_netcdf(folder / PREDICTIONS)
    scores = {"n": 300.0, "nse": 0.61, "rmse": 1.2}
    rows = (
        ScoreRow("nights", "learned", scores, "umol m-2 s-1"),
        ScoreRow("nights", "Q10", scores | {"nse": 0.5}, "umol m-2 s-1", Difference("nse", 0.1, 0.05, 0.15)),
    )
    return write_report(
        Outcome(folder, {"verdict": {"sentence": "Better."}}, rows), title="Learned respiration: fit of it"
    )


def ensemble(folder: Path) -> Path:
    """Report of an ensemble with a summary of four days."""
    folder.mkdir()
    path = write_experiment(folder)
    text = '\n[ensemble]\nsampling = "listed"\n[[ensemble.parameters]]\nparameter = "soil.properties.b"\nvalues = [5.0, 6.0]\n'
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    experiment = load_experiment(path)
    quantiles = np.linspace(0.0, 1.0, 4 * 5).reshape(5, 4)
    coords = {"quantile": [0.05, 0.25, 0.5, 0.75, 0.95], "time": pd.date_range("2001-06-01", periods=4)}
    summary = xr.Dataset({"latent_heat_quantiles": (("quantile", "time"), quantiles)}, coords=coords)
    summary.to_netcdf(folder / SUMMARISED)
    return write_ensemble_report(EnsembleRun(folder, experiment, plan_members(experiment), done=2), None)


def grid(folder: Path) -> Path:
    """Report of a run on a grid of six land points, by the command."""
    folder.mkdir()
    path = write_grid(folder, write_wfde5(folder))
    result = runner.invoke(app, ["run", str(path), "--quiet", "--out", str(folder / "out")])
    assert result.exit_code == 0, result.output
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """A report of each kind."""
    folder = tmp_path_factory.mktemp("reports")
    compared, module = comparison(folder / "compared"), fit(folder / "module")
    return [one_run(folder), compared, module, ensemble(folder / "ensemble"), grid(folder / "grid")]


def test_a_browser_draws_the_reports_without_errors(reports: Sequence[Path], tmp_path: Path) -> None:
    pages, messages = opened(reports, tmp_path)
    assert messages == []
    assert [page.broken for page in pages] == [0, 0, 0, 0, 0]
    run, compared, module, members, on_grid = pages
    assert run.plots >= 3
    assert run.images == 1
    assert compared.plots == 1
    assert module.plots == 2
    assert members.plots == 1
    assert on_grid.plots >= 3
    assert on_grid.images == 1


def test_reports_need_no_network_and_are_small(reports: Sequence[Path]) -> None:
    for path in reports:
        page = path.read_text(encoding="utf-8")
        without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
        assert "http" not in without_scripts
        assert "<link" not in without_scripts
        assert not re.search(r"<script[^>]*src=", page)
        assert len(page) < MOST_BYTES
        assert page.count("Bokeh Contributors") == 1


def test_reports_have_numbers_verdict_and_provenance(reports: Sequence[Path]) -> None:
    run, compared, module, members, on_grid = (path.read_text(encoding="utf-8") for path in reports)
    assert "The run was not compared with observations." in run
    assert "small.toml" in run
    assert "SHA-256" in run
    assert "weather.dat" in run
    assert "swapped differs most from stock in latent heat" in compared
    assert "bias +5 W m-2" in compared
    assert "<b>0.61</b>NSE of learned, nights" in module
    assert "<b>0.50</b>NSE of Q10, the best baseline" in module
    assert "means over 5 d" in module
    assert "2 of 2 members are done. Latent heat: 90 % of the members are between 0.0789 and 0.921 W m-2" in members
    assert "6 land points were run from 2001-06-01 to 2001-06-05; none became numerically unstable." in on_grid
    assert "grid.toml" in on_grid
    for page in (run, compared, module, members, on_grid):
        assert '<p class="verdict">' in page
        assert "Python 3" in page
