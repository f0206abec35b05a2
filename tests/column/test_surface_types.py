"""Surface types from parameter files of JULES."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.refusals import refusal

from jules_ml.column.surface_types import read_type_files, unused
from jules_ml.physics.surface_types import SurfaceTypes
from jules_ml.physics.switches import Switches
from jules_ml.support.sources import POINT_RUN

SWITCHES = Switches()


def test_types_have_the_names_and_parameters_of_the_files() -> None:
    types = read_type_files(POINT_RUN / "pft_params.nml", POINT_RUN / "nveg_params.nml", switches=SWITCHES)
    assert types.names == ("brd_leaf", "ndl_leaf", "c3_grass", "c4_grass", "shrub", "urban", "lake", "soil", "ice")
    assert (types.soil, types.lake, types.ice, types.urban) == (7, 6, 8, 5)
    assert types.plants.canht_ft.shape == (5, 1)
    assert types.plants.c3.flatten().tolist() == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert types.plants.cansnowpft.flatten().tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert types.others.albsnf_nvg.flatten().tolist() == [0.18, 0.06, -1.0, 0.75]


def test_files_alone_have_types_by_number(tmp_path: Path) -> None:
    for name in ("pft_params.nml", "nveg_params.nml"):
        shutil.copy(POINT_RUN / name, tmp_path)
    types = read_type_files(tmp_path / "pft_params.nml", tmp_path / "nveg_params.nml", switches=SWITCHES)
    assert types.names == (*(f"pft_{k}" for k in range(1, 6)), "nvg_1", "nvg_2", "soil", "nvg_4")
    assert types.soil == 7
    assert types.plants.cansnowpft.flatten().tolist() == [0.0] * 5


def test_missing_parameters_are_refused_in_one_list(tmp_path: Path) -> None:
    text = (POINT_RUN / "pft_params.nml").read_text(encoding="utf-8")
    for name in ("kext_io", "tupp_io"):
        text = text.replace(name, "g1_stomata_io", 1)
    (tmp_path / "pft_params.nml").write_text(text, encoding="utf-8")
    for name in ("nveg_params.nml", "jules_surface_types.nml"):
        shutil.copy(POINT_RUN / name, tmp_path)
    with refusal("pft_params.nml", "kext_io has 0 values; tupp_io has 0 values, and there are 5 types", "a number"):
        read_type_files(tmp_path / "pft_params.nml", tmp_path / "nveg_params.nml", switches=SWITCHES)


def copied_types(folder: Path, *, types: tuple[str, str], plants: str = "") -> SurfaceTypes:
    """Read the files of the template with a changed text of ``jules_surface_types.nml``, and entries added to ``pft_params.nml``."""
    for name in ("pft_params.nml", "nveg_params.nml", "jules_surface_types.nml"):
        text = (POINT_RUN / name).read_text(encoding="utf-8")
        text = text.replace(*types) if name == "jules_surface_types.nml" else text
        text = text.replace("&JULES_PFTPARM", f"&JULES_PFTPARM\n{plants}")
        (folder / name).write_text(text, encoding="utf-8")
    return read_type_files(folder / "pft_params.nml", folder / "nveg_params.nml", switches=SWITCHES)


def test_two_names_of_one_type_are_refused(tmp_path: Path) -> None:
    with refusal("jules_surface_types.nml", "c4_grass and shrub are both type 4", "a number of its own"):
        copied_types(tmp_path, types=("shrub = 5", "shrub = 4"))
    # JULES takes one number for both
    assert copied_types(tmp_path, types=("urban = 6", "urban = 6, urban_canyon = 6")).names[5] == "urban"
    assert copied_types(tmp_path, types=("urban = 6", "urban_canyon = 6, urban = 6")).names[5] == "urban"


def test_names_of_plants_in_another_order_are_refused(tmp_path: Path) -> None:
    labels = "pft_name_io = 'ndl_leaf', 'brd_leaf', 'c3_grass', 'c4_grass', 'shrub',"
    with refusal("pft_params.nml", r"pft_name_io(1) is ndl_leaf, which is type 2", "in the order"):
        copied_types(tmp_path, types=("", ""), plants=labels)
    names = copied_types(tmp_path, types=("shrub = 5", ""), plants="pft_name_io = 4*'', 'heath',").names
    assert names[:5] == ("brd_leaf", "ndl_leaf", "c3_grass", "c4_grass", "heath")


def test_a_file_without_the_group_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pft_params.nml").write_text("&JULES_CROPPARM /\n", encoding="utf-8")
    with refusal("pft_params.nml", "&JULES_PFTPARM is missing", "give the file"):
        read_type_files(tmp_path / "pft_params.nml", POINT_RUN / "nveg_params.nml", switches=SWITCHES)
    with refusal("none.nml", "cannot be read", "path"):
        read_type_files(tmp_path / "none.nml", POINT_RUN / "nveg_params.nml", switches=SWITCHES)


@pytest.mark.parametrize(
    ("switches", "name"),
    [
        (Switches(l_trait_phys=False), "nmass"),
        (Switches(can_rad_mod=4), "knl"),
        (Switches(l_spec_albedo=True), "albsnf_max"),
        (Switches(l_snow_albedo=True), "albsnc_max"),
    ],
)
def test_parameters_that_jules_does_not_ask_for_may_be_missing(switches: Switches, name: str) -> None:
    assert name in unused(switches)
