"""Results of an ensemble that was stopped before it wrote its manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.data.readers.column_output import read_output
from jules_ml.ensemble.manifest import PLAN, member_folder
from jules_ml.ensemble.results import MANIFEST
from jules_ml.errors import BadInput


def write_output(path: Path) -> None:
    """Write water of one layer over three days."""
    xr.Dataset(
        {"smcl": (("time", "soil"), np.full((3, 1), 30.0)), "dzsoil": ("soil", [0.1])},
        coords={"time": np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[ns]")},
    ).to_netcdf(path)


def test_results_without_a_manifest_are_refused_with_a_remedy(tmp_path: Path) -> None:
    member_folder(tmp_path, 0).mkdir(parents=True)
    (tmp_path / PLAN).write_text("{}")
    path = tmp_path / "ensemble.nc"
    write_output(path)
    with pytest.raises(BadInput, match="results of this ensemble are not complete") as caught:
        read_output(path)
    assert caught.value.remedy.startswith(f"write them again with 'jules-ml gather {tmp_path}'")
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 2, result.output
    assert "jules-ml gather" in result.output
    (tmp_path / MANIFEST).write_text("{}")
    assert read_output(path)["theta"].to_numpy()[0, 0] == pytest.approx(0.3)


def test_the_output_of_a_member_is_read_while_its_ensemble_runs(tmp_path: Path) -> None:
    member = member_folder(tmp_path, 0)
    member.mkdir(parents=True)
    (tmp_path / PLAN).write_text("{}")
    write_output(member / "member.nc")
    assert read_output(member / "member.nc").sizes["time"] == 3
