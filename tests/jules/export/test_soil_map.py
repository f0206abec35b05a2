"""Learned soil properties for maps: equal to those of sites, on the points and in the form of an ancillary, with members and flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from _static_maps import RANGES, Kind, synthetic_map, write_map, write_soils_module
from _station_map import land_vector, station_places, write_station_module
from helpers.conventions import check_conventions
from helpers.progress import Reports
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.place import SOIL
from jules_ml.jules.export.ancillary import export_ancillaries
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.export.soil_map import RANGE_MAP, SPREAD_MAP, export_soil_map
from jules_ml.jules.input_files import FILL
from jules_ml.learned.hydraulics.network import input_table
from jules_ml.learned.hydraulics.soil import learned_soil, organic_fraction
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.uses import MapRequest
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.files import safe_file_names

NAMES = (*LAYERED, *RESIDUAL)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_soils_module(tmp_path_factory.mktemp("modules") / "soils")


def soil_of(module: Path, inputs: dict[str, float], member: int | None = None) -> dict[str, NDArray[np.float64]]:
    """Soil of one place, without the function for maps."""
    network, _ = load_hydraulics(module)
    with torch.no_grad():
        raws = network(torch.tensor(input_table([inputs], network.inputs)))
    raw = (raws.mean(0) if member is None else raws[member])[:, [0, 0, 1, 1], 0]
    density = inputs.get("soc_density", np.nan)
    density = density if np.isfinite(density) else 20.0
    organic = organic_fraction(torch.tensor([1.0, 1.0, 0.25, 0.25], dtype=torch.float64) * density)
    soil = learned_soil(raw, organic)
    return {name: (soil.theta_r if name == "theta_r" else getattr(soil.properties, name)).numpy() for name in NAMES}


def values_of(path: Path) -> xr.Dataset:
    with xr.open_dataset(path) as ds:
        return ds.load()


@pytest.mark.parametrize("kind", ["regular", "projected", "land"])
def test_a_map_has_the_soil_of_each_point(kind: Kind, module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(9, 11, kind=kind)
    grid = write_map(ds, tmp_path / "static.nc")
    reports = Reports()
    done = export_soil_map(module, tmp_path, MapRequest((grid,), members=True), progress=reports)
    reports.check("map", "figures")
    for path in tmp_path.glob("*.nc"):
        if path != grid:
            check_conventions(path)
    soil = values_of(tmp_path / SOIL_MAP)
    dims = ("soil", "land") if kind == "land" else ("soil", "y", "x")
    assert soil["sm_sat"].dims == dims
    assert soil["sm_sat"].encoding["_FillValue"] == FILL
    assert soil["satcon"].attrs["units"] == "kg m-2 s-1"
    assert soil.attrs["hydraulic_form"] == "van_genuchten"
    sand = ds["sand"].to_numpy().ravel()
    flat = {name: soil[name].to_numpy().reshape(4, -1) for name in NAMES}
    np.testing.assert_array_equal(np.isfinite(flat["b"][0]), np.isfinite(sand))
    assert np.isnan(sand).any() == (kind != "land")
    land = np.flatnonzero(np.isfinite(sand))
    for point in land[[0, 7, -1]]:
        inputs = {name: float(ds[name].to_numpy().ravel()[point]) for name in RANGES}
        for name, expected in soil_of(module, inputs).items():
            np.testing.assert_allclose(flat[name][:, point], expected, rtol=1e-12)
        member = values_of(tmp_path / "soil_properties_member_2.nc")["satcon"].to_numpy().reshape(4, -1)[:, point]
        np.testing.assert_allclose(member, soil_of(module, inputs, 1)["satcon"], rtol=1e-12)
        each = [soil_of(module, inputs, k)["sathh"] for k in range(3)]
        spread = values_of(tmp_path / SPREAD_MAP)["sathh"].to_numpy().reshape(4, -1)[:, point]
        np.testing.assert_allclose(spread, np.std(each, axis=0), rtol=1e-5)
    latitude = soil["latitude"].to_numpy().ravel()
    expected = ds["lat"].to_numpy().repeat(11) if kind == "regular" else ds["latitude"].to_numpy().ravel()
    np.testing.assert_array_equal(latitude, expected)
    pictures = [path for path in done.files if path.suffix == ".png"]
    assert {path.stem for path in pictures} == set(NAMES)
    assert all(path.stat().st_size > 10_000 for path in pictures)
    assert all(path.is_file() for path in done.files)


def test_points_of_real_stations_equal_the_export_of_sites(shared_data: Path, tmp_path: Path) -> None:
    places = station_places(shared_data)
    assert len(places) > 110
    module = write_station_module(tmp_path / "module", places)
    export_ancillaries(module, tmp_path / "sites")
    land_vector(places).to_netcdf(tmp_path / "static.nc")
    (tmp_path / "map").mkdir()
    done = export_soil_map(module, tmp_path / "map", MapRequest((tmp_path / "static.nc",)))
    assert not any("training range" in note for note in done.notes)
    exported = values_of(tmp_path / "map" / SOIL_MAP)
    files = safe_file_names(list(places.index))
    for point, name in enumerate(places.index):
        site = values_of(tmp_path / "sites" / f"{files[name]}.nc")
        for each in NAMES:
            np.testing.assert_allclose(
                exported[each].to_numpy()[:, point], site[each].to_numpy()[:, 0, 0], rtol=3e-5, atol=1e-7, err_msg=name
            )


def test_inputs_that_leave_the_training_range_are_flagged_and_counted(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(4, 5, sea=0.0).drop_vars("frac_tree")
    ds["sand"][:] = 0.4
    ds["sand"][0, 0], ds["sand"][0, 1], ds["clay"][1, 2] = 0.9, 0.001, np.nan
    ds["bulk_density"][:] = 1200.0
    grid = write_map(ds, tmp_path / "static.nc")
    notes = export_soil_map(module, tmp_path, MapRequest((grid,))).notes
    flags = values_of(tmp_path / RANGE_MAP)
    assert flags["sand"].to_numpy()[0, :2].tolist() == [2, 1]
    assert flags["clay"].to_numpy()[1, 2] == 3
    assert (flags["frac_tree"] == 3).all()
    assert (flags["bulk_density"] == 0).all()
    assert flags["n_outside"].to_numpy()[0, 0] >= 1
    assert flags["sand"].attrs["flag_meanings"] == "inside below above missing"
    soil = values_of(tmp_path / SOIL_MAP)
    inputs = {name: float(ds[name][1, 2]) for name in RANGES if name in ds}
    np.testing.assert_allclose(soil["b"].to_numpy()[:, 1, 2], soil_of(module, inputs)["b"], rtol=1e-12)
    text = "\n".join(notes)
    assert "lacks, replaced by the mean of the training sites: frac_tree [1]" in text
    assert "missing at some points, replaced there by the mean of the training sites: clay 5 %" in text
    assert "sand 10 %" in text


def ancillary(ds: xr.Dataset, path: Path, *, names: dict[str, str], land: bool = False) -> Path:
    """Write an ancillary of constant soil properties on the points of a map, with the names of CHESS-land."""
    dims = ("land",) if land else ("y", "x")
    sea = np.isnan(ds["sand"].to_numpy())
    start = {
        "b": 5.0,
        "sathh": 0.1,
        "satcon": 0.005,
        "sm_sat": 0.45,
        "sm_crit": 0.3,
        "sm_wilt": 0.1,
        "hcap": 1e6,
        "hcon": 0.2,
    }
    data = {
        names.get(name, name): (
            ("z", *dims),
            np.where(sea, -1e20, np.full((4, *sea.shape), value)).astype(np.float32),
            {"note": "kept"},
        )
        for name, value in start.items()
    }
    out = xr.Dataset({**data, "albsoil": (dims, np.where(sea, -1e20, 0.17).astype(np.float32))}, attrs={"title": "old"})
    for name in ("latitude", "longitude"):
        out[name] = (dims, ds[name].to_numpy())
    out.to_netcdf(path, format="NETCDF3_CLASSIC", encoding={n: {"_FillValue": -1e20} for n in [*data, "albsoil"]})
    return path


CHESS = {"b": "oneovernminusone", "sathh": "oneoveralpha", "sm_sat": "vsat", "sm_crit": "vcrit", "sm_wilt": "vwilt"}


def test_an_ancillary_gives_points_names_and_other_variables(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(6, 5, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    like = ancillary(ds, tmp_path / "like.nc", names=CHESS)
    with xr.open_dataset(like) as opened:
        before = opened.load()
    # JULES marks ice by sm_sat of 0
    ice = tuple(int(i) for i in np.argwhere(np.isfinite(ds["sand"].to_numpy()))[3])
    before["vsat"][(slice(None), *ice)] = 0.0
    before.to_netcdf(tmp_path / "ice.nc", encoding={"vsat": {"_FillValue": -1e20}})
    done = export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / "ice.nc", members=True))
    plain = tmp_path / "plain"
    plain.mkdir()
    export_soil_map(module, plain, MapRequest((grid,)))
    expected = values_of(plain / SOIL_MAP)
    for file in (SOIL_MAP, "soil_properties_member_1.nc"):
        soil = values_of(tmp_path / file)
        assert set(soil.data_vars) == set(before.data_vars) | {"theta_r"}
        assert soil["vsat"].dims == ("z", "y", "x")
        assert soil["vsat"].dtype == np.float32
        assert soil["vsat"].attrs == {"note": "kept"}
        np.testing.assert_array_equal(soil["albsoil"], before["albsoil"])
        np.testing.assert_array_equal(np.isnan(soil["vsat"]), np.isnan(before["vsat"]))
        np.testing.assert_array_equal(soil["vsat"].to_numpy()[:, ice[0], ice[1]], 0.0)
        np.testing.assert_array_equal(soil["hcap"].to_numpy()[:, ice[0], ice[1]], np.float32(1e6))
    soil = values_of(tmp_path / SOIL_MAP)
    used = np.isfinite(ds["sand"].to_numpy())
    used[ice] = False
    for name in LAYERED:
        np.testing.assert_allclose(
            soil[CHESS.get(name, name)].to_numpy()[:, used],
            expected[name].to_numpy()[:, used].astype(np.float32),
            rtol=1e-6,
        )
    assert any("the others keep the values of ice.nc" in note for note in done.notes)


def test_land_points_of_an_ancillary_are_matched_to_a_grid(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(6, 5, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    flat = ds.stack(land=("y", "x")).reset_index("land")
    land = flat.isel(land=np.random.default_rng(0).permutation(np.flatnonzero(np.isfinite(flat["sand"]))))
    like = ancillary(land, tmp_path / "like.nc", names={}, land=True)
    export_soil_map(module, tmp_path, MapRequest((grid,), like=like))
    soil = values_of(tmp_path / SOIL_MAP)
    assert soil["b"].dims == ("z", "land")
    for point in (0, 5, -1):
        inputs = {name: float(land[name][point]) for name in RANGES}
        np.testing.assert_allclose(soil["b"].to_numpy()[:, point], soil_of(module, inputs)["b"], rtol=1e-6)
    with xr.open_dataset(like) as opened:
        moved = opened.load()
    moved["latitude"] = moved["latitude"] + 20.0
    moved.to_netcdf(tmp_path / "moved.nc")
    with pytest.raises(BadInput, match="none of its points is on the static map") as caught:
        export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / "moved.nc"))
    assert "moved.nc" in str(caught.value)


def test_a_map_without_any_input_is_refused(module: Path, tmp_path: Path) -> None:
    grid = write_map(synthetic_map(3, 3)[["sand"]].rename(sand="vpd_mean") * 1000.0, tmp_path / "static.nc")
    with xr.open_dataset(grid) as opened:
        ds = opened.load()
    ds["vpd_mean"].attrs["units"] = "Pa"
    ds.to_netcdf(tmp_path / "vpd.nc")
    with pytest.raises(BadInput, match="none of the inputs of the module is in the static map") as caught:
        export_soil_map(module, tmp_path, MapRequest((tmp_path / "vpd.nc",)))
    assert "bulk_density [kg m-3]" in str(caught.value)
    assert "vpd.nc" in str(caught.value)


def test_a_map_without_any_soil_input_is_refused(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 3)
    soil = [name for name in ds.data_vars if name in SOIL]
    assert "t_air_mean" in ds
    grid = write_map(ds.drop_vars(soil), tmp_path / "climate.nc")
    with pytest.raises(BadInput, match=r"no soil input of the module is in the static map: .*bulk_density") as caught:
        export_soil_map(module, tmp_path, MapRequest((grid,)))
    assert "climate.nc" in str(caught.value)
    assert "--grid" in caught.value.remedy
    assert not (tmp_path / SOIL_MAP).exists()


def test_layers_can_be_chosen_and_must_be_those_of_an_ancillary(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    layers = (0.05, 0.1, 0.3, 1.0, 2.0)
    export_soil_map(module, tmp_path, MapRequest((grid,), dzsoil=layers))
    soil = values_of(tmp_path / SOIL_MAP)
    assert soil.sizes["soil"] == 5
    np.testing.assert_array_equal(soil["b"].to_numpy()[0], soil["b"].to_numpy()[1])
    assert not np.allclose(soil["b"].to_numpy()[1], soil["b"].to_numpy()[2], equal_nan=True)
    like = ancillary(ds, tmp_path / "like.nc", names={})
    with pytest.raises(BadInput, match="4 soil layers, and the export 5"):
        export_soil_map(module, tmp_path, MapRequest((grid,), dzsoil=layers, like=like))
    with xr.open_dataset(like) as opened:
        opened.load().isel(z=0).to_netcdf(tmp_path / "flat.nc")
    with pytest.raises(BadInput, match="no soil layers"):
        export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / "flat.nc"))
    with pytest.raises(BadInput, match="no soil properties"):
        export_soil_map(module, tmp_path, MapRequest((grid,), like=grid))


def test_an_ancillary_of_another_hydraulic_form_is_refused(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    like = ancillary(ds, tmp_path / "like.nc", names={})
    done = export_soil_map(module, tmp_path, MapRequest((grid,), like=like))
    assert any("states no hydraulic_form" in note and "van Genuchten's" in note for note in done.notes)
    for form in ("van_genuchten", "clapp_hornberger"):
        values_of(like).assign_attrs(hydraulic_form=form).to_netcdf(tmp_path / f"{form}.nc")
    done = export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / "van_genuchten.nc"))
    assert not any("hydraulic_form" in note for note in done.notes)
    with pytest.raises(BadInput, match="clapp_hornberger") as caught:
        export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / "clapp_hornberger.nc"))
    assert "clapp_hornberger.nc" in str(caught.value)


def test_all_soil_properties_of_an_ancillary_must_have_its_layers(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    like = values_of(ancillary(ds, tmp_path / "like.nc", names={}))
    for name, changed in (
        ("flat", like.assign(hcap=like["hcap"].isel(z=0))),
        ("fewer", like.assign(hcap=like["hcap"].isel(z=slice(3)).rename(z="z3"))),
        ("single", like.assign(hcap=like["hcap"].isel(z=0, y=0, x=0))),
    ):
        changed.to_netcdf(tmp_path / f"{name}.nc")
        with pytest.raises(BadInput, match=r"variable hcap: .*layers"):
            export_soil_map(module, tmp_path, MapRequest((grid,), like=tmp_path / f"{name}.nc"))


def test_a_template_in_another_order_and_with_other_longitudes_is_matched(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(5, 4, kind="projected")
    grid = write_map(ds, tmp_path / "static.nc")
    turned = ds.isel(y=slice(None, None, -1), x=slice(None, None, -1))
    turned["longitude"] = turned["longitude"] % 360.0
    assert (turned["longitude"] > 180.0).any()
    like = ancillary(turned, tmp_path / "like.nc", names={})
    export_soil_map(module, tmp_path, MapRequest((grid,), like=like))
    soil = values_of(tmp_path / SOIL_MAP)
    plain = tmp_path / "plain"
    plain.mkdir()
    export_soil_map(module, plain, MapRequest((grid,)))
    expected = values_of(plain / SOIL_MAP)["b"].to_numpy()[:, ::-1, ::-1]
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(soil["b"], expected, rtol=1e-6)


def test_a_map_without_any_predicted_point_is_refused(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4)
    ds["land"] = xr.zeros_like(ds["sand"])
    ds["land"].attrs = {}
    with pytest.raises(BadInput, match="no point of the map has a prediction") as caught:
        export_soil_map(module, tmp_path, MapRequest((write_map(ds, tmp_path / "static.nc"),)))
    assert "static.nc" in str(caught.value)
    assert "land" in caught.value.remedy
