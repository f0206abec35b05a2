"""docs/reference/experiment_file.md lists every key of the experiment file as the schema defines it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from helpers.paths import REPOSITORY
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from jules_ml.data.readers import cosore
from jules_ml.data.readers.table import TableRecord
from jules_ml.data.readers.table_spec import Quality, TableColumn, TableSpec, TableTime
from jules_ml.data.record_section import reader_names, reader_section
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.calibration import CalibratedSection, CalibrationSection, ObservedSection
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.closed_loop import ClosedLoopSection
from jules_ml.experiment.component import ComponentSection
from jules_ml.experiment.ensemble import EnsembleSection, ParameterSection, WeightsSection
from jules_ml.experiment.grid import DriveSection, GridSection
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.jules import JulesSection, PrescribedSection
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.experiment.place import PlaceSection
from jules_ml.experiment.quality import QualitySection
from jules_ml.experiment.respiration import LayerSettings, RespirationSettings, RowSettings
from jules_ml.experiment.sections import (
    CarbonSection,
    ForcingSection,
    InitialSection,
    ModulesSection,
    RunSection,
    SiteSection,
    SoilSection,
    SoilValues,
    SpinUpSection,
    Texture,
)
from jules_ml.experiment.soil_processes import FourPoolsSection, TopmodelSection
from jules_ml.experiment.surface import SurfaceSection, TileSection

DOCS = REPOSITORY / "docs"
RUNNING = (DOCS / "reference" / "experiment_file.md").read_text(encoding="utf-8")

TABLES: dict[str, type[BaseModel]] = {
    "[site]": SiteSection,
    "[place]": PlaceSection,
    "[quality]": QualitySection,
    "[forcing]": ForcingSection,
    "[soil]": SoilSection,
    "[soil.properties]": SoilValues,
    "[soil.texture]": Texture,
    "[soil.topmodel]": TopmodelSection,
    "[surface]": SurfaceSection,
    "[[surface.tiles]]": TileSection,
    "[physics]": PhysicsSection,
    "[carbon]": CarbonSection,
    "[carbon.four_pools]": FourPoolsSection,
    "[modules]": ModulesSection,
    "[jules]": JulesSection,
    "[jules.prescribed]": PrescribedSection,
    "[run]": RunSection,
    "[run.spin_up]": SpinUpSection,
    "[run.initial]": InitialSection,
    "[grid]": GridSection,
    "[grid.drive]": DriveSection,
    "[ensemble]": EnsembleSection,
    "[[ensemble.parameters]]": ParameterSection,
    "[ensemble.weights]": WeightsSection,
    "[calibration]": CalibrationSection,
    "[[calibration.parameters]]": CalibratedSection,
    "[[calibration.observations]]": ObservedSection,
    "[closed_loop]": ClosedLoopSection,
    "[component]": ComponentSection,
    "[respiration]": RespirationSettings,
    "[respiration.rows]": RowSettings,
    "[respiration.layers]": LayerSettings,
    "[moisture]": MoistureSection,
    "[carbon_module]": CarbonSettings,
    "[hydraulics]": HydraulicSettings,
}
RECORDS = {name: reader_section(name) for name in reader_names() if name != "table"}


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "**needed**"
    if value is None or value in ((), {}) or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, tuple):
        return f"`[{', '.join(_literal(v) for v in value)}]`" if len(value) > 1 else f"`{_literal(value[0])}`"
    return f"`{_literal(value)}`"


def _choices(annotation: object) -> str:
    """Allowed values of a key, where they are a few words or numbers."""
    options = [arg for arg in get_args(annotation) if isinstance(arg, str | int)]
    for inner in get_args(annotation):
        options += [arg for arg in get_args(inner) if get_origin(inner) is Literal]
    return f": {', '.join(f'`{_literal(option)}`' for option in options)}" if len(options) > 1 else ""


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def table(model: type[BaseModel]) -> str:
    """Expected table of the keys of a section."""
    rows = [
        f"| `{name}` | {_default(field.get_default(call_default_factory=True))} | {field.description}{_choices(field.annotation)} |"
        for name, field in model.model_fields.items()
        if name != "reader"
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


@pytest.mark.parametrize("name", TABLES)
def test_page_lists_every_key_of_a_section(name: str) -> None:
    assert f"`{name}`" in RUNNING
    assert table(TABLES[name]) in RUNNING


@pytest.mark.parametrize("reader", RECORDS)
def test_page_lists_every_reader_with_its_keys(reader: str) -> None:
    model = RECORDS[reader]
    assert f'`reader = "{reader}"`: {model.model_fields["reader"].description}' in RUNNING
    assert table(model) in RUNNING


@pytest.mark.parametrize("model", [TableRecord, TableColumn, TableTime, Quality])
def test_page_lists_every_key_of_the_column_map(model: type[BaseModel]) -> None:
    missing = [name for name in model.model_fields if f"`{name}`" not in RUNNING]
    assert not missing


def test_page_states_the_time_zone_of_records_whose_files_do_not() -> None:
    """COSORE's stamps are UTC, at the start of the hour; SMEAR's of FI-Hyy are at the start of the half-hour."""
    assert "0 for those of the database, which are UTC at the start of the hour" in RUNNING
    assert '`"start"` (as in SMEAR\'s record of FI-Hyy)' in RUNNING
    assert "*start* of hours in **UTC**" in str(cosore.__doc__)
    assert "SMEAR's record of FI-Hyy" in str(TableSpec.__doc__)


def test_page_lists_every_section() -> None:
    assert [name for name in Experiment.model_fields if f"[{name}" not in RUNNING] == []


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", RUNNING, re.DOTALL))
def test_example_on_the_page_is_a_valid_experiment(text: str, tmp_path: Path) -> None:
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    load_experiment(tmp_path / "shown.toml")


@pytest.mark.parametrize("path", sorted((DOCS / "examples").glob("*.toml")), ids=lambda p: p.name)
def test_examples_are_valid_experiments(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.run is not None
    assert f"examples/{path.name}" in (DOCS / "how_to" / "running.md").read_text(encoding="utf-8")
