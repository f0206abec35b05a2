"""Check of a staged run before JULES is started."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.jules_runs import SOIL, Write

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.entries import within
from jules_ml.jules.preflight.version import version_findings
from jules_ml.jules.rose import read_rose_app
from jules_ml.jules.run import JulesRun, run_jules
from jules_ml.jules.run_folder import RunFolder


def run(path: Path) -> JulesRun:
    return run_jules(load_experiment(path), path.parent / "out")


def edit(user: Path, file: str, old: str, new: str) -> None:
    path = user / "nml" / file
    text = path.read_text(encoding="ascii")
    assert old in text
    path.write_text(text.replace(old, new), encoding="ascii")


def refused(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        run(path)
    assert not (path.parent / "out").exists()
    return caught.value


def test_misspelt_entry_is_refused_with_the_name_that_is_meant(write: Write) -> None:
    error = refused(write(jules="set = {jules_hydrology = {l_topp = false}}"))
    assert str(error.where).endswith("swap.toml, jules.set, jules_hydrology:l_topp")
    assert error.remedy.startswith(
        "write l_top if you meant that; if the executable is of a branch with l_topp, list it"
    )


def test_group_that_is_misspelt_is_refused_with_the_name_that_is_meant(write: Write) -> None:
    assert "write jules_hydrology" in refused(write(jules="set = {jules_hydrolgy = {l_top = false}}")).remedy


def test_entry_that_does_not_exist_brings_no_further_problems(write: Write) -> None:
    error = refused(write(jules='version = "7.6"\nset = {jules_soil_biogeochem = {l_bgc_heat = true}}'))
    assert "exists only in JULES 8.2" in error.problem


def test_value_that_is_there_already_is_no_change(write: Write) -> None:
    done = run(write(jules="set = {jules_hydrology = {l_top = false}}"))
    assert "note: jules_hydrology: l_top = False in the run folder already" in done.notes
    assert "l_top" not in (done.folder / "namelists.diff").read_text(encoding="utf-8")


def test_all_problems_are_reported_at_once(user: Path, write: Write) -> None:
    (user / "inputs" / "tile_fractions.dat").unlink()
    error = refused(write(jules="set = {jules_hydrology = {l_topp = false, nfita = 1.5}}"))
    assert error.problem.startswith("3 problems")
    for text in ("l_top", "nfita is 1.5, which is not of type integer", "there is no file", "jules_frac:file"):
        assert text in error.problem


def test_unknown_entry_of_the_user_is_a_warning(user: Path, write: Write) -> None:
    edit(user, "jules_vegetation.nml", "&JULES_VEGETATION", "&JULES_VEGETATION\n rd_model=1, tdq10_int=3.2,")
    notes = run(write()).notes
    (warning,) = (note for note in notes if "rd_model" in note)
    assert warning.startswith("warning: ")
    assert "rd_model, tdq10_int" in warning
    assert "branch" in warning


def test_entries_of_a_branch_are_accepted_by_name(write: Write) -> None:
    entries = "set = {jules_vegetation = {rd_model = 1, tdq10_int = 3.2}}"
    assert 'write branch_entries = ["rd_model", "tdq10_int"] under [jules]' in refused(write(jules=entries)).remedy
    notes = run(write(jules=f'branch_entries = ["rd_model", "tdq10_int"]\n{entries}')).notes
    assert not any("warning" in note and "rd_model" in note for note in notes)
    notes = run(write(jules='branch_entries = ["rd_modle"]')).notes
    assert any("no namelist of the run has rd_modle" in note for note in notes)


def test_entry_of_another_group_is_refused_with_its_group(write: Write) -> None:
    error = refused(write(jules="set = {jules_soil = {l_triffid = true}}"))
    assert "l_triffid of &JULES_VEGETATION" in error.remedy


@pytest.mark.parametrize(
    ("version", "entry", "remedy"),
    [
        ("7.6", "cs_decomp_soil_moist_func = 0", "version"),
        ("7.1", "kaps_4pool = [1e-9, 1e-9, 1e-9, 1e-9]", "kaps_roth"),
        ("8.2", "kaps_roth = [1e-9, 1e-9, 1e-9, 1e-9]", "kaps_4pool"),
        ("8.2", "l_lessdecomp_sat = true", "cs_decomp_soil_moist_func = 1"),
    ],
)
def test_entry_of_another_version_is_refused(write: Write, version: str, entry: str, remedy: str) -> None:
    error = refused(write(jules=f'version = "{version}"\nset = {{jules_soil_biogeochem = {{{entry}}}}}'))
    assert remedy in error.remedy


def test_entry_that_the_version_has_dropped_is_refused_in_the_namelists(user: Path, write: Write) -> None:
    edit(user, "model_grid.nml", "&JULES_MODEL_GRID", "&JULES_MODEL_GRID\n lat_bounds=50.0,52.0,")
    error = refused(write(jules='version = "7.6"'))
    assert str(error.where).endswith("nml/model_grid.nml, jules_model_grid:lat_bounds")
    assert "y_bounds" in error.remedy


@pytest.fixture
def built_for_7_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp of hooks in the executable."""
    monkeypatch.setattr("jules_ml.jules.run.jules_of_hooks", lambda _: "7.6 or 7.7")


@pytest.mark.usefixtures("built_for_7_6")
def test_version_that_the_hooks_exclude_is_refused(write: Write) -> None:
    error = refused(write(jules='version = "8.2"'))
    assert str(error.where).endswith("jules.version")
    assert error.problem == "version is 8.2, and the hooks of the executable were built for JULES 7.6 or 7.7"
    run(write(jules='version = "7.7"'))


@pytest.mark.parametrize(("meta", "warnings"), [("vn8.2", 1), ("vn7.6", 0), ("vn7.5_t1", 0), ("HEAD", 0)])
def test_rose_application_for_another_version_than_the_hooks_is_a_warning(
    tmp_path: Path, meta: str, warnings: int
) -> None:
    (tmp_path / "rose-app.conf").write_text(f"meta=jules-standalone/{meta}\n\n[env]\nA=b\n", encoding="ascii")
    contents = NamelistFolder({"a.nml": "&jules_time\n/\n"}, tmp_path)
    application = RunFolder(tmp_path, contents, "", rose=read_rose_app(tmp_path))
    findings = list(version_findings(tmp_path / "swap.toml", application, given=None, executable="7.6 or 7.7"))
    assert [finding.fatal for finding in findings] == [False] * warnings
    assert all("meta is for JULES 8.2, and the hooks" in str(finding) for finding in findings)


def test_value_that_is_not_an_option_is_refused(write: Write) -> None:
    error = refused(write(jules='version = "8.2"\nset = {jules_soil_biogeochem = {cs_decomp_soil_moist_func = 2}}'))
    assert "0, 1" in error.remedy


def test_value_outside_the_range_of_the_metadata_is_a_warning(write: Write) -> None:
    notes = run(write(jules="set = {jules_soil_biogeochem = {q10_soil = 20.0}}")).notes
    assert any("q10_soil is 20, outside the range 0.1:10.0" in note for note in notes)


def test_option_1_needs_its_value(write: Write) -> None:
    error = refused(write(jules='version = "8.2"\nset = {jules_soil_biogeochem = {cs_decomp_soil_moist_func = 1}}'))
    assert "fsthsat_cs_decomp_opt1" in error.problem


def test_absent_l_hydrology_is_a_warning_where_its_default_is_false(user: Path, write: Write) -> None:
    (user / "nml" / "jules_hydrology.nml").write_text("&JULES_HYDROLOGY\n l_top=F\n/\n", encoding="ascii")
    assert any("l_hydrology" in note for note in run(write(jules='version = "7.9"')).notes)
    assert not any("l_hydrology" in note for note in run(write(jules='version = "7.8"')).notes)


def test_topmodel_needs_its_numbers(user: Path, write: Write) -> None:
    path = user / "nml" / "jules_hydrology.nml"
    path.write_text("&JULES_HYDROLOGY\n l_top=T, zw_max=6.0\n/\n", encoding="ascii")
    error = refused(write(jules='version = "7.6"'))
    assert "nfita, ti_max, ti_wetl" in error.problem


def test_grid_of_an_earlier_version_lacks_a_switch(user: Path, write: Write) -> None:
    edit(user, "model_grid.nml", "l_coord_latlon = T", "")
    assert "projection coordinates" in refused(write(jules='version = "7.2"')).problem
    run(write(jules='version = "7.1"'))


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ("jules_surface = {anthrop_heat_option = 0}", "anthrop_heat_option"),
        ("jules_surface_types = {c3_irrig = 0}", "c3_irrig = 0"),
        ("jules_irrig = {irrig_option = 2, l_irrig_dmd = true}", "excludes l_irrig_dmd"),
        ("jules_soil_biogeochem = {l_bgc_heat = true, heat_of_respiration = 3.9e7}", "layered"),
    ],
)
def test_traps_of_new_versions(write: Write, entries: str, problem: str) -> None:
    error = refused(write(jules=f'version = "8.2"\nset = {{{entries}}}'))
    assert problem in error.problem


def test_weather_must_have_the_rows_of_the_run(user: Path, write: Write) -> None:
    weather = user / "inputs" / "Loobos_1997.dat"
    weather.write_text("# header\n" + "0 300 0 0 280 2 1e5 0.005\n" * 95, encoding="ascii")
    error = refused(write())
    assert "95 rows, and the run needs 96" in error.problem
    assert str(error.where).endswith("nml/drive.nml, jules_drive:file")


ROW = "0 300 0 0 280 2 1e5 0.005\n"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("0 300 0 0 280 2 1000 0.005\n", "pstar is 1000, outside 45000 to 110000 Pa (1 of 96 values)"),
        ("0 300 0 0 7 2 1e5 0.005\n", "t is 7, outside 180 to 335 K"),
        ("0 300 12 0 280 2 1e5 0.005\n", "tot_rain is 12, outside 0 to 0.15 kg m-2 s-1"),
        ("0 300 0 0 280 2 1e5 80\n", "q is 80, outside 0 to 0.06 kg kg-1"),
        ("-9999 300 0 0 280 2 1e5 0.005\n", "sw_down is -9999"),
    ],
)
def test_weather_in_other_units_is_refused_before_the_start(user: Path, write: Write, row: str, problem: str) -> None:
    (user / "inputs" / "Loobos_1997.dat").write_text(ROW * 95 + row, encoding="ascii")
    error = refused(write())
    assert problem in error.problem
    assert str(error.where).endswith("nml/drive.nml, jules_drive:file")


def test_weather_with_a_doubled_row_is_named(user: Path, write: Write) -> None:
    (user / "inputs" / "Loobos_1997.dat").write_text(ROW * 97, encoding="ascii")
    edit(user, "drive.nml", "data_end='1997-12-31 23:00:00'", "data_end='1997-01-02 23:00:00'")
    notes = run(write()).notes
    assert any("has 97 rows, and from data_start to data_end there are 96 periods" in note for note in notes)


def test_weather_must_have_the_columns_of_its_variables(user: Path, write: Write) -> None:
    (user / "inputs" / "Loobos_1997.dat").write_text("0 300 0 0 280 2 1e5\n" * 96, encoding="ascii")
    assert "has 7 numbers, and JULES reads 8" in refused(write()).problem


def test_weather_must_cover_the_run(write: Write) -> None:
    error = refused(write(more="end = 1998-06-01 00:00:00\n"))
    assert "1998-06-01" in error.problem


def test_files_by_month_must_exist(user: Path, write: Write) -> None:
    weather = user / "inputs" / "Loobos_1997.dat"
    edit(user, "drive.nml", "inputs/Loobos_1997.dat", "inputs/w_%y4%m2.dat")
    (user / "inputs" / "w_199612.dat").write_bytes(weather.read_bytes())
    assert "w_199701.dat" in refused(write()).problem


def test_initial_state_must_have_a_value_for_each_layer(user: Path, write: Write) -> None:
    (user / "inputs" / "initial_conditions_bb219.dat").write_text("0.5 0.5\n", encoding="ascii")
    assert "initial_conditions_bb219.dat has 2 numbers" in refused(write()).problem


def test_suffix_that_jules_does_not_read_is_refused(user: Path, write: Write) -> None:
    (user / "inputs" / "tile_fractions.dat").rename(user / "inputs" / "tile_fractions.csv")
    edit(user, "ancillaries.nml", "tile_fractions.dat", "tile_fractions.csv")
    assert "suffix" in refused(write()).problem


@pytest.mark.parametrize("via", ["ancillary"])
def test_entries_of_the_ways_are_in_the_table(write: Write, via: str) -> None:
    notes = run(write(via=f'"{via}"', jules='version = "7.6"', more=SOIL)).notes
    assert not any("jules_soil_props" in note for note in notes)


def test_netcdf_file_must_have_its_variables_and_times(user: Path, write: Write) -> None:
    names = ["sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar"]
    weather = xr.Dataset({name: (("time", "y", "x"), np.zeros((96, 1, 1))) for name in names})
    weather.to_netcdf(user / "inputs" / "w.nc")
    edit(user, "drive.nml", "inputs/Loobos_1997.dat", "inputs/w.nc")
    assert "w.nc has no variable q" in refused(write()).problem
    (user / "inputs" / "w.nc").unlink()
    weather.assign(q=weather["t"]).isel(time=slice(50)).to_netcdf(user / "inputs" / "w.nc")
    assert "w.nc has 50 times, and the run needs 96" in refused(write()).problem


def test_list_of_files_with_weather_must_exist(user: Path, write: Write) -> None:
    edit(user, "drive.nml", "file='inputs/Loobos_1997.dat'", "file='inputs/list.txt', read_list=T, nfiles=2")
    (user / "inputs" / "list.txt").write_text(
        "'inputs/Loobos_1997.dat', '1996-12-31 23:00:00'\n'inputs/gone.dat', '1997-01-01 23:00:00'\n", encoding="ascii"
    )
    error = refused(write())
    assert "gone.dat" in error.problem
    assert "Loobos" not in error.problem


def test_list_of_ancillary_files_must_exist(user: Path, write: Write) -> None:
    edit(user, "ancillaries.nml", "&JULES_SOIL_PROPS", "&JULES_SOIL_PROPS\n read_list=T, file='inputs/soil.txt',")
    edit(user, "ancillaries.nml", "use_file", "use_file=9*T, tpl_name=9*'', !")
    (user / "inputs" / "soil.txt").write_text("'inputs/b.nc'\n" * 9, encoding="ascii")
    assert "b.nc" in refused(write(jules='version = "7.8"')).problem


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [(0.5, "0:1", True), (1.5, "0:1", False), (-1.0, "-1,1:", True), (0.0, "0<", False), (7.0, ":3,5:", True)],
)
def test_ranges_of_rose(value: float, limits: str, expected: bool) -> None:
    assert within(value, limits) is expected
