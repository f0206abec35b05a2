"""Every kind of module says what a record was taken for, and what is remarkable in it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from helpers.moisture_site import site

from jules_ml.data.notes import constant_notes, notes_of_record
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.learned.kind import kind_of

TOWER = """
[site]
name = "Here"
latitude = 45.5
longitude = -89.6
elevation = 480.0
[data]
reader = "auto"
path = "{path}"
utc_offset_hours = -6.0
swc_depths = {depths}
[soil.texture]
pedotransfer = "cosby"
sand = 0.50
silt = 0.41
clay = 0.09
[[surface.tiles]]
type = "broadleaf_tree"
frac = 1.0
[carbon]
cs = 7.6
[run]
start = 2020-06-01T06:00:00
end = 2020-11-01T06:00:00
"""


@pytest.fixture(scope="module")
def tower(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Experiment of a daily FLUXNET file, with a first depth in centimetres."""
    path = shared_data / "moisture" / "neon_fluxnet_daily" / "AMF_US-xST_FLUXNET_SUBSET_DD_2017-2021_3-5.csv.gz"
    header = gzip.decompress(path.read_bytes()).splitlines()[0].decode().split(",")
    count = sum(1 for name in header if name.startswith("SWC_F_MDS_") and not name.endswith("_QC"))
    depths = [6.0, *(0.06 + 0.1 * number for number in range(count - 1))]
    file = tmp_path_factory.mktemp("tower") / "tower.toml"
    file.write_text(TOWER.format(path=path, depths=depths), encoding="utf-8")
    return load_experiment(file)


@pytest.mark.parametrize("kind", ["moisture", "hydraulics", "carbon"])
def test_the_site_of_a_kind_has_the_notes_of_its_record(tower: Experiment, kind: str) -> None:
    notes = kind_of(kind).site(tower).notes
    assert any("the file is a FLUXNET SUBSET file of US-xST, read by reader 'fluxnet'" in note for note in notes)
    assert any("a sensor is at a depth of 6 m" in note for note in notes)


def test_respiration_reads_the_notes_from_its_record(tower: Experiment) -> None:
    assert any("the file is a FLUXNET" in note for note in notes_of_record(kind_of("respiration").site(tower)))


def test_constant_variables_are_named() -> None:
    assert constant_notes(site()) == []
    dry = site(precip=np.zeros(700), theta=np.full((700, 1), 0.3))
    rain, water = constant_notes(dry)
    assert rain.startswith("site synthetic, variable precip: all 700 values are 0 kg m-2 s-1")
    assert water.startswith("site synthetic, variable theta, depth 0.05 m: all 700 values are 0.3 m3 m-3")
    assert constant_notes(dry.isel(time=slice(0, 50))) == []
