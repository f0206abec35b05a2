"""``jules-ml init`` of the kinds that are trained on records: what is written is read, and asks for nothing that the file contains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.published_files import PUBLISHED
from helpers.refusals import refusal

from jules_ml.experiment import load_experiment
from jules_ml.starters import Hints, Written, n_lines, start

#: Readers whose small files have a flux and light, and kinds and readers with soil moisture and weather.
TOWERS = ("ameriflux", "icos_etc", "fluxnet", "reddyproc", "eddypro", "ozflux")
SENSORS = [(kind, "uscrn") for kind in ("moisture", "carbon", "hydraulics")] + [
    ("moisture", "ameriflux"),
    ("carbon", "ameriflux"),
]


def student(folder: Path, *, gaps: bool = True, header: str = "", days: int = 4) -> Path:
    """File of a student: half-hours in local time, plain names, two soil temperatures."""
    n = 48 * days
    hours = np.arange(n) % 48 / 2.0
    sun = np.maximum(0.0, np.sin(np.pi * (hours - 6.0) / 12.0)).round(3)
    frame = pd.DataFrame(
        {
            "TIMESTAMP": pd.date_range("2021-06-01 00:30", periods=n, freq="30min").strftime("%Y-%m-%d %H:%M"),
            "NEE": np.where((np.arange(n) % 3 == 0) & gaps, np.nan, (3.0 - 12.0 * sun).round(2)),
            "Ts_20cm": 12.0 + 0.1 * sun,
            "Ts_5cm": (14.0 + 3.0 * sun).round(2),
            "SWC_10cm": (31.0 - 0.01 * np.arange(n)).round(2),
            "Rg": (800.0 * sun).round(1),
            "ustar": 0.2 + 0.3 * sun,
            "Tair": (13.0 + 8.0 * sun).round(2),
            "comment": "x",
        }
    )
    path = folder / "student.csv"
    path.write_text(header + frame.to_csv(index=False), encoding="utf-8")
    return path


def settings_of(path: Path) -> list[str]:
    """Lines of settings of an experiment, without comments."""
    lines = [line.partition(" # ")[0].rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def write(kind: str, file: Path, folder: Path, **given: object) -> Written:
    return start(kind, [file], folder / "out", Hints(**given))  # type: ignore[arg-type]


def test_ten_lines_for_the_file_of_a_student(tmp_path: Path) -> None:
    written = write("respiration", student(tmp_path), tmp_path)
    (path,) = written.files
    assert settings_of(path) == [
        "[data]",
        'reader = "table"',
        'path = "../student.csv"',
        "utc_offset_hours = 0.0",
        'columns.NEE = {variable = "nee", unit = "umol m-2 s-1", quality = "measured"}',
        'columns.Ts_5cm = {variable = "t_soil", unit = "degC", depth = 0.05}',
        'columns.SWC_10cm = {variable = "theta", unit = "%", depth = 0.1}',
        'columns.Rg = {variable = "sw_down", unit = "W m-2"}',
        'columns.ustar = {variable = "ustar", unit = "m s-1"}',
    ]
    record = load_experiment(path).record()
    assert record.attrs["site"] == "student"
    assert float(record["nee_qc"].max()) == 0.0
    assert any("33% of its steps are missing" in note for note in written.notes)


def test_lines_that_are_comments_are_valid_when_they_are_switched_on(tmp_path: Path) -> None:
    (path,) = write("respiration", student(tmp_path), tmp_path).files
    names = (
        "columns.",
        "site =",
        "stamp_at",
        "[site]",
        "latitude",
        "longitude",
        "[respiration",
        "test_fraction",
        "ustar_min",
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.removeprefix("# ") if line.removeprefix("# ").startswith(names) else line for line in lines)
    path.write_text(text, encoding="utf-8")
    experiment = load_experiment(path)
    assert experiment.respiration is not None
    assert experiment.respiration.rows.ustar_min == "estimate"
    assert {"t_air", "t_soil"} <= set(experiment.record().data_vars)


def test_what_the_user_states_takes_the_place_of_guesses(tmp_path: Path) -> None:
    given = {"site": "XX-Abc", "latitude": 61.8, "longitude": 24.3, "elevation": 180.0}
    (path,) = write("respiration", student(tmp_path), tmp_path, **given).files
    record = load_experiment(path).record()
    assert {key: record.attrs[key] for key in given} == given
    assert record.attrs["utc_offset_hours"] == 2.0


def test_the_position_of_time_stamps_is_that_of_the_sun(tmp_path: Path) -> None:
    path = student(tmp_path, days=40)
    frame = pd.read_csv(path)
    start_of = pd.to_datetime(frame["TIMESTAMP"]) - pd.Timedelta(minutes=30)
    # without its first row, the file begins as one whose stamps are the end of the interval
    frame.assign(TIMESTAMP=start_of.dt.strftime("%Y-%m-%d %H:%M"))[1:].to_csv(path, index=False)
    # its light is symmetric about 12:15, solar noon at this longitude in UTC+1
    (written,) = write("respiration", path, tmp_path, latitude=50.0, longitude=11.25).files
    assert any(line == 'stamp_at = "start"' for line in settings_of(written))
    assert "by the sun" in written.read_text(encoding="utf-8")


def test_nee_without_gaps_is_not_taken_as_measured(tmp_path: Path) -> None:
    written = write("respiration", student(tmp_path, gaps=False), tmp_path)
    assert any("it is probably gap-filled" in note for note in written.notes)
    assert "nee_qc" not in load_experiment(written.files[0]).record()


@pytest.mark.parametrize("reader", TOWERS)
def test_the_experiment_of_a_tower_is_read(reader: str, tmp_path: Path) -> None:
    published = PUBLISHED[reader](tmp_path)
    (path,) = start("respiration", list(published.paths), tmp_path / "out", Hints()).files
    assert n_lines(path.read_text(encoding="utf-8")) <= 10
    experiment = load_experiment(path)
    assert "nee" in experiment.record()


@pytest.mark.parametrize(("kind", "reader"), SENSORS)
def test_the_experiment_of_sensors_and_weather_is_read(kind: str, reader: str, tmp_path: Path) -> None:
    published = PUBLISHED[reader](tmp_path)
    given = Hints(latitude=45.0, longitude=-90.0)
    (path,) = start(kind, list(published.paths), tmp_path / "out", given).files
    experiment = load_experiment(path)
    record = experiment.record()
    assert "theta" in record
    if kind == "hydraulics":
        assert not np.isnan(record["depth"]).any()
        assert experiment.soil is not None
        assert experiment.surface is not None


def test_chambers_are_the_target_where_there_is_no_tower(tmp_path: Path) -> None:
    published = PUBLISHED["cosore"](tmp_path)
    (path,) = start("respiration", list(published.paths), tmp_path / "out", Hints()).files
    settings = load_experiment(path).respiration
    assert settings is not None
    assert settings.target in ("soil", "heterotrophic")


def test_soil_of_a_table_becomes_place_and_texture(tmp_path: Path) -> None:
    published = PUBLISHED["uscrn"](tmp_path)
    wban = load_wban(published.paths[0])
    table = tmp_path / "cores.csv"
    rows = "".join(f"{int(wban)},P{k},45.0,{soc},1.2,20.0,40.0\n" for k, soc in enumerate((10.0, 20.0, 40.0)))
    table.write_text(f"wban,plot,lat,OC_gkg,BD,clay,sand\n{rows}99999,Q,1.0,90,1.0,5.0,90.0\n", encoding="utf-8")
    (path,) = start("carbon", [*published.paths, table], tmp_path / "out", Hints(site=wban)).files
    experiment = load_experiment(path)
    place = experiment.place
    assert (place.organic_carbon, place.bulk_density, place.clay, place.sand) == (0.02, 1200.0, 0.2, 0.4)
    assert experiment.carbon_module is not None
    assert experiment.carbon_module.soc_spread == pytest.approx(np.log(2.0), abs=1e-3)
    (path,) = start(
        "hydraulics", [*published.paths, table], tmp_path / "soil", Hints(site=wban, latitude=45.0, longitude=-90.0)
    ).files
    soil = load_experiment(path).soil
    assert soil is not None
    assert soil.texture is not None
    assert soil.texture.clay == (0.2,)


def load_wban(path: Path) -> str:
    return str(pd.read_parquet(path)["wban"].iloc[0]).zfill(5)


def test_an_edited_experiment_is_not_replaced(tmp_path: Path) -> None:
    file = student(tmp_path)
    (path,) = write("respiration", file, tmp_path).files
    write("respiration", file, tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    with refusal("experiment.toml", "other contents than the new experiment", "--out"):
        write("respiration", file, tmp_path)


def test_several_sites_get_a_file_each(tmp_path: Path) -> None:
    first = student(tmp_path)
    second = first.with_name("other.csv")
    second.write_bytes(first.read_bytes())
    written = start("respiration", [first, second], tmp_path / "out", Hints())
    assert [path.name for path in written.files] == ["student.toml", "other.toml"]
    assert "student.toml" in written.commands[0][0]


@pytest.mark.parametrize(
    ("kind", "columns", "problem"),
    [
        ("respiration", ["NEE"], "neither NEE nor soil respiration"),
        ("respiration", ["Rg"], "night cannot be determined"),
        ("moisture", ["SWC_10cm"], "no soil moisture and no precipitation"),
        ("hydraulics", [], "no precipitation and no humidity"),
    ],
)
def test_a_record_without_what_the_kind_needs_is_refused(
    kind: str, columns: list[str], problem: str, tmp_path: Path
) -> None:
    path = student(tmp_path)
    pd.read_csv(path).drop(columns=columns).to_csv(path, index=False)
    with refusal("student.csv", problem, "give"):
        write(kind, path, tmp_path)


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cores.csv"
    path.write_text("site,OC,clay\nA,1.0,2.0\n", encoding="utf-8")
    with refusal("cores.csv", "none of the files is a record", "inspect"):
        start("respiration", [path], tmp_path / "out", Hints())
