"""Namelists as julesconf of UKCEH writes them, for JULES 7.9: by f90nml, in lower case, with every default."""

from __future__ import annotations

from pathlib import Path

import f90nml
import pytest
from helpers.jules_runs import SOIL, Write
from helpers.respiration_folder import write_module

from jules_ml.experiment import load_experiment
from jules_ml.jules.run import JulesRun, run_jules

ANCILLARIES = """\
&jules_frac
    file = 'inputs/tile_fractions.dat'
    frac_name = 'frac'
    read_from_dump = .false.
/

&jules_soil_props
    const_val = 6.63, 0.049, 0.0047, 0.458, 0.242, 0.136, 1190000.0, 0.227,
                0.11
    const_z = .false.
    file = ''
    nvars = 9
    read_from_dump = .false.
    read_list = .true.
    tpl_name = '', '', '', '', '', '', '', '', ''
    use_file = .false., .false., .false., .false., .false., .false., .false.,
               .false., .false.
    var = 'b', 'sathh', 'satcon', 'sm_sat', 'sm_crit', 'sm_wilt', 'hcap',
          'hcon', 'albsoil'
    var_name = '', '', '', '', '', '', '', '', ''
/

&jules_agric
    frac_agr = 0.0
    read_from_dump = .false.
    zero_agric = .true.
    zero_past = .true.
/

&jules_co2
    co2_mmr = 0.0005241
    read_from_dump = .false.
/
"""


@pytest.fixture
def julesconf(user: Path) -> Path:
    """Run folder of the user with namelists in that style."""
    for file in (user / "nml").iterdir():
        groups = f90nml.read(file)
        if file.name == "jules_hydrology.nml":
            groups["jules_hydrology"].update({"l_hydrology": True, "l_var_rainfrac": False, "l_pdm": False})
        groups.write(file, force=True)
    (user / "nml" / "ancillaries.nml").write_text(ANCILLARIES, encoding="ascii")
    return user


def run(path: Path) -> JulesRun:
    return run_jules(load_experiment(path), path.parent / "out")


def test_unchanged_run_has_no_warning(julesconf: Path, write: Write) -> None:
    notes = run(write(jules='version = "7.9"')).notes
    assert not [note for note in notes if "read_list" in note or "jules_soil_props" in note]


def test_soil_is_swapped_in_as_data_rather_than_as_a_list_of_files(julesconf: Path, write: Write) -> None:
    done = run(write(via='"ancillary"', jules='version = "7.9"', more=SOIL))
    group = f90nml.read(done.folder / "namelists" / "ancillaries.nml")["jules_soil_props"]
    assert group["read_list"] is False
    assert group["file"] == "swapped/soil_properties.nc"
    assert group["use_file"] == [True] * 8 + [False]
    assert [entry.lower() for entry in group].count("const_val") == 1


def test_respiration_is_swapped_in(julesconf: Path, write: Write) -> None:
    write_module(julesconf.parent / "pine")
    done = run(write(via='"namelist"', more='[modules]\nrespiration = "pine"\n'))
    group = f90nml.read(done.folder / "namelists" / "jules_soil_biogeochem.nml")["jules_soil_biogeochem"]
    assert group["q10_soil"] > 1.0
    assert "cs_decomp_soil_moist_func" not in group


def test_times_and_entries_are_set(julesconf: Path, write: Write) -> None:
    done = run(write(jules="set = {jules_soil = {cs_min = 1e-5}}", more="end = 1997-01-01 00:00:00\n"))
    assert f90nml.read(done.folder / "namelists" / "jules_soil.nml")["jules_soil"]["cs_min"] == 1e-5
    assert f90nml.read(done.folder / "namelists" / "timesteps.nml")["jules_time"]["main_run_end"].startswith(
        "1997-01-01"
    )
