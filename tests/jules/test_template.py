"""Point runs of JULES to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.check import preflight
from jules_ml.jules.run_folder import read_run_folder, stage
from jules_ml.jules.template import synthetic_weather, write_site, write_template
from jules_ml.jules.versions import VERSIONS
from jules_ml.support.sources import POINT_RUN

TOWER = """
[site]
latitude = 46.2339
longitude = -89.5373
elevation = 520.0

[data]
reader = "neon_driving"
path = "{data}/jules/neon_hourly_driving.nc"
tower = "UNDE"
utc_offset_hours = -6.0

[soil]
form = "van_genuchten"

[soil.properties]
b = {b}
sathh = 0.25
satcon = 0.006
sm_sat = 0.38
sm_crit = 0.18
sm_wilt = 0.04
hcap = 1.2e6
hcon = 0.25

[[surface.tiles]]
type = "broadleaf_tree"
frac = 0.4
lai = 4.5

[[surface.tiles]]
type = "bare_soil"
frac = 0.6

[carbon]
cs = 9.4

[run]
start = 2019-01-01T06:00:00
end = 2019-01-09T06:00:00
{more}
"""


def tower(folder: Path, data: Path, *, b: str = "1.95", more: str = "") -> Path:
    path = folder / "unde.toml"
    path.write_text(TOWER.format(data=data, b=b, more=more), encoding="utf-8")
    return path


def test_shipped_template_is_complete_and_survives_a_round_trip(tmp_path: Path) -> None:
    written = write_template(tmp_path / "point")
    run = read_run_folder(tmp_path / "point")  # this checks it
    shipped = POINT_RUN
    for file in run.namelists.files:
        assert run.namelists.text(file) == (shipped / file).read_text(encoding="utf-8")
    assert run.dzsoil == (0.1, 0.25, 0.65, 2.0)
    drive = run.namelists.get("jules_drive")
    weather = np.loadtxt(tmp_path / "point" / drive["file"])
    hours = (run.end - run.start).total_seconds() / drive["data_period"]
    assert weather.shape == (hours, drive["nvars"])
    assert {path.name for path in written} >= {"weather.dat", "tile_fractions.dat", "initial_conditions.dat"}


def test_every_entry_of_the_template_survives_a_round_trip() -> None:
    folder = NamelistFolder.read(POINT_RUN)
    before = list(folder.groups())
    for file, name, values in before:
        folder.set(name, values, file=file)
    assert list(folder.groups()) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_namelists_have_only_entries_of_their_version(tmp_path: Path, version: str) -> None:
    write_template(tmp_path / "point", version=version)
    run = read_run_folder(tmp_path / "point")
    (tmp_path / "run.toml").write_text(
        f'[jules]\nfolder = "point"\nversion = "{version}"\n[run]\nmodel = "jules"\n', encoding="utf-8"
    )
    with stage(run, tmp_path / "out") as staged:
        assert preflight(load_experiment(tmp_path / "run.toml"), staged.namelists.copy(), staged) == []
    assert run.namelists.get("jules_hydrology")["l_hydrology"] is True
    since_7_2 = VERSIONS.index(version) >= VERSIONS.index("7.2")
    assert ("l_coord_latlon" in run.namelists.get("jules_latlon")) is since_7_2


def test_unknown_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        write_template(tmp_path / "point", version="8.9")
    assert "8.2" in caught.value.remedy
    assert not (tmp_path / "point").exists()


def test_synthetic_weather_is_physical() -> None:
    ds = synthetic_weather(latitude=52.0, year=2001)
    assert ds.sizes["time"] == 8760
    assert 250.0 < float(ds["t_air"].min()) < float(ds["t_air"].max()) < 310.0
    assert 0.0 == float(ds["sw_down"].min()) < float(ds["sw_down"].max()) < 1100.0
    assert 400.0 < float(ds["tot_rain"].sum() + ds["tot_snow"].sum()) * 3600.0 < 1500.0
    assert 0.0 < float(ds["q"].min()) < float(ds["q"].max()) < 0.02
    xr.testing.assert_identical(ds, synthetic_weather(latitude=52.0, year=2001))


def test_run_of_a_tower_has_the_weather_and_soil_of_its_experiment(tmp_path: Path, shared_data: Path) -> None:
    write_site(load_experiment(tower(tmp_path, shared_data)), tmp_path / "unde")
    run = read_run_folder(tmp_path / "unde")
    # whole days, UTC
    assert (str(run.start), str(run.end)) == ("2019-01-02 00:00:00", "2019-01-09 00:00:00")
    weather = np.loadtxt(tmp_path / "unde" / "weather.dat")
    assert weather.shape == (7 * 48, 8)
    with xr.open_dataset(shared_data / "jules" / "neon_hourly_driving.nc") as ds:
        # 19:00 local standard time is 01:00 UTC, the end of the first hour
        expected = float(ds["t"].sel(site="UNDE", time="2019-01-01T19:00"))
    np.testing.assert_allclose(weather[:2, 4], expected, rtol=1e-6)
    assert run.namelists.get("jules_soil_props")["const_val"][0] == 1.95
    assert run.namelists.get("jules_latlon")["const_val"] == [46.2339, -89.5373]
    assert run.namelists.get("jules_pftparm")["lai_io"] == [4.5, 4.0, 2.0, 4.0, 1.0]
    fractions = np.loadtxt(tmp_path / "unde" / "tile_fractions.dat")
    np.testing.assert_allclose(fractions, [0.4, 0, 0, 0, 0, 0, 0, 0.6, 0])


def test_different_layers_are_written_to_a_file(tmp_path: Path, shared_data: Path) -> None:
    write_site(load_experiment(tower(tmp_path, shared_data, b="[1.8, 1.9, 2.0, 2.1]")), tmp_path / "unde")
    group = read_run_folder(tmp_path / "unde").namelists.get("jules_soil_props")
    assert group["use_file"] == [True] * 8 + [False]
    with xr.open_dataset(tmp_path / "unde" / group["file"]) as ds:
        np.testing.assert_array_equal(ds["b"].to_numpy().ravel(), [1.8, 1.9, 2.0, 2.1])


def test_no_spin_up_by_default(tmp_path: Path, shared_data: Path) -> None:
    path = tower(tmp_path, shared_data, more="[run.spin_up]\ncycles = 0\n")
    write_site(load_experiment(path), tmp_path / "unde")
    assert read_run_folder(tmp_path / "unde").namelists.get("jules_spinup")["max_spinup_cycles"] == 0


def test_position_is_needed(tmp_path: Path, shared_data: Path) -> None:
    path = tower(tmp_path, shared_data)
    path.write_text(path.read_text(encoding="utf-8").replace("latitude = 46.2339\n", ""), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        write_site(load_experiment(path), tmp_path / "unde")
    assert "site.latitude" in str(caught.value.where)


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years", encoding="ascii")
    with pytest.raises(BadInput, match="already"):
        write_template(tmp_path)
