"""``[modules] hydraulics``: the learned soil of a site, in the column and in JULES."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.module_folders import edit_card
from helpers.paths import STAND_IN
from helpers.small_experiment import EXPERIMENT, write_weather

from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.run import run_column
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.sections import SoilValues
from jules_ml.jules.run import run_jules
from jules_ml.jules.template import write_template
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.store import write_module_folder

LEARNED_AT = {
    "Sandy": {"sand": 0.8, "clay": 0.05, "soc_density": 15.0, "frac_tree": 0.0, "frac_bare": 0.2},
    "Clayey": {"sand": 0.2, "clay": 0.5, "soc_density": 30.0, "frac_tree": 0.5, "frac_bare": 0.1},
}
NAMES = ("soc_density", "precip_annual", "frac_tree", "sand", "clay")
PROPERTIES = EXPERIMENT[EXPERIMENT.index('form = "van') : EXPERIMENT.index("[surface]")]
TEXTURE = '[soil.texture]\npedotransfer = "cosby"\nsand = 0.5\nsilt = 0.3\nclay = 0.2\n\n'


@pytest.fixture
def soils(tmp_path: Path) -> Path:
    """Module folder of a network that says what texture regressions say at two sites."""
    network = LearnedHydraulics(NAMES, members=2, hidden=2)
    pretrain(network, list(LEARNED_AT.values()))
    card = {
        "module": "hydraulics",
        "inputs": {name: {} for name in NAMES},
        "settings": HydraulicSettings(members=2, hidden=2).model_dump(),
        "dzsoil": [0.1, 0.25, 0.65, 2.0],
        "sites": {name: {"start": "2001-01-01", "inputs": inputs} for name, inputs in LEARNED_AT.items()},
    }
    return write_module_folder(
        tmp_path / "soils", state=dict(network.state_dict()), card=card, scores={}, predictions=xr.Dataset()
    )


def experiment(folder: Path, *, name: str = "Somewhere", soil: str = TEXTURE, more: str = "") -> Experiment:
    write_weather(folder / "weather.dat")
    text = EXPERIMENT.replace('"Somewhere"', f'"{name}"').replace(PROPERTIES, soil)
    path = folder / "learned.toml"
    path.write_text(f'{text}\n[modules]\nhydraulics = "soils"\n{more}', encoding="utf-8")
    return load_experiment(path)


def properties(experiment: Experiment) -> SoilValues:
    assert experiment.soil is not None
    assert experiment.soil.properties is not None
    return experiment.soil.properties


def test_learned_soil_keeps_the_switches_and_the_water_table_of_the_experiment(soils: Path, tmp_path: Path) -> None:
    top = "[soil.topmodel]\nti_mean = 6.0\nti_sig = 2.0\nfexp = 1.0\n\n"
    learned, _ = with_learned_soil(
        experiment(tmp_path, soil=f"l_holdwater = true\nheat_solutions = 12\n{TEXTURE}{top}")
    )
    assert learned.soil is not None
    assert (learned.soil.l_holdwater, learned.soil.heat_solutions) == (True, 12)
    assert learned.soil.topmodel is not None
    run = run_column(learned.model_copy(update={"modules": learned.modules.model_copy(update={"hydraulics": None})}))
    assert np.isfinite(run.output["zw"]).all()


def test_column_has_the_soil_of_the_sites_inputs(soils: Path, tmp_path: Path) -> None:
    plain = experiment(tmp_path)
    run = run_column(plain)
    learned, notes = with_learned_soil(plain)
    for name in ("b", "satcon", "sm_sat", "theta_r"):
        np.testing.assert_allclose(run.output[name], getattr(properties(learned), name))
    assert run.output["b"][0] != run.output["b"][3]
    assert "soil of soils, predicted from the static inputs of Somewhere" in notes
    assert notes[-1].endswith("mean of the training sites: soc_density")
    assert set(notes) <= set(run.notes)


def test_a_training_site_has_its_fitted_soil(soils: Path, tmp_path: Path) -> None:
    light, notes = with_learned_soil(experiment(tmp_path, name="Sandy"))
    heavy, _ = with_learned_soil(experiment(tmp_path, name="Clayey"))
    assert notes == ["soil of soils, as fitted at Sandy"]
    assert properties(light).b[0] < properties(heavy).b[0]


def test_soil_is_the_same_whatever_part_of_the_record_is_run(soils: Path, tmp_path: Path) -> None:
    whole = experiment(tmp_path, more="[place]\nsoc_density = 20.0\n")
    assert whole.run is not None
    record = whole.record()
    days = pd.DatetimeIndex(record["time"].to_numpy())
    part = whole.model_copy(update={"run": whole.run.model_copy(update={"start": None, "end": days[len(days) // 2]})})
    (of_whole, notes), (of_part, _) = with_learned_soil(whole), with_learned_soil(part)
    assert properties(of_whole) == properties(of_part)
    assert any("less than a year" in note for note in notes)


def test_inputs_outside_the_training_range_are_noted(soils: Path, tmp_path: Path) -> None:
    _, notes = with_learned_soil(experiment(tmp_path, more="[place]\nsoc_density = 90.0\n"))
    assert any(note.startswith("outside the training range") and "soc_density" in note for note in notes)


def test_a_module_of_one_site_is_noted_at_another(soils: Path, tmp_path: Path) -> None:
    edit_card(soils, lambda card: card | {"sites": {"Sandy": card["sites"]["Sandy"]}})
    _, notes = with_learned_soil(experiment(tmp_path))
    assert "the module has one training site, Sandy, and predicts the soil of that site" in notes


def test_without_a_module_nothing_changes(tmp_path: Path) -> None:
    write_weather(tmp_path / "weather.dat")
    (tmp_path / "plain.toml").write_text(EXPERIMENT, encoding="utf-8")
    plain = load_experiment(tmp_path / "plain.toml")
    assert with_learned_soil(plain) == (plain, [])


def test_the_same_file_gives_jules_the_same_soil(soils: Path, tmp_path: Path) -> None:
    write_template(tmp_path / "point")
    executable = tmp_path / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    (tmp_path / "point" / "behaviour").write_text("well", encoding="ascii")
    sandy = experiment(tmp_path, name="Sandy", more='[jules]\nfolder = "point"\nexecutable = "jules.exe"\n')
    assert sandy.run is not None
    swapped = sandy.run.model_copy(update={"model": "jules", "via": ("ancillary",), "start": None, "end": None})
    done = run_jules(sandy.model_copy(update={"run": swapped}), tmp_path / "out")
    column = run_column(sandy)
    with xr.open_dataset(done.folder / "swapped" / "soil_properties.nc") as ds:
        assert ds.attrs["hydraulic_form"] == "van_genuchten"
        for name in ("b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt", "hcap", "hcon", "theta_r"):
            np.testing.assert_array_equal(ds[name].to_numpy().ravel(), column.output[name].to_numpy())
    assert "soil of soils, as fitted at Sandy" in done.notes
    assert done.notes[-1].startswith("soil properties from soils: b, ") or "soil properties from soils" in str(
        done.notes
    )


def test_a_closed_loop_names_its_hydraulics_itself(soils: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"set hydraulics under \[closed_loop\]"):
        experiment(tmp_path, more="[closed_loop]\n")
