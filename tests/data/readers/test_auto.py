"""``reader = "auto"`` takes a file for what it is, and refuses what it does not recognise."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from helpers.refusals import refusal

from jules_ml.data import recognition
from jules_ml.data.recognition import first_lines, recognise
from jules_ml.data.record import record_notes
from jules_ml.data.record_section import reader_names, reader_section
from jules_ml.experiment import load_experiment

FLUXNET = """\
TIMESTAMP_START,TIMESTAMP_END,TA_F,TA_F_QC
202001010000,202001010030,2.0,0
202001010030,202001010100,3.0,0
"""


def experiment(folder: Path, text: str, *, name: str = "tower.csv", keys: str = "utc_offset_hours = 1.0") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    file = folder / "x.toml"
    file.write_text(f'[site]\nname = "CH-Dav"\n[data]\nreader = "auto"\npath = "{name}"\n{keys}\n', encoding="utf-8")
    return file


def test_a_recognised_file_is_read_with_a_note(tmp_path: Path) -> None:
    ds = load_experiment(experiment(tmp_path, FLUXNET)).record()
    assert ds["t_air"].to_numpy().tolist() == [275.15, 276.15]
    assert record_notes(ds) == ["site CH-Dav: the file is a FLUXNET file, read by reader 'fluxnet'"]


@pytest.mark.parametrize(
    ("text", "keys", "problem", "remedy"),
    [
        ("a,b\n1,2\n", "", "no reader recognises the file", "cosmos_uk, cosore, davos"),
        (
            FLUXNET,
            "",
            "the file is a FLUXNET file, and for reader 'fluxnet' key 'utc_offset_hours' is missing",
            "[data]",
        ),
        (FLUXNET, "utc_offset_hours = 1.0\nwban = 3", "key 'wban' is unknown", "swc_depths"),
        (FLUXNET, "utc_offset_hours = 40.0", "utc_offset_hours: Input should be less", "[data]"),
    ],
)
def test_unknown_files_and_wrong_keys_are_refused(
    tmp_path: Path, text: str, keys: str, problem: str, remedy: str
) -> None:
    loaded = load_experiment(experiment(tmp_path, text, keys=keys))
    with refusal("tower.csv", problem, remedy):
        loaded.record()


def test_a_file_that_two_readers_recognise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_section("cosmos_uk"), "recognises", classmethod(lambda _cls, _path: "a COSMOS file"))
    loaded = load_experiment(experiment(tmp_path, FLUXNET))
    with refusal(
        "tower.csv", "several readers recognise the file: a COSMOS file (reader 'cosmos_uk')", "cosmos_uk, fluxnet"
    ):
        loaded.record()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    file = experiment(tmp_path, FLUXNET)
    (tmp_path / "tower.csv").unlink()
    with refusal("tower.csv", "there is no such file", "path"):
        load_experiment(file).record()


def test_a_reader_of_one_file_takes_no_list(tmp_path: Path) -> None:
    text = "DATE_TIME,SITE_ID,LWIN\n2020-01-01,ALIC1,300\n"
    file = experiment(tmp_path, text, keys="")
    file.write_text('[data]\nreader = "auto"\npath = ["tower.csv", "tower.csv"]\n', encoding="utf-8")
    with refusal("tower.csv", "reader 'cosmos_uk' takes one file, and 2 are given", "one file"):
        load_experiment(file).record()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02", b"\xff\xfe\x00", b"\x1f\x8b broken", b"PAR1", b"\x89HDF", b"CDF\x01"]
)
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.nc"])
def test_damaged_files_are_not_recognised(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert recognise(tmp_path / name) == {}


def test_tables_of_stations_are_recognised_by_their_columns(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "x.parquet"
    pd.DataFrame({"wban": ["1"]}).to_parquet(path)
    assert recognise(path) == {}
    for file in sorted(shared_data.glob("moisture/*uscrn*.parquet"))[:1]:
        assert recognise(file) == {"uscrn": "a USCRN table of daily stations"}
    for file in sorted(shared_data.glob("respiration/*cosore*.parquet"))[:1]:
        assert recognise(file) == {"cosore": "a COSORE table of chambers"}


def test_text_is_read_in_both_encodings(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("[\u00b5mol]\nb\n".encode("latin-1"))
    assert first_lines(path, 3) == ["[\u00b5mol]", "b"]
    assert recognition.first_lines(tmp_path / "none", 1) == []


def test_every_reader_answers_for_every_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1,2\n", encoding="utf-8")
    assert [name for name in reader_names() if reader_section(name).recognises(path) is not None] == []
