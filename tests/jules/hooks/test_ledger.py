"""Ledgers of the increments of the hooks in the host: which are written, and what they contain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.hosts import HostRun, HostRunner, moisture_files, property_files

SETTINGS = "nx = 4, ny = 3, n_days = 5"
KEYS = ["time", "level", "cause"]
VALUES = ["water_kg_m-2", "sensible_heat_J_m-2", "latent_heat_J_m-2"]
REGIONS = "# name, south, north, west, east\nwest 50.5 54.0 0.5 2.5\n\neast  50.5 54.0 2.5 5.0\nnowhere -10 0 0 1\n"


def files(ledger: str = "", function: str = "Remembering") -> dict[str, str]:
    """Files of a moisture module, with a group for the ledger."""
    texts = moisture_files(function, "mode = 'nudge', tau_hours = 10.0")
    if ledger:
        texts["jules_ml.nml"] += f"&jules_ml_ledger {ledger} /\n"
    return texts | {"regions.txt": REGIONS}


def skip_without_netcdf(run: HostRun) -> None:
    if "needs a shared netCDF library" in run.log:
        pytest.skip("the host was built without netCDF-Fortran")


def rows(run: HostRun) -> pd.DataFrame:
    """All rows of the text ledgers of a run."""
    paths = sorted((run.folder / "output").glob("*.jules_ml_increments.*.csv"))
    return pd.concat([pd.read_csv(path, comment="#") for path in paths])


@pytest.fixture
def reference(host: HostRunner) -> pd.DataFrame:
    """Rows of all points."""
    return rows(host.complete("host_r64", SETTINGS, files("content = 'points'")))


def test_few_points_have_a_row_each(host: HostRunner, reference: pd.DataFrame) -> None:
    run = host.complete("host_r64", SETTINGS, files())
    pd.testing.assert_frame_equal(rows(run), reference)
    assert "ledger of increments: points, at most " in run.log


def test_many_points_are_summed(host: HostRunner) -> None:
    run = host.complete("host_r64", "nx = 17, ny = 6, n_days = 2", files())
    assert set(rows(run)["region"]) == {"all"}
    assert set(rows(run)["points"]) == {100}
    assert "ledger of increments: sums, at most " in run.log


def test_no_ledger(host: HostRunner) -> None:
    run = host.complete("host_r64", SETTINGS, files("content = 'off'"))
    assert not [name for name in run.output if "increments" in name]


def test_regions_have_the_mean_of_their_points(
    host: HostRunner, reference: pd.DataFrame, two_ranks: tuple[str, ...]
) -> None:
    run = host.complete("host_r64", SETTINGS, files("content = 'sums', regions = 'regions.txt'"))
    table = rows(run).set_index(["region", *KEYS]).sort_index()
    assert set(table.index.levels[0]) == {"west", "east"}
    # land points of the grid: 3 beside the sea in row 1, then 4 and 4, of which the last is ice
    west = {1, 4, 5, 8, 9}
    for region, points in (("west", west), ("east", set(range(1, 11)) - west)):
        expected = reference[reference["point"].isin(points)].groupby(KEYS)[VALUES].sum() / len(points)
        np.testing.assert_allclose(table.loc[region, VALUES].sort_index(), expected.sort_index(), rtol=2e-6, atol=1e-6)
        assert (table.loc[region, "points"] == len(points)).all()
    both = host.complete("host_mpi", SETTINGS, files("content = 'sums'"), launch=two_ranks)
    assert rows(both).groupby(KEYS)["points"].sum().unique().tolist() == [10]


def test_listed_points_have_rows(host: HostRunner, reference: pd.DataFrame) -> None:
    run = host.complete("host_r64", SETTINGS, files("content = 'points', latitude = 51.0, 53.0, longitude = 2.0, 3.0"))
    expected = reference[reference["point"].isin([1, 10])].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows(run), expected)


def test_rows_of_points_have_their_position(
    host: HostRunner, reference: pd.DataFrame, two_ranks: tuple[str, ...]
) -> None:
    both = rows(host.complete("host_mpi", SETTINGS, files("content = 'points'"), launch=two_ranks))
    place = ["latitude", "longitude"]
    sea, ice = (51.0, 1.0), (53.0, 4.0)
    land = {(50.0 + j, float(i)) for j in (1, 2, 3) for i in (1, 2, 3, 4)} - {sea, ice}
    for table in (both, reference):
        assert set(table[place].itertuples(index=False, name=None)) == land
    sums = [table.set_index([*KEYS, *place])["water_kg_m-2"].sort_index() for table in (both, reference)]
    pd.testing.assert_index_equal(sums[0].index, sums[1].index)
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_listed_point_that_no_rank_has_is_refused(host: HostRunner, mpiexec: str, ranks: int) -> None:
    wanted = files("content = 'points', latitude = 51.0, 53.0, 60.0, longitude = 2.0, 3.0, 3.0")
    run = host.run("host_mpi", SETTINGS, wanted, launch=(mpiexec, "-n", str(ranks)))
    assert run.code != 0
    assert "&jules_ml_ledger: there is no land point with soil within 0.005 degrees of 60.0000 N, 3.0000 E" in run.log
    found = files("content = 'points', latitude = 51.0, 53.0, longitude = 2.0, 363.0")
    assert host.complete("host_mpi", SETTINGS, found, launch=(mpiexec, "-n", str(ranks))).code == 0


def test_full_ledger_is_compressed_netcdf(host: HostRunner, reference: pd.DataFrame) -> None:
    run = host.run("host_r64", SETTINGS, files("content = 'full'"))
    skip_without_netcdf(run)
    assert run.code == 0
    with xr.open_dataset(run.folder / "output" / "host.jules_ml_increments.0000.nc") as ds:
        assert ds["moisture_water"].encoding["zlib"]
        assert ds["moisture_water"].attrs["units"] == "kg m-2"
        assert ds["moisture_water"].dims == ("time", "soil", "land")
        np.testing.assert_array_equal(ds["latitude"], [51.0] * 3 + [52.0] * 4 + [53.0] * 4)
        assert ds["date"].values.tolist()[:2] == [20010102, 20010103]
        for name, column in zip(("water", "sensible_heat", "latent_heat"), VALUES, strict=True):
            sums = ds[f"moisture_{name}"].astype(float).groupby(ds["date"]).sum().sum("soil")
            days = reference.assign(date=reference["time"].str[:10].str.replace("-", "").astype(int))
            expected = days.groupby(["date", "point"])[column].sum().to_xarray().fillna(0.0)
            actual = sums.isel(land=expected["point"].to_numpy() - 1)
            np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-2)
        total = ds["moisture_water"].values.astype(float).sum()
        assert total == pytest.approx(reference["water_kg_m-2"].sum(), rel=1e-6)


@pytest.mark.parametrize("suffix", ["csv", "nc"])
def test_a_full_disk_is_named(host: HostRunner, suffix: str) -> None:
    content = {"csv": "points", "nc": "full"}[suffix]
    texts = files(f"content = '{content}'")
    # on the fourth day the module puts a device that is always full in the place of the open ledger
    texts["full_disk.py"] = (
        "import os, trial_module\n"
        "def wet(*, date, **inputs):\n"
        "    for name in os.listdir('/proc/self/fd') if date[2] == 4 else ():\n"
        f"        if os.path.realpath(f'/proc/self/fd/{{name}}').endswith('increments.0000.{suffix}'):\n"
        "            os.dup2(os.open('/dev/full', os.O_RDWR), int(name))\n"
        "    return trial_module.wet(**inputs)\n"
    )
    texts["jules_ml.nml"] = texts["jules_ml.nml"].replace("trial_module:Remembering", "full_disk:wet")
    run = host.run("host_r64", SETTINGS, texts)
    skip_without_netcdf(run)
    assert run.code != 0
    assert f"host.jules_ml_increments.0000.{suffix} cannot be written" in run.log
    assert "free space" in run.log


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("north 10 20 0\n", "regions.txt, line 1"),
        ("north 10 20 0 10\nnorth 20 30 0 10\n", "regions.txt, line 2: region north"),
        ("north 20 10 0 10\n", "regions.txt, line 1"),
        ("# nothing\n", "regions.txt has no region"),
        ("over 10 20 170 -170\n", "over the date line, give an east above 180"),
        (f"{'a' * 33}1 10 20 0 10\n{'a' * 33}2 20 30 0 10\n", "line 1: the name of the region is longer than 32"),
        ("a" * 600, "line 1: the name of the region is longer than 32"),
    ],
)
def test_regions_that_cannot_be_used_are_named(host: HostRunner, text: str, words: str) -> None:
    run = host.run("host_r64", SETTINGS, files("content = 'sums', regions = 'regions.txt'") | {"regions.txt": text})
    assert run.code != 0
    assert words in run.log


def test_properties_are_in_the_full_ledger(host: HostRunner) -> None:
    texts = property_files("tight")
    texts["jules_ml.nml"] += "&jules_ml_ledger content = 'full' /\n"
    run = host.run("host_r32", SETTINGS, texts)
    skip_without_netcdf(run)
    assert run.code == 0
    with xr.open_dataset(run.folder / "output" / "host.jules_ml_increments.0000.nc") as ds:
        assert float(ds["properties_water"].sum()) < -10.0
        assert "moisture_water" not in ds


def test_the_group_alone_is_no_hook(host: HostRunner) -> None:
    run = host.complete("host_r32", "n_days = 2", {"jules_ml.nml": "&jules_ml_ledger content = 'full' /\n"})
    assert "hooks are linked and off" in run.log
    assert Path(run.folder / "output").exists()
