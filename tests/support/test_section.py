"""Optional values of an experiment file are switched off by the text "none"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.support.section import DataPath, PerLayer, Section


class Example(Section):
    """Fields that may and may not be switched off."""

    limit: Annotated[float, Field(ge=0.0)] | Literal["estimate"] | None = 1.0
    range: tuple[float, float] | None = (0.0, 1.0)
    text: str | None = "7D"
    number: float = 1.0
    name: str = "a"
    choice: Literal["all", "none"] = "all"
    own: Literal["all", "none"] | None = "all"


def test_none_switches_off_what_may_be_none() -> None:
    section = Example.model_validate({"limit": "none", "range": "none", "text": "none"})
    assert (section.limit, section.range, section.text) == (None, None, None)


def test_none_is_kept_where_it_is_a_choice_or_any_text() -> None:
    section = Example.model_validate({"choice": "none", "own": "none", "name": "none"})
    assert (section.choice, section.own, section.name) == ("none", "none", "none")


def test_none_is_refused_where_a_number_is_needed() -> None:
    with pytest.raises(ValidationError, match="number"):
        Example.model_validate({"number": "none"})


def test_every_filter_of_rows_can_be_switched_off_in_a_file(tmp_path: Path) -> None:
    names = [name for name in RowSettings.model_fields if RowSettings._can_be_off(name)]
    assert names == ["ustar_min", "night_max_potential", "frozen_below", "stuck_after", "least_flux", "most_flux"]
    file = tmp_path / "tower.toml"
    rows = "".join(f'{name} = "none"\n' for name in names)
    file.write_text(f'[respiration]\nfree_smoothness = "none"\n\n[respiration.rows]\n{rows}', encoding="utf-8")
    settings = load_experiment(file).respiration
    assert settings is not None
    assert settings.free_smoothness is None
    assert all(getattr(settings.rows, name) is None for name in names)
    stored = settings.model_dump(mode="json")
    assert RespirationSettings.model_validate(stored) == settings


class Typed(Section):
    """Fields of numbers and truth values."""

    number: float = 1.0
    count: int | None = None
    limit: Annotated[float, Field(ge=0.0)] | Literal["estimate"] | None = None
    layers: PerLayer = (1.0,)
    by_name: dict[str, float] = Field(default_factory=dict)
    switch: bool = True
    either: bool | None = None
    anything: dict[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"number": True}, "a number is needed, not true or false"),
        ({"count": False}, "a number is needed, not true"),
        ({"limit": True}, "a number is needed, not true"),
        ({"layers": True}, "a number is needed, not true"),
        ({"layers": [0.1, True]}, "a number is needed, not true"),
        ({"by_name": {"a": True}}, "a number is needed, not true"),
        ({"number": "0.3"}, "a number is needed, without quotes"),
        ({"layers": ["0.3"]}, "a number is needed, without quotes"),
        ({"switch": 1}, "true or false is needed"),
        ({"switch": "yes"}, "true or false is needed"),
        ({"either": 0.0}, "true or false is needed"),
        ({"number": float("nan")}, "finite"),
        ({"layers": [float("inf")]}, "finite"),
        ({"by_name": {"a": float("inf")}}, "finite"),
    ],
)
def test_types_are_those_that_the_file_has(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Typed.model_validate(table)


def test_types_as_written_are_accepted() -> None:
    table = {"number": 2, "count": 3, "limit": "estimate", "layers": [1, 2.5], "by_name": {"a": 1}, "switch": False}
    typed = Typed.model_validate({**table, "either": True, "anything": {"a": True, "b": "c"}})
    assert (typed.number, typed.count, typed.limit, typed.layers) == (2.0, 3, "estimate", (1.0, 2.5))
    assert (typed.switch, typed.either) == (False, True)


@pytest.mark.parametrize("folder", [None, "/data"])
def test_the_home_of_an_unknown_user_is_no_path(folder: str | None) -> None:
    with pytest.raises(ValidationError, match="'~nosuchuser/x' is not a path"):
        TypeAdapter(DataPath).validate_python("~nosuchuser/x", context={"folder": folder})
