"""``jules-ml fit moisture`` from the command line: twelve stations, cross-validation under every value of ``static``, adaptation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.few_trees import few_trees
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.data.readers.uscrn import uscrn_stations

SETTINGS = """
width = 8
members = 1
steps = 2
dilations = [1, 2]
fortnights = 2
site_folds = 3
compare_static = true
"""


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    with few_trees():
        yield


@pytest.fixture(scope="module")
def stations(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Experiment files of thirteen stations with soil samples."""
    daily = shared_data / "moisture" / "uscrn_2020_daily.parquet"
    soils = uscrn_stations(daily, shared_data / "carbon" / "uscrn_station_soil.csv")
    folder = tmp_path_factory.mktemp("stations")
    files: list[Path] = []
    for wban, row in soils[soils["clay"].notna()].head(13).iterrows():
        text = f'[data]\nreader = "uscrn"\npath = "{daily}"\nwban = "{wban}"\n'
        text += f"[moisture]\n{SETTINGS}" if not files else "[moisture]\n"
        text += f"[place]\nclay = {0.01 * row['clay']}\nsand = {0.01 * row['sand']}\n"
        files.append(folder / f"{wban}.toml")
        files[-1].write_text(text, encoding="utf-8")
    return files


@pytest.mark.slow
def test_sites_are_held_out_under_every_value_of_static(stations: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "theta"
    typed = ["fit", "moisture", *map(str, stations[:12]), "--out", str(out)]
    done = CliRunner().invoke(app, typed)
    assert done.exit_code == 0, done.output
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    held_out = scores["held_out_sites"]
    assert held_out["static"] == "both"
    assert len(held_out["sites"]) == 12
    assert set(held_out["differences"]) == {"texture less both", "satellite less both", "none less both"}
    for difference in held_out["differences"].values():
        assert difference["rmse"]["low"] <= difference["rmse"]["mean"] <= difference["rmse"]["high"]

    new = tmp_path / "new"
    typed = ["fit", "moisture", str(stations[12]), "--adapt", str(out), "--days", "30", "--out", str(new)]
    done = CliRunner().invoke(app, typed)
    assert done.exit_code == 0, done.output
    assert json.loads((new / "scores.json").read_text(encoding="utf-8"))["adapted_from"] == "theta"


def test_folds_with_too_few_training_sites_are_refused_before_the_training(
    stations: list[Path], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["fit", "moisture", *map(str, stations[:9]), "--out", str(tmp_path / "theta")])
    assert done.exit_code == 2
    assert "9 sites in 3 folds leave 6 training sites" in done.output
    assert "site_folds = 0" in done.output


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("claay = 0.2", "key 'claay' is unknown"),
        ("bulk_density = 1.3", "bulk_density is 1.3, outside 30 to 2700 kg m-3"),
    ],
)
def test_invalid_properties_are_refused(stations: list[Path], tmp_path: Path, properties: str, message: str) -> None:
    text = stations[1].read_text(encoding="utf-8").split("[place]")[0] + f"[place]\n{properties}\n"
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["fit", "moisture", str(tmp_path / "wrong.toml"), "--out", str(tmp_path / "theta")])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
