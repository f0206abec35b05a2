"""``jules-ml modules``, and ``ready:NAME`` in place of a module folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.learned.kind import kind_of_folder
from jules_ml.learned.ready import ReadyModule, ready_modules
from jules_ml.support.ready import FOLDER, ready_names

runner = CliRunner()
SOIL = "hydraulics-neon-uscrn"
CURVES = "respiration-deciduous-broadleaf"
#: Largest size of all ready-made modules in the package [bytes].
MOST = 8_000_000


def test_modules_are_listed_with_their_scores() -> None:
    result = runner.invoke(app, ["modules", "--json"])
    assert result.exit_code == 0, result.output
    listed = json.loads(result.output)
    assert [each["name"] for each in listed] == list(ready_names())
    assert {CURVES, SOIL} <= set(ready_names())
    table = runner.invoke(app, ["modules"], terminal_width=200).output
    assert "ready:NAME" in table


def test_a_module_is_described() -> None:
    for name in (CURVES, f"ready:{CURVES}"):
        result = runner.invoke(app, ["modules", name])
        assert result.exit_code == 0, result.output
        for text in (
            "CC BY 4.0",
            "training range, wetness",
            "Bond-Lamberty",
            "JULES's f and g",
            "benchmarks/ready_modules.py",
        ):
            assert text in result.output


def test_an_unknown_name_gives_the_list() -> None:
    result = runner.invoke(app, ["modules", "respiration-moon"])
    assert result.exit_code == 2
    for name in ready_names():
        assert name in result.output


def test_the_modules_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MOST


@pytest.mark.parametrize("module", ready_modules(), ids=lambda module: module.name)
def test_a_card_has_licence_sites_scores_and_range(module: ReadyModule) -> None:
    entry, held_out = module.entry, module.entry["held_out"]
    assert module.name.startswith(module.kind)
    assert entry["licence"] == "CC BY 4.0"
    assert entry["attribution"]
    assert entry["limits"]
    assert entry["trained_on"]["sites"]
    assert "CH-Dav" not in json.dumps(entry)
    assert held_out["gain"]["mean"] > (held_out["gain"]["standard_error"] or 0.0)
    assert all(span["min"] < span["max"] for span in entry["training_range"].values())
    # weights, card and checksums are those of a module
    kind_of_folder(module.folder).load(module.folder)


def test_a_run_of_the_column_uses_ready_made_modules(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    used = f'\n[modules]\nrespiration = "ready:{CURVES}"\nhydraulics = "ready:{SOIL}"\n'
    dry = path.read_text(encoding="utf-8").replace("sthuf = 0.75", "sthuf = 0.08")
    path.write_text(dry + used, encoding="utf-8")
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert f"jules-ml evaluate ready:{CURVES} --in-model" in output
    assert (
        f"ready:{CURVES} was trained on COSORE: 10 sets of chambers at 5 places (wetness 0.136 to 0.985, t_soil"
        in output
    )
    # the soil is drier than at the chambers, and the input statistics of one day are far from those of the towers
    assert "in 100% of the run the wetness of the first layer" in output
    assert "outside the training range, replaced by the nearest value within" in output
    with xr.open_dataset(tmp_path / "out" / "column.nc") as ds:
        assert ds.attrs["modules"] == f"respiration {CURVES}; hydraulics {SOIL}"


def test_an_experiment_with_an_unknown_module_is_refused_by_line(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    text = path.read_text(encoding="utf-8") + '\n[modules]\nrespiration = "ready:respiration-decidous"\n'
    path.write_text(text, encoding="utf-8")
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "modules.respiration" in result.output
    assert f"write ready:{CURVES}" in result.output


def test_commands_take_a_ready_made_module(tmp_path: Path) -> None:
    result = runner.invoke(app, ["export", f"ready:{CURVES}", "--to", "curves", "--out", str(tmp_path / "curves")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "curves" / "fsth.nml").is_file()
    assert f"'jules-ml modules {CURVES}' lists all limits" in result.output
    for words in (["evaluate", "ready:moon", "--out", "x"], ["export", "ready:moon", "--to", "curves", "--out", "x"]):
        refused = runner.invoke(app, words)
        assert refused.exit_code == 2
        assert "there is no ready-made module 'moon'" in refused.output
    words = [
        "fit",
        "moisture",
        str(write_experiment(tmp_path)),
        "--adapt",
        f"ready:{CURVES}",
        "--out",
        str(tmp_path / "new"),
    ]
    assert "the folder contains a module of kind respiration, not moisture" in runner.invoke(app, words).output
