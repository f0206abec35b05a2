"""Each text file is recognised by its own reader only, and read by ``reader = "auto"`` as by that reader."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from helpers.refusals import refusal

from jules_ml.data.recognition import recognise
from jules_ml.experiment import load_experiment

STAMPS = ["202006010000,202006010030", "202006010030,202006010100"]
#: Reader, file, keys of [data] beside path and offset, and content. Each file has an air temperature of 10 and 11 degC.
FILES = {
    "ameriflux": ("a.csv", "", "# Site: US-Xyz\n# Version: 1-5\nTIMESTAMP_START,TIMESTAMP_END,TA\n{0},10\n{1},11\n"),
    "icos_etc": ("b.csv", "", "TIMESTAMP_START,TIMESTAMP_END,TA,TA_1\n{0},10,1\n{1},11,2\n"),
    "fluxnet": ("c.csv", "", "TIMESTAMP_START,TIMESTAMP_END,TA_F,TA_F_QC\n{0},10,0\n{1},11,0\n"),
    "reddyproc": ("d.txt", "", "Year\tDoY\tHour\tTair\n--\t--\t--\tdegC\n2020\t153\t0.5\t10\n2020\t153\t1\t11\n"),
    "toa5": (
        "e.dat",
        '[data.columns.T]\nvariable = "t_air"',
        '"TOA5","Stn","CR1000","1","CR1000.Std.32","x","1","T"\n"TIMESTAMP","T"\n"TS","Deg C"\n"","Avg"\n'
        '"2020-06-01 00:30:00",10\n"2020-06-01 01:00:00",11\n',
    ),
    "eddypro": (
        "f.csv",
        "",
        "date,time,DOY,Ta_1_1_1\n[yyyy-mm-dd],[HH:MM],[ddd.ddd],[K]\n"
        "2020-06-01,00:30,153.02,283.15\n2020-06-01,01:00,153.04,284.15\n",
    ),
}


def write(folder: Path, reader: str, *, named: str = "auto") -> Path:
    name, keys, content = FILES[reader]
    (folder / name).write_text(content.format(*STAMPS), encoding="utf-8")
    file = folder / "x.toml"
    file.write_text(
        f'[site]\nname = "XX-Abc"\n[data]\nreader = "{named}"\npath = "{name}"\nutc_offset_hours = 1.0\n{keys}\n',
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("reader", FILES)
def test_a_file_is_recognised_by_its_reader_only(tmp_path: Path, reader: str) -> None:
    write(tmp_path, reader)
    assert list(recognise(tmp_path / FILES[reader][0])) == [reader]


@pytest.mark.parametrize("reader", FILES)
def test_auto_reads_as_the_reader(tmp_path: Path, reader: str) -> None:
    record = load_experiment(write(tmp_path, reader, named=reader)).record()
    assert record.attrs["site"] == "XX-Abc"
    np.testing.assert_allclose(record["t_air"], [283.15, 284.15])
    assert record["time"].to_numpy()[0] == np.datetime64("2020-05-31T23:30")
    automatic = load_experiment(write(tmp_path, reader)).record()
    assert automatic.attrs.pop("recognised").endswith(f"read by reader '{reader}'")
    assert automatic.identical(record)


#: Readers with the file of another one; TOA5 needs a key that others have not.
TEXT_READERS = [name for name in FILES if name != "toa5"]


@pytest.mark.parametrize(("reader", "wrong"), list(permutations(TEXT_READERS, 2)))
def test_a_wrong_reader_says_what_the_file_is(tmp_path: Path, reader: str, wrong: str) -> None:
    with refusal(FILES[reader][0], f"which reader '{wrong}' does not read", f'set reader = "{reader}"'):
        load_experiment(write(tmp_path, reader, named=wrong)).record()


def test_auto_takes_several_files_of_one_reader(tmp_path: Path) -> None:
    file = write(tmp_path, "icos_etc")
    fluxes = "TIMESTAMP_START,TIMESTAMP_END,NEE\n{0},1.5\n{1},2.5\n"
    (tmp_path / "fluxes.csv").write_text(fluxes.format(*STAMPS), encoding="utf-8")
    file.write_text(file.read_text("utf-8").replace('"b.csv"', '["b.csv", "fluxes.csv"]'), encoding="utf-8")
    record = load_experiment(file).record()
    assert record["nee"].to_numpy().tolist() == [1.5, 2.5]
    assert record["t_air"].to_numpy().tolist() == pytest.approx([283.15, 284.15])


def test_auto_refuses_files_of_two_readers(tmp_path: Path) -> None:
    write(tmp_path, "toa5")
    file = write(tmp_path, "icos_etc")
    file.write_text(file.read_text("utf-8").replace('"b.csv"', '["b.csv", "e.dat"]'), encoding="utf-8")
    with refusal("e.dat", "no reader recognises all files", "toa5"):
        load_experiment(file).record()


def test_years_of_a_fluxnet_tower_under_any_names(tmp_path: Path) -> None:
    file = write(tmp_path, "fluxnet", named="fluxnet")
    later = FILES["fluxnet"][2].format(*(stamp.replace("202006", "202106") for stamp in STAMPS))
    (tmp_path / "later.csv").write_text(later, encoding="utf-8")
    file.write_text(file.read_text("utf-8").replace('"c.csv"', '["c.csv", "later.csv"]'), encoding="utf-8")
    record = load_experiment(file).record()
    assert record.attrs["site"] == "XX-Abc"
    assert record["time"].dt.year.to_numpy().tolist() == [2020, 2020, 2021, 2021]


def test_a_file_of_metadata_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "fluxnet", named="fluxnet")
    (tmp_path / "c.csv").write_text("SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\nX,1,G,V,1\n", encoding="utf-8")
    with refusal("c.csv", "this is a file of metadata (BADM), not a record", "FULLSET"):
        load_experiment(file).record()
