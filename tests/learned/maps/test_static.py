"""Static maps: points, names and units of common sources, derived properties, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from _static_maps import Kind, synthetic_map, write_map

from jules_ml.errors import BadInput
from jules_ml.learned.maps.grid import match_points, same_points
from jules_ml.learned.maps.static import open_static_map

LAT = {"units": "degrees_north"}
LON = {"units": "degrees_east"}


def write(folder: Path, variables: dict[str, Any], name: str = "static.nc") -> Path:
    """Write a map of two by three points; a variable is its values, units and further attributes."""
    coords = {"lat": ("lat", [50.0, 51.0], LAT), "lon": ("lon", [0.0, 1.0, 2.0], LON)}
    data = {}
    for key, (value, units, *attrs) in variables.items():
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), (2, 3))
        of_units = {} if units is None else {"units": units}
        data[key] = (("lat", "lon"), values, {**of_units, **(attrs[0] if attrs else {})})
    path = folder / name
    xr.Dataset(data, coords=coords).to_netcdf(path)
    return path


def read(*paths: Path, **options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    with open_static_map(paths, **options) as static:
        return static.read(slice(0, static.grid.size)), static.notes


@pytest.mark.parametrize("kind", ["regular", "projected", "land"])
def test_all_points_are_read_in_parts(kind: Kind, tmp_path: Path) -> None:
    ds = synthetic_map(7, 5, kind=kind)
    path = write_map(ds, tmp_path / "static.nc")
    with open_static_map([path]) as static:
        parts = static.grid.parts(8)
        assert len(parts) > 2
        for name in ("sand", "t_air_mean"):
            values = np.concatenate([static.read(slice(*part))[name] for part in parts])
            np.testing.assert_array_equal(values, ds[name].to_numpy().ravel())
        some = np.array([3, 9, -1, 4])
        picked = static.read(some)["sand"]
        np.testing.assert_array_equal(picked[[0, 1, 3]], ds["sand"].to_numpy().ravel()[[3, 9, 4]])
        assert np.isnan(picked[2])
        latitude, longitude = static.grid.coordinates(0, static.grid.size)
        known = np.flatnonzero(match_points(latitude, longitude + 360.0, static.grid) == np.arange(static.grid.size))
        assert len(known) == static.grid.size
        assert same_points(static.grid, static.grid)


def test_dimensions_may_have_any_order_and_a_single_time(tmp_path: Path) -> None:
    ds = synthetic_map(4, 3)
    path = write_map(ds.transpose("lon", "lat").expand_dims(time=1), tmp_path / "static.nc")
    with open_static_map([path]) as static:
        np.testing.assert_array_equal(static.read(slice(3, 12))["clay"], ds["clay"].to_numpy().ravel()[3:])


@pytest.mark.parametrize(
    ("variable", "value", "units", "name", "expected"),
    [
        ("sand", 40.0, "%", "sand", 0.4),
        ("clay_0-30cm_mean", 250.0, None, "clay", 0.25),
        ("bdod_0-30cm_mean", 130.0, None, "bulk_density", 1300.0),
        ("soc_0-30cm_mean", 200.0, None, "organic_carbon", 0.02),
        ("ocd_0-30cm_mean", 300.0, None, "soc_density", 30.0),
        ("ocs_0-30cm_mean", 90.0, None, "soc_stock", 9.0),
        ("T_SAND", 40.0, None, "sand", 0.4),
        ("T_CLAY", 20.0, "% wt", "clay", 0.2),
        ("T_OC", 1.5, "% weight", "organic_carbon", 0.015),
        ("T_REF_BULK_DENSITY", 1.3, None, "bulk_density", 1300.0),
        ("BULK", 1.3, "g/cm3", "bulk_density", 1300.0),
        ("bio_1", 10.0, None, "t_air_mean", 283.15),
        ("wc2.1_30s_bio_2", 8.0, None, "t_air_diurnal_range", 8.0),
        ("bio_4", 550.0, None, "t_air_seasonality", 5.5),
        ("wc2.1_10m_bio_12", 800.0, None, "precip_annual", 800.0),
        ("wc2.1_10m_bio_12", 800.0, "mm", "precip_annual", 800.0),
        ("precip_annual", 800.0, "kg m-2", "precip_annual", 800.0),
        ("precip_annual", 2.0, "mm d-1", "precip_annual", 730.5),
        ("t_air_diurnal_range", 8.0, "degC", "t_air_diurnal_range", 8.0),
        ("soc_density", 30.0, "kg C m-3", "soc_density", 30.0),
        ("elev", 120.0, "m", "elevation", 120.0),
    ],
)
def test_names_and_units_of_common_sources(
    variable: str, value: float, units: str | None, name: str, expected: float, tmp_path: Path
) -> None:
    values, _ = read(write(tmp_path, {variable: (value, units)}))
    np.testing.assert_allclose(values[name], expected, rtol=1e-12)


def test_stash_codes_and_standard_names(tmp_path: Path) -> None:
    variables = {
        "field_a": (0.2, "1", {"um_stash_source": "m01s00i418"}),
        "field_b": (0.3, "1", {"standard_name": "volume_fraction_of_silt_in_soil"}),
        "field_c": (0.4, "1", {"um_stash_source": "m01s00i043"}),
    }
    path = write(tmp_path, variables)
    values, _ = read(path)
    np.testing.assert_allclose(values["clay"], 0.2)
    np.testing.assert_allclose(values["silt"], 0.3)
    np.testing.assert_allclose(values["sand"], 0.5)


def test_depth_intervals_are_averaged_over_the_topsoil(tmp_path: Path) -> None:
    of = {"sand_0-5cm_mean": 100.0, "sand_5-15cm_mean": 200.0, "sand_15-30cm_mean": 400.0, "sand_30-60cm_mean": 900.0}
    path = write(tmp_path, {name: (value, None) for name, value in of.items()})
    values, notes = read(path)
    np.testing.assert_allclose(values["sand"], (5 * 0.1 + 10 * 0.2 + 15 * 0.4) / 30)
    assert not notes
    values, notes = read(path, leave_out=["sand_15-30cm_mean"])
    assert any("15 cm only" in note for note in notes)


@pytest.mark.parametrize("other", ["sand_0-5cm_Q0.5", "sand_0-15cm_mean"])
def test_depth_intervals_that_overlap_are_refused(other: str, tmp_path: Path) -> None:
    of = {"sand_0-5cm_mean": 100.0, "sand_5-15cm_mean": 200.0, "sand_15-30cm_mean": 400.0, other: 150.0}
    path = write(tmp_path, {name: (value, None) for name, value in of.items()})
    with pytest.raises(BadInput, match="overlap") as caught:
        read(path)
    assert "--leave-out" in caught.value.remedy
    assert other in str(caught.value)
    values, _ = read(path, leave_out=[other])
    np.testing.assert_allclose(values["sand"], (5 * 0.1 + 10 * 0.2 + 15 * 0.4) / 30)


def test_the_better_bulk_density_of_two_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, {"T_BULK_DENSITY": (1.1, None), "T_REF_BULK_DENSITY": (1.4, None), "T_OC": (2.0, None)})
    values, notes = read(path)
    np.testing.assert_allclose(values["bulk_density"], 1100.0)
    np.testing.assert_allclose(values["soc_density"], 22.0)
    assert any("T_REF_BULK_DENSITY" in note for note in notes)


@pytest.mark.parametrize(("types", "tree", "bare"), [(8, 0.3, 0.1), (9, 0.3, 0.1), (17, 0.3, 0.1)])
def test_cover_comes_from_surface_types(types: int, tree: float, bare: float, tmp_path: Path) -> None:
    frac = np.zeros((types, 2, 3))
    frac[0], frac[1] = 0.1, 0.2
    frac[{8: 7, 9: 7, 17: 15}[types]] = 0.1
    ds = synthetic_map(2, 3)[["sand"]].assign(frac=(("type", "lat", "lon"), frac))
    ds.to_netcdf(tmp_path / "static.nc")
    values, _ = read(tmp_path / "static.nc")
    np.testing.assert_allclose(values["frac_tree"], tree)
    np.testing.assert_allclose(values["frac_bare"], bare)


def types_map(folder: Path, change: Any, *, units: str = "1") -> Path:
    """Write a map of the 9 types of JULES, half grass and half bare, and an albedo."""
    frac = np.zeros((9, 2, 3))
    frac[2], frac[7] = 0.5, 0.5
    albedo = np.full((2, 3), 0.2)
    change(frac, albedo)
    ds = synthetic_map(2, 3)[["sand"]].assign(
        frac=(("type", "lat", "lon"), frac, {"units": units}), albsoil=(("lat", "lon"), albedo)
    )
    ds.to_netcdf(folder / "static.nc")
    return folder / "static.nc"


def in_percent(frac: Any, albedo: Any) -> None:
    frac *= 100.0


def coded(frac: Any, albedo: Any) -> None:
    frac[:, 0, 0] = -9999.0


def bright(frac: Any, albedo: Any) -> None:
    albedo[0, 0] = 20.0


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (in_percent, "variable frac: frac is 50, outside 0 to 1", "divide it by 100"),
        (coded, "variable frac: frac is -9999", "_FillValue"),
        (bright, "variable albsoil: albsoil is 20, outside 0 to 1", "divide it by 100"),
    ],
)
def test_surface_types_and_albedo_have_a_range(change: Any, problem: str, remedy: str, tmp_path: Path) -> None:
    path = types_map(tmp_path, change)
    with pytest.raises(BadInput, match=problem) as caught:
        read(path)
    assert remedy in caught.value.remedy


def test_points_without_any_surface_type_have_no_cover(tmp_path: Path) -> None:
    def change(frac: Any, albedo: Any) -> None:
        frac[:, 0, 0] = 0.0
        frac[:, 0, 1] = np.nan
        frac[:, 0, 2] = 0.0
        frac[8, 0, 2] = 1.0

    values, _ = read(types_map(tmp_path, change))
    for name in ("frac_tree", "frac_grass", "frac_bare"):
        assert np.isnan(values[name][:2]).all()
        assert values[name][2] == 0.0
        assert np.isfinite(values[name][3:]).all()
    values, _ = read(types_map(tmp_path, in_percent, units="%"))
    np.testing.assert_allclose(values["frac_grass"], 0.5)


def test_water_that_is_coded_by_zeros_is_missing(tmp_path: Path) -> None:
    zero = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    of = {"sand": (0.4 * zero, "1"), "silt": (0.4 * zero, "1"), "clay": (0.2 * zero, "1")}
    values, _ = read(write(tmp_path, of))
    assert np.isnan(values["sand"][0])
    assert np.isfinite(values["sand"][1:]).all()


@pytest.mark.parametrize("names", [("sand", "clay"), ("sand", "silt"), ("silt", "clay")])
def test_zeros_are_water_with_two_fractions_too(names: tuple[str, str], tmp_path: Path) -> None:
    zero = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    of: dict[str, Any] = {name: (0.3 * zero, "1") for name in names}
    of |= {"BULK": (1.3 * zero, None), "ORG_CARBON": (1.0 * zero, None)}
    values, _ = read(write(tmp_path, of))
    for name in ("sand", "silt", "clay", "bulk_density", "organic_carbon", "soc_density"):
        assert np.isnan(values[name][0]), name
        assert np.isfinite(values[name][1:]).all(), name
    one = {names[0]: (np.where(zero == 0.0, 0.0, 0.3), "1"), names[1]: (0.3, "1")}
    values, _ = read(write(tmp_path, one))
    assert values[names[0]][0] == 0.0


def test_a_density_of_zero_is_missing_in_depth_intervals_too(tmp_path: Path) -> None:
    zero = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    of = {name: (130.0 * zero, None) for name in ("bdod_0-5cm_mean", "bdod_5-15cm_mean", "bdod_15-30cm_mean")}
    values, _ = read(write(tmp_path, of))
    assert np.isnan(values["bulk_density"][0])
    np.testing.assert_allclose(values["bulk_density"][1:], 1300.0)


@pytest.mark.parametrize("name", ["land", "landfrac"])
def test_values_outside_the_land_are_not_checked(name: str, tmp_path: Path) -> None:
    land = np.array([[0.0, np.nan, 1.0], [1.0, 0.5, 1.0]])
    of = {
        "elevation": (np.where(land > 0.0, 120.0, -4000.0), "m"),
        "sand": (np.where(land > 0.0, 0.4, -9999.0), "1"),
    }
    path = write(tmp_path, {**of, name: (land, "1")})
    values, _ = read(path)
    np.testing.assert_array_equal(np.isfinite(values["elevation"]), [False, False, True, True, True, True])
    np.testing.assert_array_equal(np.isfinite(values["sand"]), np.isfinite(values["elevation"]))
    np.testing.assert_array_equal(values["land"] > 0.0, np.isfinite(values["sand"]))
    with open_static_map([path]) as static:
        np.testing.assert_allclose(static.read(np.array([5, 0, -1, 2]))["elevation"], [120.0, np.nan, np.nan, 120.0])
    with pytest.raises(BadInput, match="elevation is -4000"):
        read(write(tmp_path, of))


def test_surface_types_outside_the_land_are_not_checked(tmp_path: Path) -> None:
    path = types_map(tmp_path, coded)
    with xr.open_dataset(path) as opened:
        ds = opened.load()
    ds["land"] = (("lat", "lon"), np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    ds.to_netcdf(tmp_path / "land.nc")
    values, _ = read(tmp_path / "land.nc")
    assert np.isnan(values["frac_bare"][0])
    np.testing.assert_allclose(values["frac_bare"][1:], 0.5)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown name": (
        {"soc_dens": (20.0, "kg m-3")},
        "variable soc_dens: the name is unknown; did you mean soc_density",
        "--name",
    ),
    "unknown unit": ({"bulk_density": (1.3, "lumps")}, "variable bulk_density: unit 'lumps' is unknown", "CF unit"),
    "other unit": (
        {"bulk_density": (1.3, "K")},
        "variable bulk_density: unit 'K' cannot be converted",
        "correct the unit of the variable or column: it must convert to kg m-3",
    ),
    "no unit": ({"bulk_density": (1300.0, None)}, "variable bulk_density: bulk_density has no unit", "units"),
    "percent": ({"sand": (40.0, "1")}, "variable sand: sand is 40, outside 0 to 1", "divide it by 100"),
    "g kg-1 as %": (
        {"sand": ([[326.3, 40.0, 500.0]], "%")},
        "variable sand: sand is 3.263, outside 0 to 1",
        "the values seem to be in g kg-1, not in %: correct the attribute units",
    ),
    "carbon as %": ({"T_OC": (80.0, None)}, "organic_carbon is 0.8", "the values seem to be in g kg-1, not in %"),
    "cg cm-3 as g cm-3": ({"bulk_density": (130.0, "g cm-3")}, "bulk_density is 130000", "seem to be in cg cm-3"),
    "neither": ({"sand": (4000.0, "%")}, "sand is 40", "correct the attribute units of the variable, %, or its values"),
    "missing code": ({"bulk_density": (-9999.0, "kg m-3")}, "variable bulk_density", "_FillValue"),
    "nodata": ({"bdod_0-30cm_mean": (-32768.0, None)}, "variable bdod_0-30cm_mean", "_FillValue"),
    "texture": ({"sand": (0.4, "1"), "clay": (0.9, "1")}, "sand, clay add up to 1.3 at 6 points", "add up to 1"),
    "twice": ({"sand": (0.4, "1"), "T_SAND": (40.0, None)}, "are both sand", "--leave-out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_unclear_is_refused_with_file_variable_and_remedy(case: str, tmp_path: Path) -> None:
    variables, problem, remedy = REFUSED[case]
    path = write(tmp_path, variables)
    with pytest.raises(BadInput) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)
    assert remedy in caught.value.remedy


def test_names_can_be_given_and_variables_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, {"SNDPPT": (40.0, "%"), "quality": (1.0, "1")})
    values, _ = read(path, names={"SNDPPT": "sand"}, leave_out=["qual*"])
    np.testing.assert_allclose(values["sand"], 0.4)
    values, _ = read(path, names={"SNDPPT": "sand"}, leave_out=["*"])
    np.testing.assert_allclose(values["sand"], 0.4)
    with pytest.raises(BadInput, match="no file of --grid has a variable SAND"):
        read(path, names={"SAND": "sand"}, leave_out=["*"])
    with pytest.raises(BadInput, match="'sandy' is not a static property"):
        read(path, names={"SNDPPT": "sandy"})


def test_all_unknown_names_are_left_out_by_an_asterisk_and_any_by_a_pattern(tmp_path: Path) -> None:
    of: dict[str, Any] = {"sand": (0.4, "1"), "T_CLAY": (20.0, None), "SLTPPT": (40.0, "%"), "quality": (1.0, "1")}
    path = write(tmp_path, of)
    values, notes = read(path, names={"SLTPPT": "silt"}, leave_out=["*"])
    for name, expected in (("sand", 0.4), ("silt", 0.4), ("clay", 0.2)):
        np.testing.assert_allclose(values[name], expected)
    assert not notes
    assert "clay" not in read(path, leave_out=["T_*", "SLT*", "qual*"])[0]
    values, _ = read(path, names={"SLTPPT": "silt"}, leave_out=["sand", "*"])
    np.testing.assert_allclose(values["sand"], 0.4)
    assert "clay" not in read(path, leave_out=["T_CLAY", "*"])[0]


def test_files_must_have_the_same_points(tmp_path: Path) -> None:
    first = write(tmp_path, {"sand": (0.4, "1")}, "first.nc")
    second = write(tmp_path, {"clay": (0.2, "1")}, "second.nc")
    values, _ = read(first, second)
    assert {"sand", "silt", "clay"} <= set(values)
    with xr.open_dataset(second) as ds:
        ds.load().assign_coords(lat=[50.0, 51.1]).to_netcdf(tmp_path / "moved.nc")
    with pytest.raises(BadInput, match=r"other points than first\.nc") as caught:
        read(first, tmp_path / "moved.nc")
    assert "moved.nc" in str(caught.value)
    assert "same order" in caught.value.remedy


@pytest.mark.parametrize("kind", ["regular", "projected"])
def test_a_file_with_reversed_points_is_refused_with_the_dimensions(kind: Kind, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4, kind=kind)
    y, x = ds["sand"].dims
    first = write_map(ds[["sand"]], tmp_path / "first.nc")
    for dims in ((y,), (y, x)):
        turned = ds[["clay"]].isel({dim: slice(None, None, -1) for dim in dims})
        with pytest.raises(BadInput, match=r"points of first\.nc in another order") as caught:
            read(first, write_map(turned, tmp_path / "turned.nc"))
        assert caught.value.remedy == f"reverse {' and '.join(map(str, dims))} of the file, or of the others"


def test_the_organic_carbon_of_two_that_is_used_is_noted(tmp_path: Path) -> None:
    soils = write(tmp_path, {"soc_0-15cm_mean": (200.0, None), "soc_15-30cm_mean": (200.0, None)}, "soils.nc")
    carbon = write(tmp_path, {"soc_density": (30.0, "kg m-3")}, "soil_carbon.nc")
    values, notes = read(soils, carbon)
    np.testing.assert_allclose(values["soc_density"], 30.0)
    assert notes == (
        "soc_0-15cm_mean, soc_15-30cm_mean of soils.nc are not used: organic carbon is soc_density of soil_carbon.nc",
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ds: ds.drop_vars("lat"), "no latitude"),
        (lambda ds: ds.expand_dims(depth=3), "dimension depth of 3"),
    ],
)
def test_other_dimensions_and_missing_coordinates_are_refused(change: Any, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "static.nc"
    change(synthetic_map(2, 3)).to_netcdf(path)
    with pytest.raises(BadInput, match=problem) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_netcdf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "static.nc").write_text("sand 0.4", encoding="ascii")
    with pytest.raises(BadInput, match="not netCDF"):
        read(tmp_path / "static.nc")
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / "other.nc")
