"""Rose applications as run folders, and swaps as an optional configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from _rose_apps import SmallApp, resolved, rose_app_run, rose_executable
from helpers.paths import STAND_IN

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import OPTION, optional_configuration, read_rose_app, rose_namelists
from jules_ml.jules.run import collect_run, prepare_run, run_jules
from jules_ml.jules.run_folder import read_run_folder, stage
from jules_ml.support.namelist_text import fortran


def stand_in(executable: Path) -> None:
    """Write an executable that stands in for JULES."""
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)


@pytest.fixture
def app(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Loobos as a Rose application, for two days."""
    source = shared_data / "jules"
    folder = tmp_path / "app"
    (folder / "file").mkdir(parents=True)
    for name in ("initial_conditions_bb219.dat", "tile_fractions.dat"):
        (folder / "file" / name).write_bytes((source / "loobos_inputs" / name).read_bytes())
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "Loobos_1997.dat").write_text("0 300 0 0 280 2 1e5 0.005\n" * 96, encoding="ascii")
    monkeypatch.setenv("LOOBOS_INPUTS", str(tmp_path / "inputs"))
    lines = ["meta=jules-standalone/vn7.6", "", "[command]", "default=jules.exe", ""]
    namelists = NamelistFolder.read(source / "loobos_namelists")
    for file in namelists.files:
        names = [name for f, name, _ in namelists.groups() if f == file]
        sources = [f"namelist:{names[0]}", *(f"(namelist:{name})" for name in names[1:])]
        if file == "output.nml":
            sources[1] = "(namelist:jules_output_profile(:))"
        lines += [f"[file:{file}]", f"source={' '.join(sources)}", ""]
    for _, name, values in namelists.groups():
        number = "(1)" if name == "jules_output_profile" else ""
        lines += [f"[namelist:{name}{number}]", *(f"{k}={fortran(v)}" for k, v in values.items()), ""]
    text = (
        "\n".join(lines)
        .replace("'inputs/Loobos_1997.dat'", "'$LOOBOS_INPUTS/Loobos_1997.dat'")
        .replace("'inputs/", "'")
        .replace("1997-12-31 23:00:00", "1997-01-02 23:00:00")
        .replace("l_top=.true.", "l_top=.false.\n!!b_pdm=1.0,\n     =2.0")
        .replace("z0hm_pft_io=1.65, 1.65, 0.1,", "z0hm_pft_io=1.65, 1.65,\n           =0.1,")
    )
    text += "[!!namelist:jules_snow_old]\nnsmax=3\n      =4\n"
    (folder / "rose-app.conf").write_text(text, encoding="utf-8")
    return folder


def test_application_is_read_as_the_namelists_that_rose_writes(app: Path, shared_data: Path) -> None:
    namelists = rose_namelists(read_rose_app(app))
    original = NamelistFolder.read(shared_data / "jules" / "loobos_namelists")
    assert set(namelists.files) == set(original.files)
    namelists.check()
    assert namelists.get("jules_pftparm") == original.get("jules_pftparm")
    assert namelists.get("jules_soil_props") == original.get("jules_soil_props")
    assert "b_pdm" not in namelists.get("jules_hydrology")
    assert namelists.get("jules_drive")["file"].endswith("inputs/Loobos_1997.dat")
    assert "$" not in namelists.get("jules_drive")["file"]


def test_variable_that_is_not_set_is_named(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOBOS_INPUTS")
    with pytest.raises(BadInput) as caught:
        read_run_folder(app)
    assert "$LOOBOS_INPUTS" in caught.value.problem
    assert "[namelist:jules_drive]" in str(caught.value.where)


def test_missing_namelist_of_a_file_is_named(app: Path) -> None:
    conf = app / "rose-app.conf"
    conf.write_text(
        conf.read_text(encoding="utf-8").replace("[namelist:jules_snow]", "[!namelist:jules_snow]"), encoding="utf-8"
    )
    with pytest.raises(BadInput, match=r"jules_snow.nml needs namelist:jules_snow"):
        read_run_folder(app)


def test_invalid_line_is_refused(app: Path) -> None:
    conf = app / "rose-app.conf"
    conf.write_text(conf.read_text(encoding="utf-8") + "[broken\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"rose-app.conf, line \d+"):
        read_run_folder(app)


def test_swap_is_written_as_an_optional_configuration(app: Path) -> None:
    folder = app.parent
    stand_in(folder / "jules.exe")
    path = folder / "swap.toml"
    path.write_text(
        '[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\nvia = "ancillary"\n[soil]\n'
        'form = "clapp_hornberger"\nproperties = {b = 5.0, sathh = 0.1, satcon = 0.005, sm_sat = 0.4, sm_crit = 0.25, '
        "sm_wilt = 0.12, hcap = 1.2e6, hcon = 0.3}\n",
        encoding="utf-8",
    )
    before = (app / "rose-app.conf").read_bytes()
    done = run_jules(load_experiment(path), folder / "out")
    assert (app / "rose-app.conf").read_bytes() == before
    option = (done.folder / "opt" / "rose-app-jules_ml.conf").read_text(encoding="utf-8")
    assert "[namelist:jules_soil_props]" in option
    assert "use_file=.true., .true., .true., .true., .true., .true., .true., .true., .false." in option
    assert f"[file:swapped/soil_properties.nc]\nsource={done.folder}/swapped/soil_properties.nc" in option
    # entries that only the new folder needs are not part of the swap
    assert "output_dir" not in option
    assert "Loobos_1997" not in option


def test_application_without_a_folder_of_inputs_is_unchanged(app: Path) -> None:
    folder = app.parent
    for file in (app / "file").iterdir():
        file.rename(app / file.name)
    (app / "file").rmdir()
    (app / "opt").mkdir()
    (app / "opt" / "rose-app-jules_ml.conf").write_text("of the suite's", encoding="ascii")
    stand_in(folder / "jules.exe")
    path = folder / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    done = run_jules(load_experiment(path), folder / "out")
    assert (app / "opt" / "rose-app-jules_ml.conf").read_text(encoding="ascii") == "of the suite's"
    assert not (done.folder / "opt").is_symlink()


def test_application_without_a_folder_of_inputs_is_collected_by_its_edited_namelists(app: Path) -> None:
    folder = app.parent
    for file in (app / "file").iterdir():
        file.rename(app / file.name)
    (app / "file").rmdir()
    stand_in(folder / "jules.exe")
    (app / "behaviour").write_text("dumps", encoding="ascii")
    path = folder / "swap.toml"
    path.write_text(
        '[jules]\nfolder = "app"\nexecutable = "jules.exe"\nset = {jules_output = {nprofiles = 0}}\n[run]\nmodel = "jules"\n',
        encoding="utf-8",
    )
    out = prepare_run(load_experiment(path), folder / "out").folder
    assert not (out / "rose-app.conf").exists()
    subprocess.run(["sh", str(out / "submit.sh")], check=True)
    # folders that an earlier version prepared have a link to the configuration
    (out / "rose-app.conf").symlink_to(app / "rose-app.conf")
    assert collect_run(out).dumps


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("tile_fractions.dat", "no_such.dat", "rose-app.conf, [namelist:jules_frac], file"),
        ("data_end=", "data_end='1997-01-01 23:00:00'\nno_such=", "rose-app.conf, [namelist:jules_drive], data_end"),
        ("main_run_start=", "main_run_start='now'\n!!main_run_start=", "rose-app.conf, [namelist:jules_time]"),
    ],
)
def test_problem_is_placed_in_the_section_of_the_application(app: Path, old: str, new: str, place: str) -> None:
    stand_in(app.parent / "jules.exe")
    conf = app / "rose-app.conf"
    conf.write_text(conf.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    path = app.parent / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        prepare_run(load_experiment(path), app.parent / "out")
    assert f"{app}/{place}" in str(caught.value)


def test_groups_are_placed_where_they_come_from(app: Path) -> None:
    (app / "file" / "jules_snow.nml").write_text("&jules_snow\n/\n", encoding="ascii")
    conf = app / "rose-app.conf"
    text = conf.read_text(encoding="utf-8").replace("source=namelist:jules_snow\n", "")
    conf.write_text(text.replace("profile(1)", "profile(3)"), encoding="utf-8")
    namelists = rose_namelists(read_rose_app(app))
    assert namelists.place("jules_snow") == f"{app}/file/jules_snow.nml, &JULES_SNOW"
    assert namelists.place("jules_output_profile") == f"{conf}, [namelist:jules_output_profile(3)]"
    namelists.set("jules_output_profile", {"nvars": 0}, occurrence=1)
    assert namelists.source("jules_output_profile", 1) == f"{conf}, [file:output.nml]"
    assert namelists.place("jules_crop") == str(conf)


def test_prepared_folder_of_an_application_can_be_moved(app: Path) -> None:
    folder = app.parent
    stand_in(folder / "jules.exe")
    (app / "file" / "net.dat").write_text("1.0", encoding="ascii")
    path = folder / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    out = prepare_run(load_experiment(path), folder / "out").folder
    moved = folder / "elsewhere" / "moved"
    moved.parent.mkdir()
    out.rename(moved)
    assert (moved / "namelists" / "net.dat").read_text(encoding="ascii") == "1.0"
    assert all(link.exists() for link in moved.rglob("*") if link.is_symlink())


def test_new_folder_within_the_application_is_refused(app: Path) -> None:
    executable = app.parent / "jules.exe"
    executable.write_text("#!/bin/sh\n", encoding="ascii")
    executable.chmod(0o755)
    path = app.parent / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    with pytest.raises(BadInput, match="--out"):
        run_jules(load_experiment(path), app / "new")
    assert not (app / "new").exists()


def test_application_with_the_option_equals_the_swapped_run(app: Path, tmp_path: Path) -> None:
    before = rose_namelists(read_rose_app(app))
    after = before.copy()
    after.set("jules_soil_biogeochem", {"q10_soil": 2.5})
    after.set("jules_prescribed", {"n_datasets": 1})
    after.set("jules_prescribed_dataset", {"nvars": 1, "var": ["sthuf"]}, file="prescribed_data.nml")
    _apply(app, optional_configuration(read_rose_app(app), before, after, {}, tmp_path))
    assert _groups(rose_namelists(read_rose_app(app))) == _groups(after)


OPTION_APP = """opts=land
[file:output.nml]
source=namelist:jules_output namelist:jules_output_profile(:)
[file:ancillaries.nml]
source=namelist:jules_frac
      =(namelist:jules_top) (namelist:jules_agric)
[file:prescribed_data.nml]
source=namelist:jules_prescribed (namelist:jules_prescribed_dataset(:))
[namelist:jules_output]
NProfiles=1
output_dir='./out'
[namelist:jules_output_profile(2)]
var(1)='a'
var(2)='b'
nvars=2
[namelist:jules_output_profile(5)]
nvars=0
[namelist:jules_frac]
file='frac.dat'
[!!namelist:jules_top]
const_val=1,2
nvars=1
[namelist:jules_prescribed]
n_datasets=0
[!namelist:jules_prescribed_dataset(1)]
nvars=7
old=1
"""


def test_option_follows_other_options_and_the_sections_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SmallApp(
        OPTION_APP,
        {
            "app/file/jules_soil.nml": "&jules_soil\nsm_levels=4 ! layers\n/\n",
            "app/opt/rose-app-land.conf": "[namelist:jules_output_profile(5)]\nnvars=1\nvar='x'\n",
        },
        {"DOLLAR": "expanded"},
    )
    app = small.build(tmp_path)
    monkeypatch.setenv("DOLLAR", "expanded")
    resolved_app = read_rose_app(app)
    before = rose_namelists(resolved_app)
    after = before.copy()
    after.set("jules_output", {"nprofiles": 3})
    after.set("jules_output_profile", {"var": ["c", "it's"]})
    after.set("jules_output_profile", {"var": ["$DOLLAR", "y"], "nvars": 2}, occurrence=1)
    after.set("jules_output_profile", {"nvars": 0}, occurrence=2)
    after.set("jules_top", {"nvars": 2}, file="ancillaries.nml")
    after.set("jules_pdm", {"nvars": 1}, file="ancillaries.nml")
    after.set("jules_prescribed_dataset", {"nvars": 3}, file="prescribed_data.nml")
    after.set("jules_soil", {"sm_levels": 6})
    after.set("jules_ml", {"on": True}, file="jules_ml.nml")
    written = tmp_path / "written"
    written.mkdir()
    after.write(written)
    files = {"swapped/soil.nc": written / "soil [1].nc"}
    files["swapped/soil.nc"].write_text("netCDF", encoding="ascii")
    option = optional_configuration(resolved_app, before, after, files, written)
    assert "NProfiles=3" in option
    assert f"[file:jules_soil.nml]\nsource={written}/jules_soil.nml" in option
    _apply(app, option)
    assert _groups(rose_namelists(read_rose_app(app))) == _groups(after)
    assert resolved(app, tmp_path)["swapped/soil.nc"] == b"netCDF"
    if rose := rose_executable():
        small = SmallApp(
            small.conf.replace("land", "land jules_ml"),
            {**small.files, "app/opt/rose-app-jules_ml.conf": option},
            small.environment,
        )
        assert rose_app_run(rose, small, tmp_path / "rose") == resolved(app, tmp_path)


def test_option_gives_absolute_paths_where_files_are_installed_elsewhere(tmp_path: Path) -> None:
    app = SmallApp(f"file-install-root=nml\n{OPTION_APP.removeprefix('opts=land')}").build(tmp_path)
    before = rose_namelists(read_rose_app(app))
    after = before.copy()
    after.set("jules_frac", {"file": ["swapped/frac.nc", "other"]})
    option = optional_configuration(
        read_rose_app(app), before, after, {"swapped/frac.nc": tmp_path / "frac.nc"}, tmp_path
    )
    assert f"file='{tmp_path}/frac.nc', 'other'" in option
    assert "[file:swapped/frac.nc]" not in option


def _apply(app: Path, option: str) -> None:
    """Switch on an optional configuration after those of the application."""
    (app / "opt").mkdir(exist_ok=True)
    (app / "opt" / OPTION).write_text(option, encoding="utf-8")
    conf = app / "rose-app.conf"
    text = conf.read_text(encoding="utf-8")
    text = text.replace("opts=land", "opts=land jules_ml") if "opts=land" in text else f"opts=jules_ml\n{text}"
    conf.write_text(text, encoding="utf-8")


def _groups(namelists: NamelistFolder) -> dict[str, list[tuple[str, dict[str, object]]]]:
    return {
        file: [(name, entries) for f, name, entries in namelists.groups() if f == file]
        for file in sorted(namelists.files)
    }


def test_files_of_sections_are_linked_into_the_new_folder(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = app.parent
    (folder / "tree").mkdir()
    (folder / "tree" / "a.dat").write_text("a", encoding="ascii")
    (folder / "soil.dat").write_text("soil", encoding="ascii")
    (app / "file" / "ancil").mkdir()
    (app / "file" / "ancil" / "b.dat").write_text("b", encoding="ascii")
    text = (app / "rose-app.conf").read_text(encoding="utf-8")
    text += (
        "[file:ancil/soil.dat]\nsource=$HERE/soil.dat\n[file:tree]\nsource=$HERE/tree\n"
        "[file:list.txt]\nsource=$HERE/soil.dat $HERE/tree/a.dat\n[file:swapped/soil.nc]\nsource=$HERE/soil.dat\n"
        "[file:/elsewhere/soil.nc]\nsource=$HERE/soil.dat\n[file:link.dat]\nmode=symlink\nsource=list.txt\n"
        "[!file:tile_fractions.dat]\n[namelist:jules_soil_props]\nfile='swapped/soil.nc'\n"
        "[namelist:jules_frac]\nfile='/elsewhere/soil.nc'\n"
    )
    (app / "rose-app.conf").write_text(text, encoding="utf-8")
    monkeypatch.setenv("HERE", str(folder))
    with stage(read_run_folder(app), folder / "out") as staged:
        out = staged.folder
        assert (out / "ancil" / "soil.dat").read_text(encoding="ascii") == "soil"
        assert (out / "ancil" / "b.dat").read_text(encoding="ascii") == "b"
        assert (out / "tree" / "a.dat").is_symlink()
        assert (out / "link.dat").read_text(encoding="ascii") == "soila"
        assert not (out / "tile_fractions.dat").exists()
        assert staged.namelists.get("jules_soil_props")["file"] == str(folder / "soil.dat")
        assert staged.namelists.get("jules_frac")["file"] == str(folder / "soil.dat")
    assert sorted(p.name for p in (app / "file" / "ancil").iterdir()) == ["b.dat"]


def test_file_of_several_sources_in_a_folder_of_jules_ml_is_refused(app: Path) -> None:
    text = (app / "rose-app.conf").read_text(encoding="utf-8")
    text += "[file:swapped/soil.nc]\nsource=namelist:jules_snow\n[namelist:jules_soil_props]\nfile='swapped/soil.nc'\n"
    (app / "rose-app.conf").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="put together"), stage(read_run_folder(app), app.parent / "out"):
        pass


def test_links_in_an_application_without_a_folder_of_inputs_are_not_written_through(app: Path) -> None:
    folder = app.parent
    (app / "file").rename(app / "ancil")
    text = (app / "rose-app.conf").read_text(encoding="utf-8")
    text += f"[file:ancil/soil.dat]\nsource={folder}/inputs/Loobos_1997.dat\n"
    (app / "rose-app.conf").write_text(text, encoding="utf-8")
    with stage(read_run_folder(app), folder / "out") as staged:
        assert (staged.folder / "ancil" / "soil.dat").is_file()
        assert (staged.folder / "ancil" / "tile_fractions.dat").is_file()
    assert not (app / "ancil" / "soil.dat").exists()
