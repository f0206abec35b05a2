"""ISMN: files of both formats, archives, depths, flags, and refusals."""

from __future__ import annotations

import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.refusals import refusal

from jules_ml.data.readers.ismn import read_ismn
from jules_ml.experiment import load_experiment

FLAGS = ["G", "G", "D01,D03", "C02", "G", "M"]


def name(kind: str, depth: str = "0.050000_0.050000", sensor: str = "Hydraprobe", station: str = "Abrams") -> str:
    return f"SCAN_SCAN_{station}_{kind}_{depth}_{sensor}_20200601_20200601.stm"


def header_values(
    folder: Path, kind: str = "sm", values: float = 0.25, depths: tuple[float, float] = (0.05, 0.05), **parts: str
) -> Path:
    """One sensor in the format 'header + values', as ISMN writes it."""
    path = folder / name(kind, f"{depths[0]:.6f}_{depths[1]:.6f}", **parts)
    folder.mkdir(parents=True, exist_ok=True)
    station = parts.get("station", "Abrams")
    lines = [f"SCAN  SCAN  {station}   40.12000  -105.34000  1600.00    {depths[0]:.4f}    {depths[1]:.4f}  Hydraprobe"]
    for hour, flag in enumerate(FLAGS):
        value = -9999.0 if flag == "M" else values + 0.01 * hour
        lines.append(f"2020/06/01 {hour:02d}:00 {value:10.4f} {flag} M")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def ceop(folder: Path) -> Path:
    """One sensor in the format CEOP (separate files), as ISMN writes it."""
    path = folder / name("sm")
    rows = [
        f"2020/06/01 {hour:02d}:00 2020/06/01 {hour:02d}:00 SCAN  SCAN  Abrams   40.12000  -105.34000  1600.00    0.05    0.05"
        f"    {0.25 + 0.01 * hour:.4f} {flag} M"
        for hour, flag in enumerate(FLAGS)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path


needs_package = pytest.mark.usefixtures("package")


@pytest.fixture
def package() -> None:
    pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")


@needs_package
@pytest.mark.parametrize("write", [header_values, ceop])
def test_both_formats_are_read(tmp_path: Path, write: object) -> None:
    ds = read_ismn(write(tmp_path))  # type: ignore[operator]
    np.testing.assert_allclose(ds["theta"].squeeze(), [0.25, 0.26, np.nan, np.nan, 0.29, np.nan])
    assert ds["theta"].attrs["units"] == "m3 m-3"
    np.testing.assert_array_equal(ds["time"], pd.date_range("2020-06-01", periods=6, freq="h"))
    assert ds["depth"].to_numpy().tolist() == [0.05]
    assert ds.attrs["interval_seconds"] == 3600.0
    position = [ds.attrs[key] for key in ("site", "latitude", "longitude", "elevation")]
    assert position == ["Abrams", 40.12, -105.34, 1600.0]


@needs_package
def test_flagged_values_are_counted(tmp_path: Path) -> None:
    path = header_values(tmp_path)
    theta = read_ismn(path)["theta"]
    assert theta.attrs["flagged"] == "C02 1, D01,D03 1, M 1"
    used = read_ismn(path, flags=["G", "C02"])["theta"]
    assert float(used[3, 0]) == pytest.approx(0.28)
    assert used.attrs["n_flagged"] == 2


@needs_package
def test_sensors_of_an_archive_are_one_record(tmp_path: Path) -> None:
    folder = tmp_path / "archive" / "SCAN" / "Abrams"
    header_values(folder)
    header_values(folder, values=0.30, depths=(0.1, 0.3))
    header_values(folder, "ts", 15.0)
    header_values(folder, "p", 1.8, depths=(0.0, 0.0), sensor="Gauge")
    header_values(folder, "su", 1.8)
    header_values(tmp_path / "archive" / "SCAN" / "Other", station="Other")
    ds = read_ismn(tmp_path / "archive", site="Abrams")
    np.testing.assert_allclose(ds["depth"], [0.05, 0.2])  # the middle of 0.1 to 0.3 m
    np.testing.assert_allclose(ds["theta"][0], [0.25, 0.30])
    np.testing.assert_allclose(ds["t_soil"][0], [288.15, np.nan])
    assert float(ds["precip"][0]) == pytest.approx(1.8 / 3600.0)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for file in sorted((tmp_path / "archive").rglob("*.stm")):
            archive.write(file, file.relative_to(tmp_path / "archive").as_posix())
    of_zip = read_ismn(tmp_path / "archive.zip", site="SCAN/Abrams")
    np.testing.assert_array_equal(of_zip["theta"], ds["theta"])
    (tmp_path / "x.toml").write_text(
        '[data]\nreader = "ismn"\npath = "archive"\n[site]\nname = "Other"\n', encoding="utf-8"
    )
    assert load_experiment(tmp_path / "x.toml").record().attrs["site"] == "Other"
    with refusal("archive", "2 stations (SCAN/Abrams, SCAN/Other), and none is chosen", "[site]"):
        read_ismn(tmp_path / "archive")


@needs_package
def test_a_cosmic_ray_probe_has_no_depth(tmp_path: Path) -> None:
    ds = read_ismn(header_values(tmp_path, depths=(0.0, 0.19), sensor="Cosmic-ray-Probe"))
    assert float(ds["theta_crns"][0]) == 0.25
    assert "theta" not in ds


@needs_package
@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (lambda text: text.replace(" C02 ", " Q99 "), "flag 'Q99' at 2020-06-01 03:00:00 is unknown", "G, M, C01"),
        (lambda text: text[:-6], "the file is damaged", "download it again"),
        (lambda text: text.replace("01:00", "00:00"), "duplicate time stamp", "delete one"),
        (
            lambda text: text.replace("2020/06/01 00:00", "yesterday noon", 1),
            "the file is damaged",
            "download it again",
        ),
        (lambda _text: "", "the file is damaged", "download it again"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: object, problem: str, remedy: str) -> None:
    path = header_values(tmp_path)
    path.write_text(change(path.read_text(encoding="ascii")), encoding="ascii")  # type: ignore[operator]
    with refusal(path.name, problem, remedy):
        read_ismn(path)


def test_other_names_are_refused(tmp_path: Path) -> None:
    path = header_values(tmp_path)
    with refusal("soil.stm", "not that of ISMN", "keep the name"):
        read_ismn(path.rename(tmp_path / "soil.stm"))
    with refusal("none.stm", "no such file", "path"):
        read_ismn(tmp_path / "none.stm")
    with refusal("empty", "no file *.stm", "as ISMN provides it"):
        (tmp_path / "empty").mkdir()
        read_ismn(tmp_path / "empty")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ismn.filehandlers", None)
    with refusal(".stm", "which is not installed", "jules_ml[ismn]"):
        read_ismn(header_values(tmp_path))


def test_warnings_that_are_not_of_times_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ismn.filehandlers import DataFile

    read_data = DataFile.read_data

    def with_warning(self: object) -> object:
        warnings.warn("an option will change", FutureWarning, stacklevel=1)
        warnings.warn("a chart is too small", UserWarning, stacklevel=1)
        return read_data(self)

    monkeypatch.setattr(DataFile, "read_data", with_warning)
    with pytest.warns() as recorded:
        assert "theta" in read_ismn(header_values(tmp_path))
    assert {str(each.message) for each in recorded} >= {"an option will change", "a chart is too small"}
