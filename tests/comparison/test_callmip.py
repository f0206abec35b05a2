"""Submissions to CalLMIP Phase 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from jules_ml.cli.application import app
from jules_ml.comparison.callmip import REQUIRED, Stage, Submission, template_differences, write_submission
from jules_ml.comparison.convertible import Convertible
from jules_ml.errors import BadInput

SUBMISSION = Submission("JULES-ML.v0-1")
TEMPLATE = "CLASSIC.v2_Phase1b_Scen1_DK-Sor_Cal_Prior.nc"


def daily_run(site: str = "DK-Sor", *, days: int = 5, start: str = "1996-12-31 23:00") -> Convertible:
    """Synthetic daily means; the first day begins at local midnight, an hour ahead of UTC."""
    edges = (pd.Timestamp(start) + pd.to_timedelta(np.arange(days + 1), unit="D")).to_numpy()
    rng = np.random.default_rng(1)
    names = ("latent_heat", "ftl_gb", "surf_ht_flux_gb", "tstar_gb", "gpp_gb", "resp_p_gb", "resp_s_gb", "ei_gb")
    spread = ("nee_sd", "latent_heat_sd", "ftl_gb_sd")
    data = {name: (("time", "lat", "lon"), rng.uniform(1.0, 2.0, (days, 1, 1))) for name in (*names, *spread)}
    ds = xr.Dataset(
        {
            **data,
            "smcl": (("time", "soil", "lat", "lon"), rng.uniform(20.0, 30.0, (days, 4, 1, 1))),
            "esoil": (("time", "tile", "lat", "lon"), np.full((days, 3, 1, 1), [[[2e-5]], [[4e-5]], [[6e-5]]])),
            "frac": ("tile", [0.5, 0.25, 0.25]),
            "lai": ((), 4.0),
            "cs_gb": ((), 12.0),
        },
        coords={"lat": [55.4849], "lon": [11.6446], "pft": [1, 2], "dzsoil": ("soil", [0.1, 0.25, 0.65, 2.0])},
    )
    return Convertible(ds, np.stack([edges[:-1], edges[1:]], axis=1), frozenset(), site, "test")


def write_calibration_folder(folder: Path) -> Path:
    """Folder with the daily simulations of a calibration."""
    run = daily_run("NL-Loo")
    times = {
        "time": ("time", run.bounds[:, 1], {"bounds": "time_bounds"}),
        "time_bounds": (("time", "bounds"), run.bounds),
    }
    ds = run.ds.squeeze(["lat", "lon"]).rename(lat="latitude", lon="longitude").assign_coords(times)
    (folder / "simulations").mkdir(parents=True)
    encoding = {name: {"units": "seconds since 1996-12-31 23:00:00"} for name in times}
    for stage in ("prior", "posterior"):
        ds.assign_attrs(site=run.site).to_netcdf(folder / "simulations" / f"NL-Loo_{stage}.nc", encoding=encoding)
    return folder


def test_the_submission_of_another_calibration_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        write_calibration_folder(tmp_path / "calibrations" / name)
    to = ["--to", "callmip", "--out", "submission"]
    for folder in ("calibrations/one", str(tmp_path / "calibrations" / "one")):
        result = CliRunner().invoke(app, ["convert", folder, *to])
        assert result.exit_code == 0, result.output
    posterior = Path("submission/JULES-ML.v0-1_Phase1b_Scen1_NL-Loo_Cal_Posterior.nc")
    with netCDF4.Dataset(posterior) as file:
        assert file.source.endswith(", run ../calibrations/one")
    prior = Path("submission/JULES-ML.v0-1_Phase1b_Scen1_NL-Loo_Cal_Prior.nc")
    prior.unlink()
    before = posterior.read_bytes()
    result = CliRunner().invoke(app, ["convert", "calibrations/two", *to])
    assert result.exit_code == 2
    assert "the file was written from another run (calibrations/one)" in " ".join(result.output.split())
    assert posterior.read_bytes() == before
    assert not prior.exists()


def test_layout_is_that_of_the_template(shared_data: Path, tmp_path: Path) -> None:
    template = shared_data / "callmip" / TEMPLATE
    stages: tuple[Stage, ...] = ("Prior", "Posterior")
    for stage in stages:
        path = write_submission(daily_run(), stage, SUBMISSION, tmp_path, synthetic=True)
        assert path.name == f"JULES-ML.v0-1_Phase1b_Scen1_DK-Sor_Cal_{stage}.SYNTHETIC.nc"
        assert template_differences(path, template) == []
        with netCDF4.Dataset(path) as file:
            assert "synthetic" in file.synthetic
            assert file.Calibration_stage == stage
            assert ("nep_post_unc" in file.variables) == (stage == "Posterior")
            assert file["nep"].comment == "synthetic values"


def test_values_signs_and_days(tmp_path: Path) -> None:
    run = daily_run("NL-Loo")
    path = write_submission(run, "Posterior", SUBMISSION._replace(validation=True, scenario=5), tmp_path)
    assert path.name == "JULES-ML.v0-1_Phase1b_Scen5_NL-Loo_Val_Posterior.nc"
    with netCDF4.Dataset(path) as file:
        values = {name: file[name][:].ravel() for name in file.variables}
        assert file["lat"].dimensions == ()
        assert float(file["lat"][...]) == pytest.approx(55.4849)
        assert file["time"].units == "days since 1997-01-01 00:00:00"
        assert values["time"].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
        assert file["nep"].units == "kgC m-2 s-1"
        assert file["cLiveBioAbove"][:].mask.all()
        assert "not simulated" in file["cLiveBioAbove"].comment
        assert not hasattr(file, "synthetic")
    ds = {name: values_.to_numpy().ravel() for name, values_ in run.ds.data_vars.items()}
    np.testing.assert_allclose(values["nep"], ds["gpp_gb"] - ds["resp_p_gb"] - ds["resp_s_gb"])
    np.testing.assert_allclose(values["reco"], ds["resp_p_gb"] + ds["resp_s_gb"])
    np.testing.assert_allclose(values["hfg"], ds["surf_ht_flux_gb"])
    np.testing.assert_allclose(values["tran"], 2e-5 * 0.5 + 4e-5 * 0.25)
    np.testing.assert_allclose(values["evspsblsoi"], 6e-5 * 0.25 + ds["ei_gb"])
    np.testing.assert_allclose(values["mrso"], run.ds["smcl"].sum("soil").to_numpy().ravel())
    np.testing.assert_allclose(values["mrsos"], run.ds["smcl"].isel(soil=0).to_numpy().ravel())
    np.testing.assert_allclose(values["hfss_post_unc"], ds["ftl_gb_sd"])
    assert values["lai"].tolist() == [4.0] * 5
    assert {each.name for each in REQUIRED} <= set(values)


def test_transpiration_is_that_of_the_column(tmp_path: Path) -> None:
    run = daily_run("NL-Loo")
    water = {"et_stom_gb": 1e-5, "esoil_gb": 3e-5}
    ds = run.ds.assign({name: (("time", "lat", "lon"), np.full((5, 1, 1), value)) for name, value in water.items()})
    path = write_submission(replace(run, ds=ds), "Prior", SUBMISSION, tmp_path)
    with netCDF4.Dataset(path) as file:
        np.testing.assert_allclose(file["tran"][:].ravel(), 1e-5)
        np.testing.assert_allclose(file["evspsblsoi"][:].ravel(), 2e-5 + run.ds["ei_gb"].to_numpy().ravel())


def test_the_institution_is_that_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JULES_ML_INSTITUTION", "another")
    for run, expected in ((replace(daily_run("NL-Loo"), institution="here"), "here"), (daily_run("NL-Loo"), "another")):
        with netCDF4.Dataset(write_submission(run, "Prior", SUBMISSION, tmp_path)) as file:
            assert file.institution == expected


def test_a_run_within_a_year_counts_from_its_first_day(tmp_path: Path) -> None:
    path = write_submission(daily_run(start="1997-02-01"), "Prior", SUBMISSION, tmp_path)
    with netCDF4.Dataset(path) as file:
        assert file["time"][0] == 31.5


def test_differences_are_found(shared_data: Path, tmp_path: Path) -> None:
    path = write_submission(daily_run(), "Prior", SUBMISSION, tmp_path)
    with netCDF4.Dataset(path, "r+") as file:
        file["nep"].units = "kg m-2 s-1"
        file.renameVariable("reco", "er")
        file.delncattr("Cal_Val")
    found = "\n".join(template_differences(path, shared_data / "callmip" / TEMPLATE))
    for expected in ("nep: unit 'kg m-2 s-1'", "variable reco", "variable er", "no attribute Cal_Val"):
        assert expected in found


def test_what_the_protocol_does_not_accept_is_refused(tmp_path: Path) -> None:
    run = daily_run()
    hourly = replace(run, bounds=np.stack([run.bounds[:, 0], run.bounds[:, 0] + np.timedelta64(1, "h")], axis=1))
    without = replace(run, ds=run.ds.drop_vars("resp_p_gb"))
    for changed, submission, problem in (
        (hourly, SUBMISSION, "not daily"),
        (without, SUBMISSION, "lacks what nep need"),
        (daily_run("Loobos"), SUBMISSION, "not as in FLUXNET"),
        (run, SUBMISSION._replace(model="my_model"), "the model is called"),
        (run, SUBMISSION._replace(scenario=7), "no scenario 7"),
    ):
        with pytest.raises(BadInput, match=problem):
            write_submission(changed, "Prior", submission, tmp_path)
    result = CliRunner().invoke(app, ["convert", str(tmp_path), "--to", "callmip", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "simulations = true" in result.output
