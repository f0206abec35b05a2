"""Output with the names, units and signs of ALMA and CMIP."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.conventions import check_conventions
from helpers.loobos_folder import write_loobos_folder
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli.application import app
from jules_ml.column.folder import write_run
from jules_ml.column.run import run_column
from jules_ml.comparison.alma import converted_variables
from jules_ml.comparison.converted_files import converted_dataset, write_converted
from jules_ml.comparison.convertible import Convertible, of_jules, read_convertible
from jules_ml.data.readers.alma import read_alma
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.physics.constants import LF

#: Layers of JULES's example run.
DZSOIL = [0.1, 0.25, 0.65, 2.0]
#: States of JULES in the hand-made dataset.
STATES = ("smcl", "snow_mass_gb")
#: Of ilamb3: the nearest cell within 2 degrees of a site; its default is relative to the distance of cells, and there is one cell.
WINDOW = {"window_half_width": 2.0, "scale_width_by_grid_resolution": None}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run whose output has every step."""
    folder = tmp_path_factory.mktemp("steps")
    path = write_experiment(folder, ("mean_over = 48", "mean_over = 1"), days=3)
    write_run(run_column(load_experiment(path)), folder / "run")
    return folder / "run"


def hand_made() -> xr.Dataset:
    """Two steps of a wet and warm day; every number is different."""
    values = {
        "rad_net": 400.0,
        "sw_net": 450.0,
        "latent_heat": 250.0,
        "ftl_gb": 90.0,
        "surf_ht_flux_gb": 40.0,
        "snow_melt_gb": 20.0 / LF,
        "fqw_gb": 1e-4,
        "surf_roff": 2e-5,
        "sub_surf_roff": 3e-5,
        "runoff": 5e-5,
        "tot_rain": 3e-4,
        "tot_snow": 1e-5,
        "gpp_gb": 8e-7,
        "resp_p_gb": 3e-7,
        "resp_s_gb": 1e-7,
        "snow_mass_gb": 7.0,
    }
    data = {name: ("time", [value, value]) for name, value in values.items()}
    layers = np.array([[30.0, 75.0, 195.0, 600.0], [31.0, 75.0, 195.0, 600.0]])
    return xr.Dataset({**data, "smcl": (("time", "soil"), layers), "dzsoil": ("soil", DZSOIL)})


def test_signs_and_units_of_a_known_case() -> None:
    alma = {
        k: float(v.to_numpy().ravel()[-1]) for k, v in converted_variables(hand_made(), "alma", at_end=STATES).items()
    }
    expected = {
        "SWnet": 450.0,
        "LWnet": -50.0,
        "Rnet": 400.0,
        "Qle": 250.0,
        "Qh": 90.0,
        "Qg": 40.0,
        "Qf": 20.0,
        "DelSurfHeat": 0.0,
    }
    expected |= {"Evap": 1e-4, "Qs": 2e-5, "Qsb": 3e-5, "Rainf": 3e-4, "Snowf": 1e-5, "SWE": 7.0}
    expected |= {
        "GPP": 8e-7,
        "NEE": -4e-7,
        "Reco": 4e-7,
        "AutoResp": 3e-7,
        "HeteroResp": 1e-7,
        "DelSoilMoist": 1.0,
        "DelSWE": 0.0,
    }
    for name, value in expected.items():
        assert alma[name] == pytest.approx(value, abs=1e-12), name
    cmip = converted_variables(hand_made(), "cmip", at_end=STATES)
    assert float(cmip["nep"][0]) == pytest.approx(4e-7)
    assert float(cmip["hfls"][0]) == 250.0
    assert float(cmip["mrso"][0]) == 900.0
    assert float(cmip["mrsos"][1]) == pytest.approx(31.0)
    assert float(cmip["pr"][0]) == pytest.approx(3.1e-4)
    assert not {"NEE", "Qle", "DelSoilMoist"} & set(cmip)
    assert "positive to the atmosphere" in cmip["nep"].attrs["comment"]


def test_a_thin_top_layer_counts_whole_and_a_thick_one_in_part() -> None:
    ds = hand_made().assign(dzsoil=("soil", [0.05, 0.25, 0.7, 2.0]))
    water = converted_variables(ds, "cmip", at_end=STATES)["mrsos"]
    assert float(water[0]) == pytest.approx(30.0 + 75.0 * 0.05 / 0.25)


def test_energy_and_water_of_the_column_close(steps: Path) -> None:
    ds = converted_dataset(read_convertible(steps), "alma").squeeze(["lat", "lon"])
    inputs = ds["SWnet"] + ds["LWnet"]
    rest = inputs - ds["Qle"] - ds["Qh"] - ds["Qg"] - ds["Qf"] - ds["DelSurfHeat"]
    assert float(abs(rest).max()) < 1e-3
    # the heat stored in the canopy comes back within the day
    assert abs(float(ds["DelSurfHeat"].mean())) < 0.05 * float(abs(inputs).mean())
    fluxes = 1800.0 * (ds["Rainf"] + ds["Snowf"] - ds["Evap"] - ds["Qs"] - ds["Qsb"])
    change = ds["DelSoilMoist"] + ds["DelSWE"] + ds["DelIntercept"]
    assert float(abs(fluxes - change).max()) < 1e-3
    assert abs(float(change.sum())) > 0.1
    assert float(ds["SWnet"].max()) > 100.0
    assert float(ds["LWnet"].mean()) < 0.0


def test_energy_and_water_of_jules_close(shared_data: Path) -> None:
    run = of_jules([shared_data / "jules" / "loobos_1997_colvg_30min.nc"], DZSOIL, "loobos")
    assert {"smcl", "snow_mass_gb", "canopy_gb"} <= run.at_end
    ds = converted_dataset(run, "alma").squeeze(["lat", "lon"]).isel(time=slice(0, 4800))
    rest = ds["SWnet"] + ds["LWnet"] - ds["Qle"] - ds["Qh"] - ds["Qg"] - ds["Qf"] - ds["DelSurfHeat"]
    assert float(abs(rest).max()) < 1e-2
    assert abs(float(ds["DelSurfHeat"].mean())) < 0.1
    fluxes = 1800.0 * (ds["Rainf"] + ds["Snowf"] - ds["Evap"] - ds["Qs"] - ds["Qsb"])
    change = ds["DelSoilMoist"] + ds["DelSWE"] + ds["DelIntercept"]
    # JULES's soil water is 32-bit: 900 kg m-2 to 6e-5, of which four layers are added
    assert float(abs(fluxes - change).max()) < 0.02
    assert float(fluxes[1:].sum()) == pytest.approx(float(change.sum()), abs=0.1)
    np.testing.assert_allclose(ds["NEE"], ds["Reco"] - ds["GPP"], atol=1e-14)
    # a pine forest takes up carbon on a summer day
    noon = ds["NEE"].where(ds["SWdown"] > 500.0).mean()
    assert float(noon) < 0.0


def test_transpiration_is_without_the_evaporation_of_soil(shared_data: Path) -> None:
    """JULES's own diagnostic is impossible in some steps: down to -0.06 kg m-2 s-1."""
    path = shared_data / "jules" / "loobos_1997_colvg_30min.nc"
    ds = converted_dataset(of_jules([path], DZSOIL, "loobos"), "alma").squeeze(["lat", "lon"])
    with xr.open_dataset(path, decode_times=False) as raw:
        both, stomata = (raw[name].to_numpy().ravel() for name in ("esoil_gb", "et_stom_gb"))
    transpiration = ds["TVeg"].to_numpy()
    missing = np.isnan(transpiration)
    assert stomata.min() < -0.05
    assert missing.sum() == np.count_nonzero(stomata < 0.0) == 48
    np.testing.assert_array_equal(np.isnan(ds["ESoil"]), missing)
    np.testing.assert_allclose((ds["TVeg"] + ds["ESoil"])[~missing], both[~missing], atol=1e-12)
    assert np.nanmin(ds["ESoil"]) > -1e-9
    assert 0.6 < np.nanmean(transpiration) / both.mean() < 0.7
    assert "comment" not in ds["TVeg"].attrs


def test_means_of_transpiration_over_several_steps_of_jules_are_not_used(shared_data: Path, tmp_path: Path) -> None:
    path = jules_output(shared_data, tmp_path / "six_hours.nc", steps=12, others="mean")
    run = of_jules([path], DZSOIL, "loobos", step=1800.0)
    assert not {"TVeg", "ESoil"} & set(converted_dataset(run, "alma"))
    fractions = np.array([0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0])
    with_fractions = replace(run, ds=run.ds.assign(frac=("tile", fractions)))
    ds = converted_dataset(with_fractions, "alma")
    assert "lacks et_stom_gb" in ds["TVeg"].attrs["comment"]
    np.testing.assert_allclose(
        ds["TVeg"] + ds["ESoil"], (run.ds["esoil"] * xr.DataArray(fractions, dims="tile")).sum("tile")
    )


def test_a_run_folder_of_jules_is_converted(shared_data: Path, tmp_path: Path) -> None:
    folder = write_loobos_folder(shared_data, "colvg", tmp_path / "loobos")
    run = read_run_folder(folder)
    output = run.folder / str(run.entry("jules_output", "output_dir", "./output"))
    output.mkdir(parents=True, exist_ok=True)
    profile = next(p for p in run.namelists.all("jules_output_profile") if p.get("output_main_run"))
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_colvg_30min.nc", decode_times=False) as ds:
        part = ds.isel(time=slice(0, 96)).load()
    part.to_netcdf(output / f"{run.entry('jules_output', 'run_id', '')}.{profile['profile_name']}.nc")
    result = CliRunner().invoke(app, ["convert", str(folder), "--to", "cmip", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    check_conventions(tmp_path / "out" / "loobos_cmip.nc")
    with xr.open_dataset(tmp_path / "out" / "loobos_cmip.nc") as cmip:
        np.testing.assert_allclose(cmip["hfls"].to_numpy().ravel(), part["latent_heat"].to_numpy().ravel(), rtol=1e-6)
        np.testing.assert_allclose(
            cmip["mrso"].to_numpy().ravel(), part["smcl"].sum("soil").to_numpy().ravel(), rtol=1e-6
        )
        assert cmip["time_bounds"].to_numpy()[0, 0] == np.datetime64("1996-12-31T23:00:00")
        assert cmip.attrs["source"] == "JULES, run ../loobos"


def test_the_file_of_another_run_is_not_replaced(steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        shutil.copytree(steps, tmp_path / "runs" / name)
    to = ["--to", "alma", "--out", "converted"]
    for folder in ("runs/one", str(tmp_path / "runs" / "one"), "runs/one/column.nc"):
        result = CliRunner().invoke(app, ["convert", folder, *to])
        assert result.exit_code == 0, result.output
    before = Path("converted/Somewhere_alma.nc").read_bytes()
    result = CliRunner().invoke(app, ["convert", "runs/two", *to])
    assert result.exit_code == 2
    text = " ".join(result.output.split())
    assert "converted/Somewhere_alma.nc: the file was written from another run (runs/one)" in text
    assert "give another folder with --out" in text
    assert Path("converted/Somewhere_alma.nc").read_bytes() == before
    Path("converted/Somewhere_cmip.nc").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(app, ["convert", "runs/two", "--to", "cmip", "--out", "converted"])
    assert result.exit_code == 2
    assert "the file was not written by this command" in " ".join(result.output.split())


def test_a_file_is_read_back_as_a_record(steps: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(steps), "--to", "alma", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    path = tmp_path / "Somewhere_alma.nc"
    check_conventions(path)
    with xr.open_dataset(path) as ds:
        assert ds["SoilMoist"].dims == ("time", "depth", "lat", "lon")
        assert ds["depth"].to_numpy()[0] == pytest.approx(0.05)
        fluxes = ds[["Qle", "Qh", "SWdown", "Tair"]].squeeze(["lat", "lon"]).drop_vars(["lat", "lon"])
        fluxes = fluxes.assign_coords(lat=52.0, lon=6.0).load()
    fluxes.to_netcdf(tmp_path / "XX-Som_2001_Flux.nc")
    record = read_alma(tmp_path / "XX-Som_2001_Flux.nc", utc_offset_hours=0.0, latitude=52.0, longitude=6.0)
    with xr.open_dataset(steps / "column.nc") as column:
        np.testing.assert_allclose(record["le"], column["latent_heat"], rtol=1e-6)
        assert pd.Timestamp(record["time"].to_numpy()[0]) == pd.Timestamp(column["time"].to_numpy()[0])


def test_means_over_a_day_have_no_changes_of_states(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=2)
    write_run(run_column(load_experiment(path)), tmp_path / "run")
    run = read_convertible(tmp_path / "run")
    assert not run.at_end
    written = write_converted(run, "cmip", tmp_path / "out")
    check_conventions(written)
    with xr.open_dataset(written) as ds:
        assert "time: mean" in ds["mrso"].attrs["cell_methods"]
        assert ds["time"].to_numpy()[0] == np.datetime64("2001-06-01T12:00:00")
        assert ds["time_bounds"].to_numpy()[0, 1] == np.datetime64("2001-06-02T00:00:00")
    assert not [name for name in converted_dataset(run, "alma").data_vars if str(name).startswith("DelSoil")]


def jules_output(shared_data: Path, path: Path, *, steps: int = 1, **methods: str) -> Path:
    """Five days of output of JULES: one step of some, with the given methods instead of points."""
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_colvg_30min.nc", decode_times=False) as ds:
        part = ds.isel(time=slice(steps - 1, 240, steps)).load()
    part["time_bounds"][:] = np.stack([part["time"] - 1800.0 * steps, part["time"]], axis=1)
    for name, values in part.data_vars.items():
        if "cell_methods" in values.attrs:
            values.attrs["cell_methods"] = f"time : {methods.get(str(name), methods.get('others', 'point'))}"
    part.to_netcdf(path)
    return path


def test_each_variable_has_its_own_method(shared_data: Path, tmp_path: Path) -> None:
    """Snapshots of soil moisture beside means of everything else, every 6 h."""
    path = jules_output(shared_data, tmp_path / "mixed.nc", steps=12, smcl="point", sthf="point", others="mean")
    run = of_jules([path], DZSOIL, "loobos")
    assert run.at_end == {"smcl", "sthf"}
    ds = converted_dataset(run, "alma")
    assert "DelSoilMoist" in ds
    assert not {"DelSWE", "DelIntercept"} & set(ds.data_vars)
    for name in ("SoilTemp", "SWE", "Qle"):
        assert ds[name].attrs["cell_methods"] == "time: mean"
    # a fraction of a snapshot in a mean is neither
    assert "SMFrozFrac" not in ds


def test_states_of_the_end_of_a_period_say_so(steps: Path, tmp_path: Path) -> None:
    """They are not points in time at the start or the middle of the period, which is its stamp."""
    for names, water in (("alma", "SoilMoist"), ("cmip", "mrso")):
        path = write_converted(read_convertible(steps), names, tmp_path)  # type: ignore[arg-type]
        check_conventions(path)
        with xr.open_dataset(path) as ds:
            assert "cell_methods" not in ds[water].attrs
            assert "at the end of the period" in ds[water].attrs["comment"]
            assert ds["Qle" if names == "alma" else "hfls"].attrs["cell_methods"] == "time: mean"


@pytest.mark.parametrize(
    ("others", "problem"), [("point", "values of a single step every 6 h"), ("maximum", "time: maximum")]
)
def test_snapshots_and_extremes_of_fluxes_are_refused(
    others: str, problem: str, shared_data: Path, tmp_path: Path
) -> None:
    path = jules_output(
        shared_data, tmp_path / "snapshots.nc", steps=12, smcl="point", latent_heat=others, others="mean"
    )
    with pytest.raises(BadInput, match=f"latent_heat.*{problem}") as refused:
        of_jules([path], DZSOIL, "loobos")
    assert "output_type = 'M'" in str(refused.value)
    assert "smcl" not in str(refused.value)


def test_the_step_of_the_run_tells_snapshots_from_means_of_a_step(shared_data: Path, tmp_path: Path) -> None:
    path = jules_output(shared_data, tmp_path / "hours.nc", steps=2)
    with pytest.raises(BadInput, match="every 1 h"):
        of_jules([path], DZSOIL, "loobos", step=1800.0)
    assert "smcl" in of_jules([path], DZSOIL, "loobos", step=3600.0).at_end


def test_the_institution_of_a_run_is_that_of_its_converted_file(steps: Path, tmp_path: Path) -> None:
    shutil.copytree(steps, tmp_path / "run")
    with netCDF4.Dataset(tmp_path / "run" / "column.nc", "r+") as file:
        file.institution = "University of Somewhere"
    path = write_converted(read_convertible(tmp_path / "run"), "cmip", tmp_path)
    with netCDF4.Dataset(path) as file:
        assert file.institution == "University of Somewhere"


def test_what_cannot_be_converted_is_refused(tmp_path: Path, steps: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(tmp_path), "--to", "alma", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "not the folder of a run" in result.output
    run = read_convertible(steps)
    with pytest.raises(BadInput, match="no variable that can be converted"):
        converted_dataset(Convertible(run.ds[["fsth"]], run.bounds, frozenset(), "x", "y"), "alma")


@pytest.mark.filterwarnings("ignore")
def test_ilamb_reads_and_scores_a_converted_run(steps: Path, tmp_path: Path) -> None:
    """A run has a perfect score against itself, and a lower one against a shifted reference."""
    pytest.importorskip("ilamb3", reason="ilamb3 is not installed: pip install ilamb3")
    analysis = importlib.import_module("ilamb3.analysis").bias_analysis
    ds = xr.open_dataset(write_converted(read_convertible(steps), "cmip", tmp_path)).load()
    site = ds[["hfls", "time_bounds"]].squeeze(["lat", "lon"]).drop_vars(["lat", "lon"])
    site["hfls"] = site["hfls"].expand_dims("site", axis=1)
    site = site.assign_coords(lat=("site", [52.0]), lon=("site", [6.0]))
    scores = []
    for change in (1.0, 1.5):
        reference = site.assign(hfls=(change * site["hfls"]).assign_attrs(site["hfls"].attrs))
        table, *_ = analysis("hfls", site_extraction=WINDOW)(reference, ds[["hfls", "time_bounds"]])
        scores.append(float(table.loc[table["type"] == "score", "value"].iloc[0]))
        means = table.loc[table["name"] == "Period Mean", "value"].to_numpy()
        assert means[1] == pytest.approx(float(ds["hfls"].mean()), rel=1e-5)
    assert scores[0] == pytest.approx(1.0, abs=1e-6)
    assert scores[1] < 0.99
