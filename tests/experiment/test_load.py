"""The experiment file: its sections, and messages about mistakes in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from helpers.small_experiment import EXPERIMENT, write_experiment
from helpers.small_grid import write_grid

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment


def line_of(text: str, *, after: str = "") -> int:
    """Line of the first occurrence of ``text`` after ``after`` in the experiment."""
    start = EXPERIMENT.index(after)
    return EXPERIMENT[: EXPERIMENT.index(text, start)].count("\n") + 1


def refusal(folder: Path, *changes: tuple[str, str]) -> BadInput:
    with pytest.raises(BadInput) as caught:
        load_experiment(write_experiment(folder, *changes))
    return caught.value


def test_an_experiment_is_read(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    assert experiment.soil is not None
    assert experiment.soil.dzsoil == (0.1, 0.25, 0.65, 2.0)
    assert experiment.soil.properties is not None
    assert experiment.soil.properties.b == (6.63,)
    assert experiment.run is not None
    assert experiment.run.initial.t_soil == (285.0, 284.0, 283.0, 282.0)
    assert experiment.file == tmp_path / "small.toml"
    assert experiment.text == EXPERIMENT


def test_paths_are_relative_to_the_experiment_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_experiment(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = load_experiment(path).data
    assert data is not None
    assert data.paths == (tmp_path / "weather.dat",)


def test_site_takes_precedence_over_the_record(tmp_path: Path) -> None:
    record = load_experiment(write_experiment(tmp_path)).record()
    assert record.attrs["site"] == "Somewhere"
    assert record.attrs["elevation"] == 25.0


def test_sections_that_a_command_does_not_need_are_optional(tmp_path: Path) -> None:
    path = tmp_path / "data_only.toml"
    path.write_text('[data]\nreader = "cosmos_uk"\npath = "x.csv"\n', encoding="utf-8")
    experiment = load_experiment(path)
    assert experiment.run is None
    with pytest.raises(BadInput, match=r"section \[run\] is missing") as caught:
        experiment.required(experiment.run, "run")
    assert "add [run]" in caught.value.remedy


def test_a_time_with_an_offset_is_converted_to_utc(tmp_path: Path) -> None:
    change = ("mean_over = 48", "start = 2001-06-01T06:00:00+02:00\nmean_over = 48")
    experiment = load_experiment(write_experiment(tmp_path, change))
    assert experiment.run is not None
    assert experiment.run.start == datetime(2001, 6, 1, 4)


@pytest.mark.parametrize(
    ("old", "new", "key", "remedy"),
    [
        ("cs = 12.1", "c_s = 12.1", "carbon.c_s", "write 'cs'"),
        ("frac = 0.2", "fraction = 0.2", "surface.tiles[2].fraction", "write 'frac'"),
        ("[carbon]", "[carbn]", "carbn", "write 'carbon'"),
        ("period = 1800.0", "periods = 1800.0", "data.periods", "write 'period'"),
        ("mean_over = 48", "zzz = 1", "run.zzz", "use one of"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(tmp_path: Path, old: str, new: str, key: str, remedy: str) -> None:
    error = refusal(tmp_path, (old, new))
    assert "is unknown" in error.problem
    assert error.where == f"{tmp_path / 'small.toml'}, line {line_of(old)}, {key}"
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("old", "new", "place", "problem", "remedy"),
    [
        ("cs = 12.1", "", "carbon.cs", "key 'cs' is missing", "soil carbon [kg m-2]"),
        ("cs = 12.1", 'cs = "much"', "carbon.cs", "'much' is not valid", "soil carbon [kg m-2]"),
        ("cs = 12.1", "cs = -1.0", "carbon.cs", "greater than or equal to 0", "soil carbon"),
        ("b = 6.63", "b = [1.0, 2.0]", "soil", "b has 2 values for 4 layers", "give one value"),
        ("b = 6.63", "b = []", "soil.properties.b", "at least 1 item", "Clapp and Hornberger"),
        ("hcon = 0.226873", "hcon = 0.226873\ntheta_r = -0.1", "soil.properties.theta_r", "0 to 0.6", "theta_r"),
        ("[0.1, 0.25, 0.65, 2.0]", "[3.0]", "soil.dzsoil", "at least 2 items", "two or more"),
        ("mean_over = 48", "timestep = 1e-10", "run.timestep", "greater than or equal to 1", "time step"),
        ("cycles = 0", "years = 100000", "run.spin_up.years", "less than or equal to 1000", "years from the start"),
        (
            "[run]",
            '[jules]\nfolder = "."\nlauncher = "srun"\n[run]',
            "jules.launcher",
            "should be a list",
            "give launcher",
        ),
        ("[run]", "[physics]\ncan_model = 7\n[run]", "physics.can_model", "7 is not possible", "as 1, 2, 3 or 4"),
        (
            "[run]",
            "[physics]\nl_vegdrag_pft = true\n[run]",
            "physics.l_vegdrag_pft",
            "the column does not have 'l_vegdrag_pft'",
            "remove it; the keys of [physics] are listed in docs/reference/experiment_file.md",
        ),
        ("[run]", "[physics]\nnsnax = 3\n[run]", "physics.nsnax", "not have 'nsnax'", "write 'nsmax'"),
        *(
            (
                "[run]",
                f"[physics]\n{name} = 1\n[run]",
                f"physics.{name}",
                f"{name} is set by [soil]",
                f"remove it, and {remedy}",
            )
            for name, remedy in (
                ("l_top", "add [soil.topmodel]"),
                ("l_vg_soil", "set form in [soil]"),
                ("l_soil_sat_down", "set l_soil_sat_down in [soil]"),
                ("soilhc_method", "set soilhc_method in [soil]"),
            )
        ),
        (
            "[run]",
            '[jules]\nfolder = "."\nset = {l_top = true}\n[run]',
            "jules.set",
            "l_top needs its group",
            "write set = {GROUP = {l_top = ...}}",
        ),
        ("b = 6.63", 'b = "six"', "soil.properties.b", "a number or a list", "Clapp and Hornberger"),
        ("sm_sat = 0.45815", "sm_sat = 45.8", "soil.properties.sm_sat", "m3 m-3", "soil.properties"),
        (
            "hcon = 0.226873",
            "hcon = 0.226873\ntheta_r = 0.5",
            "soil.properties",
            "theta_r must not exceed sm_sat",
            "soil",
        ),
        ("sm_crit = ", "sm_crit = 0.9 #", "soil.properties", "sm_crit must not exceed sm_sat", "soil"),
        ("satcon = ", "satcon = 1.0e30 #", "soil.properties.satcon", "outside 0 to 5 kg m-2 s-1", "satcon"),
        ("satcon = ", "satcon = 1.0e-33 #", "soil.properties.satcon", "below 1e-12 kg m-2 s-1", "satcon"),
        (
            "satcon = ",
            "satcon = true #",
            "soil.properties.satcon",
            "true is not valid: a number",
            "hydraulic conductivity",
        ),
        ("cs = 12.1", "cs = true", "carbon.cs", "a number is needed, not true or false", "soil carbon"),
        ("cs = 12.1", "cs = nan", "carbon.cs", "finite number", "soil carbon"),
        ("cs = 12.1", "cs = inf", "carbon.cs", "finite number", "soil carbon"),
        ("[0.1, 0.25, 0.65, 2.0]", "[10, 25, 65, 200]", "soil.dzsoil", "outside 0.001 to 20 m", "dzsoil"),
        ("[0.1, 0.25, 0.65, 2.0]", "[5.0, 10.0, 15.0, 18.0]", "soil.dzsoil", "not in cm", "dzsoil"),
        ('form = "van_genuchten"', "", "soil", "form is needed", "soil"),
        ('"jules_driving"', '"jules_drivng"', "data.reader", "is unknown", "write 'jules_driving'"),
        ('reader = "jules_driving"', "", "data", "key 'reader' is missing", "'fluxnet'"),
        ("frac = 0.2", "frac = 0.3", "surface", "add up to 1.1", "give fractions whose sum is 1"),
        ("sthuf = 0.75", "sthuf = 75.0", "run.initial", "fraction of saturation", "run.initial"),
        ("t_soil = [285.0,", "t_soil = [12.0,", "run.initial", "it is in K", "run.initial"),
        (
            "282.0]",
            "282.0, 281.0]",
            "",
            "run.initial.t_soil has 5 values for 4 layers",
            "give one value, or one for each layer",
        ),
        ("latitude = 52.0", "latitude = 520.0", "site.latitude", "less than or equal to 90", "north positive"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_remedy(
    tmp_path: Path, old: str, new: str, place: str, problem: str, remedy: str
) -> None:
    error = refusal(tmp_path, (old, new))
    assert problem in error.problem
    assert str(error.where).startswith(str(tmp_path / "small.toml"))
    assert str(error.where).endswith(place)
    assert remedy in error.remedy


def test_several_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, ("cs = 12.1", 'cs = "much"'), ("latitude = 52.0", "latitude = 520.0"))
    assert "also wrong: carbon.cs" in error.problem


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, ("cs = 12.1", "cs = 12.1 kg"))
    assert f"line {line_of('cs = 12.1')}, column" in str(error.where)
    assert "not TOML" in error.problem


def test_a_soil_has_properties_or_texture_and_not_both(tmp_path: Path) -> None:
    texture = '[soil.texture]\npedotransfer = "cosby"\nsand = 0.5\nsilt = 0.3\nclay = 0.2\n\n[surface]'
    assert "either [soil.properties] or [soil.texture]" in refusal(tmp_path, ("[surface]", texture)).problem


def test_hypres_names_the_missing_properties(tmp_path: Path) -> None:
    start, end = EXPERIMENT.index("form ="), EXPERIMENT.index("[surface]")
    texture = '[soil.texture]\npedotransfer = "hypres"\nsand = 0.5\nsilt = 0.3\nclay = 0.2\n\n'
    error = refusal(tmp_path, (EXPERIMENT[start:end], texture))
    assert "needs bulk_density and organic_carbon" in error.problem


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_experiment(tmp_path / "nowhere.toml")


def test_every_key_is_described() -> None:
    bare = [name for name, field in Experiment.model_fields.items() if not field.description]
    assert bare == []


def test_convective_rain_needs_uniform_rain(tmp_path: Path) -> None:
    drive = """\
file = "%vv.nc"
data_start = 2001-06-01T00:00:00
data_end = 2001-06-05T00:00:00
data_period = 3600.0
var = ["sw_down", "lw_down", "ls_rain", "con_rain", "tot_snow", "t", "q", "pstar", "wind"]
"""
    path = write_grid(tmp_path, drive)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n[physics]\nl_point_data = true\n", encoding="utf-8")
    assert load_experiment(path).grid is not None
    path.write_text(f"{text}\n[physics]\nl_point_data = false\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"grid\.drive\.var has con_rain"):
        load_experiment(path)
