"""Rose applications as run folders, and swaps as an optional configuration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.paths import STAND_IN

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelist_text import fortran
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import optional_configuration, read_rose_app, rose_namelists
from jules_ml.jules.run import run_jules
from jules_ml.jules.run_folder import read_run_folder


@pytest.fixture
def app(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Loobos as a Rose application, for two days."""
    source = shared_data / "jules"
    folder = tmp_path / "app"
    (folder / "file").mkdir(parents=True)
    for name in ("initial_conditions_bb219.dat", "tile_fractions.dat"):
        (folder / "file" / name).write_bytes((source / "loobos_inputs" / name).read_bytes())
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "Loobos_1997.dat").write_text("0 0 0 0 280 2 1e5 0.005\n" * 96, encoding="ascii")
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
    executable = folder / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
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
    executable = folder / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    path = folder / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    done = run_jules(load_experiment(path), folder / "out")
    assert (app / "opt" / "rose-app-jules_ml.conf").read_text(encoding="ascii") == "of the suite's"
    assert not (done.folder / "opt").is_symlink()


def test_new_folder_within_the_application_is_refused(app: Path) -> None:
    executable = app.parent / "jules.exe"
    executable.write_text("#!/bin/sh\n", encoding="ascii")
    executable.chmod(0o755)
    path = app.parent / "stock.toml"
    path.write_text('[jules]\nfolder = "app"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    with pytest.raises(BadInput, match="--out"):
        run_jules(load_experiment(path), app / "new")
    assert not (app / "new").exists()


def test_application_with_the_option_equals_the_swapped_run(app: Path) -> None:
    before = rose_namelists(read_rose_app(app))
    after = before.copy()
    after.set("jules_soil_biogeochem", {"q10_soil": 2.5})
    after.set("jules_prescribed", {"n_datasets": 1})
    after.set("jules_prescribed_dataset", {"nvars": 1, "var": ["sthuf"]})
    option = optional_configuration(before, after, {})
    assert "[namelist:jules_soil_biogeochem]\nq10_soil=2.5" in option
    assert "[namelist:jules_prescribed_dataset(1)]\nnvars=1\nvar='sthuf'" in option
