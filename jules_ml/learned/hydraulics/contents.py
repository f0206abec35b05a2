"""What a folder of learned hydraulics must contain; see :mod:`jules_ml.learned.contents`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from torch import Tensor

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.contents import TEXT, CardTable, Contents, TrainingDays, Variable, Weight, settings_of
from jules_ml.learned.hydraulics.correction import network_of_card
from jules_ml.physics.soil_names import LAYERED, RESIDUAL


class _Site(CardTable):
    start: str | None = None
    training_days: TrainingDays | None = None
    inputs: dict[str, float | None] | None = None


class HydraulicCard(CardTable):
    """Entries of the card that are used."""

    settings: settings_of(HydraulicSettings)  # type: ignore[valid-type]
    inputs: dict[str, dict[str, Any]]
    dzsoil: Annotated[list[Annotated[float, Field(gt=0.0)]], Field(min_length=1)] | None = None
    sites: dict[str, _Site] | None = None
    notes: list[str] | None = None
    prior: Literal["rosetta3"] | None = None
    soil_sites: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    choices: dict[str, Any] | None = None


def _weights(card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Weight]:
    network = network_of_card(card)
    above = {"spread": 0.0, "without_texture.spread": 0.0}
    return {
        name: Weight(tuple(value.shape), above=above.get(name, float("-inf")))
        for name, value in network.state_dict().items()
    }


def _problem(state: Mapping[str, Tensor]) -> str:
    return "'seen_max' is below 'seen_min'" if bool((state["seen_max"] < state["seen_min"]).any()) else ""


CONTENTS: Final = Contents(
    card=HydraulicCard,
    weights=_weights,
    problem=_problem,
    predictions={
        "site": Variable(("site",), TEXT, required=True),
        "albsoil": Variable(("site",), required=True),
        **{name: Variable(("soil", "site"), required=True) for name in (*LAYERED, *RESIDUAL)},
        **{name: Variable(("day", "sensor")) for name in ("observed", "predicted", "lower", "upper", "split")},
    },
)
