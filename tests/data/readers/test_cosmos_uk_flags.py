"""Flags of COSMOS-UK: interpolated and estimated values are left out and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.refusals import refusal

from jules_ml.experiment import load_experiment

NAME = "COSMOS-UK_SPENF_HydroSoil_SH_2015-2023"
HEADER = "DATE_TIME,SITE_ID,TA,PRECIP,TDT1_VWC,TDT2_VWC"
DATA = f"""{HEADER}
2015-06-01 00:30:00,SPENF,10.0,0.0,30.0,31.0
2015-06-01 01:00:00,SPENF,11.0,0.9,30.0,31.0
2015-06-01 01:30:00,SPENF,12.0,0.0,-9999,31.0
"""
FLAGS = f"""{HEADER}
2015-06-01 00:30:00,SPENF,,,I,
2015-06-01 01:00:00,SPENF,E,,I,I
2015-06-01 01:30:00,SPENF,,,M,
"""


def experiment(folder: Path, *, data: str = DATA, flags: str | None = FLAGS, keys: str = "", name: str = NAME) -> Path:
    (folder / f"{name}.csv").write_text(data, encoding="utf-8")
    if flags is not None:
        (folder / f"{name}_Flags.csv").write_text(flags, encoding="utf-8")
    path = folder / "x.toml"
    path.write_text(f'[data]\nreader = "cosmos_uk"\npath = "{name}.csv"\n{keys}\n', encoding="utf-8")
    return path


def test_flagged_values_are_left_out_and_counted(tmp_path: Path) -> None:
    ds = load_experiment(experiment(tmp_path)).record()
    np.testing.assert_allclose(ds["t_air"], [283.15, np.nan, 285.15])
    np.testing.assert_allclose(ds["theta"].squeeze(), [0.31, np.nan, 0.31])  # the other probe has no measurement
    assert (ds["t_air"].attrs["n_flagged"], ds["theta"].attrs["n_flagged"]) == (1, 3)
    assert "n_flagged" not in ds["precip"].attrs
    assert float(ds["precip"][1]) == pytest.approx(0.9 / 1800.0)


def test_flags_may_be_kept_or_given(tmp_path: Path) -> None:
    keys = 'masked_flags = ["I", "M"]\nkept_flags = ["E"]'
    ds = load_experiment(experiment(tmp_path, keys=keys)).record()
    assert np.isfinite(ds["t_air"]).all()
    (tmp_path / "other.csv").write_text(FLAGS, encoding="utf-8")
    ds = load_experiment(experiment(tmp_path, flags=None, name="spenf", keys='flags = "other.csv"')).record()
    assert int(np.isnan(ds["t_air"]).sum()) == 1
    ds = load_experiment(experiment(tmp_path, keys='flags = "none"')).record()
    assert int(ds["theta"].isnull().sum()) == 1


@pytest.mark.parametrize(
    ("flags", "place", "problem", "remedy"),
    [
        (None, NAME, "no file of flags", "_Flags.csv"),
        (FLAGS.replace(",E,", ",Q,"), "column TA", "flag 'Q' is unknown", "masked_flags"),
        (FLAGS.replace("01:30", "02:30"), "_Flags.csv", "rows of the flags are not those", "same site"),
        (FLAGS.replace("TA,", "TX,"), "_Flags.csv", "no column TA", "same site"),
    ],
)
def test_flags_that_do_not_fit_are_refused(
    tmp_path: Path, flags: str | None, place: str, problem: str, remedy: str
) -> None:
    with refusal(place, problem, remedy):
        load_experiment(experiment(tmp_path, flags=flags)).record()


def test_a_release_without_flags_needs_none(tmp_path: Path) -> None:
    name = "COSMOS-UK_SPENF_HydroSoil_SH_2013-2019"
    assert "theta" in load_experiment(experiment(tmp_path, flags=None, name=name)).record()


def test_the_flags_are_not_data(tmp_path: Path) -> None:
    experiment(tmp_path)
    path = tmp_path / "y.toml"
    path.write_text(f'[data]\nreader = "cosmos_uk"\npath = "{NAME}_Flags.csv"\n', encoding="utf-8")
    with refusal("_Flags.csv", "this is the file of flags", "give the file of data"):
        load_experiment(path).record()
