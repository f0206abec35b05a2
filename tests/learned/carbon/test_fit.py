"""Fit, evaluation and export of soil carbon from the command line at synthetic sites, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.predictions import check_common_names
from helpers.progress import Reports
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.export.initial import export_carbon
from jules_ml.learned.carbon.evaluate import evaluate_carbon
from jules_ml.learned.carbon.fit import fit_carbon
from jules_ml.learned.carbon.report import MARK
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.predictions import read_predictions

EXPERIMENT = """\
[site]
name = "{name}"
elevation = 100.0

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
utc_offset_hours = 0.0
stamp_at = "start"
interval = "1D"

[data.time]
columns = ["date"]
format = "%Y-%m-%d"

[data.columns.P]
variable = "precip"
unit = "mm"
is_sum = true

[data.columns.TA]
variable = "t_air"
unit = "degC"

[data.columns.SWC]
variable = "{variable}"
unit = "m3 m-3"
{depth}
[carbon_module]
members = 1
steps = 3
region = "{region}"
{settings}
[place]
"""


def write_site(
    folder: Path,
    k: int,
    *,
    soc: str = "",
    rain: bool = True,
    variable: str = "theta",
    more: str = "",
    settings: str = "",
) -> Path:
    """Write a site whose soil retains more water with more carbon."""
    rng = np.random.default_rng(k)
    days = pd.date_range("2019-01-01", "2020-06-30", freq="D")
    precip = np.where(rng.random(len(days)) < 0.1, rng.uniform(6.0, 25.0, len(days)), 0.0) * rain
    carbon = 5.0 * 1.3**k
    store, theta = 0.0, np.empty(len(days))
    for day, fallen in enumerate(precip):
        store = min(store * np.exp(-1.0 / 8.0) + 0.006 * fallen, 0.05 * np.log(carbon))
        theta[day] = 0.1 + store
    t_air = 12.0 + 6.0 * np.sin(2.0 * np.pi * days.day_of_year.to_numpy() / 365.0)
    name = f"site{k:02d}"
    frame = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "P": precip, "TA": t_air, "SWC": theta})
    frame.to_csv(folder / f"{name}.csv", index=False)
    text = EXPERIMENT.format(
        name=name,
        variable=variable,
        region=f"R{k % 3}",
        depth="depth = 0.05\n" if variable == "theta" else "",
        settings=settings if soc else f"soc_spread = 0.2\n{settings}",
    )
    soc = soc or f"organic_carbon = {0.001 * carbon:.5f}\n"
    path = folder / f"{name}.toml"
    path.write_text(text + soc + more, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("carbon")
    paths = [write_site(folder, k, more="bulk_density = 1300.0\n") for k in range(9)]
    paths.append(write_site(folder, 11, soc="frac_tree = 0.5\n"))
    done = CliRunner().invoke(app, ["fit", "carbon", *map(str, paths), "--out", str(folder / "module"), "--quiet"])
    assert done.exit_code == 0, done.output
    return folder, folder / "module"


@pytest.mark.slow
def test_a_fit_states_whether_moisture_adds_skill(fitted: tuple[Path, Path]) -> None:
    _, module = fitted
    scores = json.loads((module / "scores.json").read_text())
    assert "soil moisture" in scores["said"]
    assert scores["mark"] is None
    assert set(scores["compared"]["all"]) == {"learned", "mean of the training sites", "climate and topography"}
    assert "at sites left out" in scores["verdict"]["sentence"]
    assert scores["verdict"]["measure"] == "rmse"
    assert (module / "report.html").is_file()
    assert set(scores["learners"]) == {"regression", "forest", "network"}
    assert scores["learners"]["regression"]["moisture"]["all"]["logarithm"]["nse"] > 0.5
    assert scores["regions_left_out"]["regions"] == 3
    assert scores["bulk_density"]["n"] == 9
    assert scores["bulk_density"]["interval_factor"] >= 1.0
    assert scores["regions_left_out"]["moisture"]["mineral"]["logarithm"]["n"] == 9
    assert 0.0 <= scores["coverage"]["measured"] <= 1.0
    check_common_names(module / "predictions.nc", units="g kg-1")
    split = read_predictions(module, kind="carbon")["split"]
    assert split.to_numpy().tolist() == [2] * 9 + [3]  # the last site has no cores
    drawn = {p.name for p in (module / "figures").iterdir()}
    assert drawn == {"dynamics.png", "predicted.png", "signatures.png", "summary.png"}


def test_initial_carbon_for_jules_is_exported(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, module = fitted
    files = export_carbon(module, tmp_path)
    assert [f.name for f in files][-1] == "site11.nc"
    with xr.open_dataset(files[-1]) as ds:
        assert ds["cs"].dims == ("scpool", "sclayer", "y", "x")
        assert ds["cs"].attrs["units"] == "kg m-2"
        assert float(ds["soc_density_low"].squeeze()) < float(ds["soc_density"].squeeze())
        assert float(ds["soc_density"].squeeze()) < float(ds["soc_density_high"].squeeze())


def test_cores_take_precedence_unless_the_prediction_is_requested(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, module = fitted
    export_carbon(module, tmp_path / "cores")
    arguments = ["export", str(module), "--to", "initial", "--out", str(tmp_path / "predicted"), "--predicted"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    files = {kind: xr.open_dataset(tmp_path / kind / "site03.nc") for kind in ("cores", "predicted")}
    carbon = 0.001 * 5.0 * 1.3**3 * 1300.0  # g kg-1 times kg m-3
    assert files["cores"]["soc_density"].item() == pytest.approx(carbon, rel=1e-3)
    assert files["cores"]["cs"].item() == pytest.approx(carbon * 0.3 / 0.55, rel=1e-3)
    assert files["cores"]["soc_density_high"].item() == pytest.approx(carbon * np.exp(1.645 * 0.2), rel=1e-3)
    assert files["cores"].attrs["origin"].startswith("cores of the site")
    assert "its cores were not used" in files["predicted"].attrs["origin"]
    assert files["predicted"]["soc_density"].item() != pytest.approx(carbon, rel=1e-3)
    predicted = read_predictions(module, kind="carbon").sel(site="site11")
    with xr.open_dataset(tmp_path / "cores" / "site11.nc") as ds:
        # its density was not measured, and soil with more carbon has a lower density
        assert ds["soc_density_high"].item() < 0.001 * predicted["upper"].item() * predicted["bulk_density"].item()
        assert ds["soc_density_low"].item() > 0.001 * predicted["lower"].item() * predicted["bulk_density"].item()
        assert ds.attrs["origin"] == "predicted by a fit without the site"


def test_an_evaluation_refuses_training_sites(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    folder, module = fitted
    path = write_site(folder, 10)
    done = CliRunner().invoke(app, ["evaluate", str(module), "--data", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "site10" in done.output
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["sites"]["site10"]["lower"] < scores["sites"]["site10"]["predicted"]
    check_common_names(tmp_path / "out" / "predictions.nc", units="g kg-1")
    training = load_experiment(write_site(folder, 0))
    with pytest.raises(BadInput, match="site00 is a training site of the module"):
        evaluate_carbon(module, [training])
    # another period of the record has the same soil
    record = pd.read_csv(folder / "site00.csv")
    record.iloc[30:].to_csv(folder / "site00.csv", index=False)
    with pytest.raises(BadInput, match="site00 is a training site of the module"):
        evaluate_carbon(module, [training])


def test_duplicate_sites_are_refused(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, module = fitted
    experiments = [load_experiment(write_site(tmp_path, k)) for k in range(9)]
    with pytest.raises(BadInput, match=r"site03 is given 2 times.*give each site once"):
        fit_carbon([*experiments, experiments[3]], tmp_path / "out")
    new = load_experiment(write_site(tmp_path, 20, soc="organic_carbon = 0.5\n"))
    with pytest.raises(BadInput, match="site20 is given 2 times"):
        evaluate_carbon(module, [new, new])


def test_cosmos_vwc_is_recognised_by_its_column(tmp_path: Path) -> None:
    path = write_site(tmp_path, 0)
    assert not carbon_site(load_experiment(path)).depends_on_carbon
    for file in (path, tmp_path / "site00.csv"):
        file.write_text(file.read_text(encoding="utf-8").replace("SWC", "cosmos_vwc"), encoding="utf-8")
    assert carbon_site(load_experiment(path)).depends_on_carbon


def test_fewer_than_eight_sites_are_refused(tmp_path: Path) -> None:
    experiments = [load_experiment(write_site(tmp_path, k)) for k in range(7)]
    with pytest.raises(BadInput, match=r"there are 7 sites with cores.*8 sites or more"):
        fit_carbon(experiments, tmp_path / "out")


@pytest.mark.parametrize(
    ("soc", "message"),
    [
        ("organic_carbon = 2.5\n", "outside 0 to 0.58 kg kg-1.*% by 100"),
        ("organic_carbon = 25.0\n", "outside 0 to 0.58 kg kg-1.*divide g kg-1 by 1000"),
        ("soc_stock = 250.0\n", "outside 0 to 90 kg m-2"),
    ],
)
def test_carbon_in_another_unit_is_refused(tmp_path: Path, soc: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        load_experiment(write_site(tmp_path, 0, soc=soc))
    assert "site00.toml" in str(caught.value)


def test_a_site_without_rain_events_is_refused(tmp_path: Path) -> None:
    experiments = [load_experiment(write_site(tmp_path, k, rain=k != 3)) for k in range(8)]
    with pytest.raises(BadInput, match=r"site03, precip: there are 0 rain events.*check the rain gauge"):
        fit_carbon(experiments, tmp_path / "out")


@pytest.mark.slow
def test_cosmos_vwc_is_refused_unless_allowed_and_then_marked(tmp_path: Path) -> None:
    paths = [write_site(tmp_path, k, variable="theta_crns" if k == 2 else "theta") for k in range(8)]
    assert carbon_site(load_experiment(paths[2])).depends_on_carbon
    with pytest.raises(BadInput, match=r"site02, theta: COSMOS_VWC.*allow_cosmos_vwc = true"):
        fit_carbon([load_experiment(path) for path in paths], tmp_path / "out")
    paths[0] = write_site(tmp_path, 0, settings="allow_cosmos_vwc = true\n")
    reports = Reports()
    done = fit_carbon([load_experiment(path) for path in paths], tmp_path / "out", progress=reports)
    reports.check("fit")
    assert MARK in done.notes
    assert done.scores["mark"] == MARK
    with xr.open_dataset(tmp_path / "out" / "predictions.nc") as predictions:
        assert predictions.attrs["mark"] == MARK


def test_corrected_counts_are_allowed_and_do_not_depend_on_carbon(tmp_path: Path) -> None:
    path = write_site(tmp_path, 2, variable="neutron_counts")
    path.write_text(path.read_text().replace('unit = "m3 m-3"', 'unit = "h-1"'))
    frame = pd.read_csv(tmp_path / "site02.csv")
    theta = frame["SWC"].to_numpy()
    # counts for this water content by the function of Desilets et al., with 1800 per hour over dry soil
    frame["SWC"] = 1800.0 * (0.0808 / (theta / 1.3 + 0.115) + 0.372)
    frame.to_csv(tmp_path / "site02.csv", index=False)
    site = carbon_site(load_experiment(path))
    assert not site.depends_on_carbon
    assert np.corrcoef(site.theta, theta)[0, 1] > 0.999
    others = [write_site(tmp_path, k) for k in range(8) if k != 2]
    done = fit_carbon([load_experiment(each) for each in (path, *others)], tmp_path / "out")
    assert done.scores["mark"] is None


def test_an_hourly_record_has_a_diurnal_damping(tmp_path: Path) -> None:
    path = write_site(tmp_path, 0)
    hours = pd.date_range("2019-05-01", "2019-09-30 23:00", freq="h")
    wave = np.sin(2.0 * np.pi * hours.hour / 24.0)
    pd.DataFrame(
        {"date": hours.strftime("%Y-%m-%d %H:%M"), "P": 0.0, "TA": 15.0 + 5.0 * wave, "SWC": 0.2, "TS": 15.0 + wave}
    ).to_csv(tmp_path / "site00.csv", index=False)
    soil = '[data.columns.TS]\nvariable = "t_soil"\nunit = "degC"\ndepth = 0.05\n\n[carbon_module]\n'
    text = path.read_text().replace("[carbon_module]\n", soil).replace('interval = "1D"', 'interval = "1h"')
    path.write_text(text.replace('"%Y-%m-%d"', '"%Y-%m-%d %H:%M"'))
    assert carbon_site(load_experiment(path)).diurnal_damping == pytest.approx(np.log(0.2), rel=1e-6)
    assert np.isnan(carbon_site(load_experiment(write_site(tmp_path, 1))).diurnal_damping)


def test_filled_values_are_not_used(tmp_path: Path) -> None:
    path = write_site(tmp_path, 0)
    frame = pd.read_csv(tmp_path / "site00.csv")
    frame["QC"] = np.where(np.arange(len(frame)) % 3 == 0, 0.2, 1.0)
    frame.to_csv(tmp_path / "site00.csv", index=False)
    unit = 'unit = "m3 m-3"\n'
    path.write_text(path.read_text().replace(unit, unit + 'quality = {column = "QC", fraction = true}\n'))
    theta = carbon_site(load_experiment(path)).theta
    assert np.isnan(theta[::3]).all()
    assert np.isfinite(theta[1::3]).sum() > 100


def test_frozen_days_are_left_out_by_one_threshold(tmp_path: Path) -> None:
    path = write_site(tmp_path, 0)
    t_air = pd.read_csv(tmp_path / "site00.csv")["TA"].to_numpy() + 273.15
    experiment = load_experiment(path)
    np.testing.assert_array_equal(np.isfinite(carbon_site(experiment).theta), t_air - 1.0 >= 274.15)
    np.testing.assert_array_equal(np.isfinite(carbon_site(experiment, frozen_below=282.0).theta), t_air - 1.0 >= 282.0)
    warmer = load_experiment(write_site(tmp_path, 0, settings="frozen_below = 280.0\n"))
    np.testing.assert_array_equal(np.isfinite(carbon_site(warmer).theta), t_air - 1.0 >= 280.0)
