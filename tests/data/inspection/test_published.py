"""Each published format is recognised, and the drafted ``[data]`` reads the record that a user's section reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from helpers.published_files import PUBLISHED, Published

from jules_ml.data.inspection import file_text, inspect_files
from jules_ml.data.record_section import reader_names, reader_section
from jules_ml.experiment import load_experiment


def expected(published: Published) -> xr.Dataset:
    section = reader_section(published.keys["reader"])
    several = len(published.paths) > 1
    path = [str(path) for path in published.paths] if several else str(published.paths[0])
    return section.model_validate(published.keys | {"path": path}).read()


def test_every_registered_reader_has_a_file() -> None:
    readers = {name.replace("jules_netcdf", "jules_driving") for name in PUBLISHED}
    assert readers == {
        name for name in reader_names() if name != "auto" and reader_section(name).__module__.startswith("jules_ml")
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_draft_reads_the_record(tmp_path: Path, name: str) -> None:
    if name == "ismn":
        pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")
    published = PUBLISHED[name](tmp_path)
    (inspection,) = inspect_files(list(published.paths))
    assert inspection.reader == published.keys["reader"]
    assert inspection.problems == ()
    assert [one.problem for one in inspection.suspicions if "clock" in one.problem] == []
    experiment = tmp_path / "x.toml"
    experiment.write_text(file_text([inspection]), encoding="utf-8")
    record = load_experiment(experiment).record()
    xr.testing.assert_identical(record, expected(published))
    names = {summary.variable for summary in inspection.variables}
    assert names == {str(name) for name in record.data_vars if not str(name).endswith("_qc")}
