"""REddyProc and AsiaFlux text: decimal hours, hours and minutes as a number, units, results, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.readers.reddyproc import ReddyprocRecord

NAMES = ("Year", "DoY", "Hour", "NEE", "Rg", "Tair", "Tsoil", "rH", "VPD", "Ustar")
UNITS = ("--", "--", "--", "umolm-2s-1", "Wm-2", "degC", "degC", "%", "hPa", "ms-1")
VALUES = ("2.25", "10", "15.5", "12.5", "80", "4.5", "0.34")
HOURS = (("2020", "153", "0.5"), ("2020", "153", "1.0"), ("2020", "153", "1.5"))


def text(
    *,
    names: tuple[str, ...] = NAMES,
    units: tuple[str, ...] = UNITS,
    hours: tuple[tuple[str, ...], ...] = HOURS,
    values: tuple[str, ...] = VALUES,
    delimiter: str = "\t",
) -> str:
    return "".join(delimiter.join(row) + "\n" for row in (names, units, *((*hour, *values) for hour in hours)))


def read(folder: Path, content: str, **keys: object) -> xr.Dataset:
    path = folder / "Example_DETha98.txt"
    path.write_text(content, encoding="utf-8")
    base = {"reader": "reddyproc", "path": str(path), "utc_offset_hours": 1.0, "site": "DE-Tha"}
    return ReddyprocRecord.model_validate(base | keys).read()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("nee", 2.25),
        ("sw_down", 10.0),
        ("t_air", 288.65),
        ("relative_humidity", 0.8),
        ("vpd", 450.0),
        ("ustar", 0.34),
    ],
)
def test_values_are_in_the_units_of_the_row(tmp_path: Path, variable: str, value: float) -> None:
    ds = read(tmp_path, text())
    assert ds[variable].to_numpy().tolist() == pytest.approx([value] * 3)
    assert float(ds["t_soil"][0, 0]) == pytest.approx(285.65)


@pytest.mark.parametrize(
    ("names", "hours"),
    [
        (("Year", "DoY", "Hour"), (("2020", "152", "24"), ("2020", "153", "0.5"), ("2020", "153", "1"))),
        (("Year", "DoY", "Hour"), (("2020", "153", "0"), ("2020", "153", "0.5"), ("2020", "153", "1.0"))),
        (("Year", "DOY", "TIME"), (("2020", "152", "2400"), ("2020", "153", "30"), ("2020", "153", "100"))),
        (("Year", "DoY", "HHMM"), (("2020", "152", "2400"), ("2020", "153", "0030"), ("2020", "153", "0100"))),
        (("Year", "DoY", "Time"), (("2020", "152", "24:00"), ("2020", "153", "00:30"), ("2020", "153", "01:00"))),
        (
            ("Year", "Month", "Day", "Hour"),
            (("2020", "5", "31", "24.0"), ("2020", "6", "1", "0.5"), ("2020", "6", "1", "1")),
        ),
        (
            ("Year", "Month", "Day", "Hour", "Minute"),
            (("2020", "6", "1", "0", "0"), ("2020", "6", "1", "0", "30"), ("2020", "6", "1", "1", "0")),
        ),
    ],
)
@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_stamps_are_the_end_in_local_time(
    tmp_path: Path, names: tuple[str, ...], hours: tuple[tuple[str, ...], ...], delimiter: str
) -> None:
    units = ("-",) * len(names) + ("umolm-2s-1",)
    content = text(names=(*names, "NEE"), units=units, hours=hours, values=("1.5",), delimiter=delimiter)
    ds = read(tmp_path, content)
    assert ds["time"].to_numpy().tolist() == [
        np.datetime64(f"2020-05-{stamp}", "ns").item() for stamp in ("31T23:00", "31T23:30")
    ] + [np.datetime64("2020-06-01T00:00", "ns").item()]
    assert ds.attrs["interval_seconds"] == 1800.0


def test_missing_values_and_results_are_not_read(tmp_path: Path) -> None:
    names = ("Year", "DoY", "Hour", "NEE", "NEE_f", "NEE_fqc", "NEE_uStar_f", "GPP_f", "Reco", "LE")
    units = (*["--"] * 3, *["umolm-2s-1"] * 6, "Wm-2")
    ds = read(tmp_path, text(names=names, units=units, values=("-9999", "1", "0", "1", "1", "1", "20")))
    assert set(ds) == {"nee", "le"}
    assert bool(ds["nee"].isnull().all())


def test_columns_with_names_of_their_own(tmp_path: Path) -> None:
    names = ("Year", "DoY", "Hour", "NEE", "qf", "Tsoil_2", "SM10", "note")
    units = ("--", "--", "--", "umolm-2s-1", "--", "degC", "%", "--")
    columns = {
        "NEE": {"variable": "nee", "quality": {"column": "qf", "measured": [0, 1], "rejected": [2]}},
        "SM10": {"variable": "theta", "depth": 0.1},
    }
    content = text(names=names, units=units, values=("2.5", "1", "10", "30", "3"))
    ds = read(tmp_path, content, columns=columns, ignore=["note"], depths={"Tsoil_*": 0.05})
    assert ds["nee_qc"].to_numpy().tolist() == [0.0, 0.0, 0.0]
    assert ds["depth"].to_numpy().tolist() == [0.05, 0.1]
    np.testing.assert_allclose(ds["theta"][:, 1], 0.3)


@pytest.mark.parametrize(
    ("content", "keys", "problem", "remedy"),
    [
        (text().replace("Tair", "Temp"), {}, "column Temp is unknown", "'columns', or list it in 'ignore'"),
        (text(), {"columns": {"SM": {"variable": "theta"}}}, "column SM is missing", "'columns'"),
        (text().replace("degC", "furlong", 1), {}, "unit 'furlong' cannot be converted to 'K'", "unit"),
        (text().replace("Year", "Jahr"), {}, "there are no columns of year, day and hour", "'table'"),
        (
            text(units=("2020", "153", "0", *VALUES)),
            {},
            "there are no columns of year, day and hour above a row of units",
            "'table'",
        ),
        (text(hours=(*HOURS, ("2020", "153", "25"))), {}, "'0.5' is not hours and minutes", "correct"),
        (text(), {"depths": {"SWC_1": 0.1}}, "the depth of 'SWC_1' fits no soil sensor", "Tsoil"),
    ],
)
def test_wrong_files_are_refused(
    tmp_path: Path, content: str, keys: dict[str, object], problem: str, remedy: str
) -> None:
    with refusal("Example", problem, remedy):
        read(tmp_path, content, **keys)


def test_recognition(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text(), encoding="utf-8")
    assert ReddyprocRecord.recognises(path) == "a text file as for REddyProc, with year, day and hour as numbers"
