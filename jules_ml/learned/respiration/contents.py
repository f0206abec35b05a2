"""What a folder of learned respiration must contain; see :mod:`jules_ml.learned.contents`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Final

import torch
from pydantic import ConfigDict, Field, model_validator
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.checksums import CHECKSUMS
from jules_ml.learned.contents import TEXT, TIMES, CardTable, Contents, TrainingDays, Variable, Weight, settings_of
from jules_ml.learned.respiration.antecedent import DRIVERS
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES
from jules_ml.learned.respiration.photosynthesis import DRIVERS as WEATHER
from jules_ml.learned.store import ASSIMILATION_PREFIX

#: Largest logarithm of a curve or a base respiration, in both directions; its exponential is finite in 32 bits.
_LOG: Final = 80.0
_WATER, _TEMPERATURE = len(MOISTURE_NODES), len(TEMPERATURE_NODES)

_Positive = Annotated[float, Field(gt=0.0)]


class _Site(CardTable):
    training_days: TrainingDays | None = None
    adapted: bool = False
    rows: int | None = None
    layer_ratio: _Positive | None = None


class _Prior(CardTable):
    model_config = ConfigDict(extra="forbid")

    mean: float
    trust: Annotated[float, Field(ge=0.0, le=1.0)]


class _Ustar(CardTable):
    p50: float


class RespirationCard(CardTable):
    """Entries of the card that are used."""

    settings: settings_of(RespirationSettings)  # type: ignore[valid-type]
    groups: Annotated[list[str], Field(min_length=1)]
    sites: dict[str, _Site]
    level: dict[str, _Positive] | None = None
    porosity: dict[str, Annotated[float, Field(gt=0.0, le=1.0)]] | None = None
    dry: dict[str, float] | None = None
    level_prior: _Prior | None
    ustar_threshold: dict[str, _Ustar] | None = None
    heterotrophic_fraction: Annotated[float, Field(ge=0.0, le=1.0)] | None = None

    @model_validator(mode="after")
    def _groups_are_different(self) -> RespirationCard:
        if len(set(self.groups)) < len(self.groups):
            raise ValueError("a group is repeated")
        return self


def _weights(card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Weight]:
    groups = len(card["groups"])
    # folders of earlier versions, which have no checksums, may lack some tensors
    early = CHECKSUMS not in card
    log_curve = partial(Weight, least=-_LOG, most=_LOG)
    return {
        "log_f": log_curve(("member", _WATER)),
        "log_g": log_curve(("member", _TEMPERATURE)),
        "log_level": log_curve(("member", groups)),
        "level": Weight((groups,), above=0.0),
        "seen_moisture": Weight((2,)),
        "seen_temperature": Weight((2,)),
        "reference": Weight((), least=0.0),
        "noise": Weight((groups, 2), least=0.0),
        "quantiles": Weight((2,)),
        "series": Weight(("window", 4), optional=early),
        "series_parameters": Weight((groups, 3), missing=True, optional=early),
        "smoothing_f": Weight((_WATER,), optional=early, least=0.0),
        "smoothing_g": Weight((_TEMPERATURE,), optional=early, least=0.0),
        "antecedent_drivers": Weight(("driver",), optional=early, least=0.0, most=len(DRIVERS) - 1.0),
        "antecedent_x": Weight(("driver", "node"), optional=early),
        "antecedent_log_h": log_curve(("driver", "node"), optional=early),
        "networks.*": Weight(None),
        f"{ASSIMILATION_PREFIX}log_capacity": Weight(("member", "assimilating group"), optional=True),
        **{
            f"{ASSIMILATION_PREFIX}log_{name}": Weight(("member", f"node of {name}"), optional=True) for name in WEATHER
        },
    }


def _problem(state: Mapping[str, Tensor]) -> str:
    return next((text for wrong, text in _faults(state) if wrong), "")


def _faults(state: Mapping[str, Tensor]) -> Iterator[tuple[bool, str]]:
    """Whether a fault between tensors is there, and its description."""
    for name in ("seen_moisture", "seen_temperature", "quantiles"):
        yield bool(state[name][0] > state[name][1]), f"'{name}' ends before it starts"
    series, parameters = state.get("series"), state.get("series_parameters")
    if parameters is not None:
        unknown = torch.isnan(parameters)
        yield bool((unknown.any(1) != unknown.all(1)).any()), "'series_parameters' is incomplete for a group"
    if series is not None and len(series):
        yield parameters is None, "'series_parameters' is missing"
        group = series[:, 0]
        yield bool(((group < 0) | (group >= len(state["level"]))).any()), "'series' names a group that does not exist"
    if "antecedent_x" in state:
        x = state["antecedent_x"]
        yield bool((torch.diff(x, dim=1) <= 0.0).any()), "'antecedent_x' does not increase"
    for prefix, count, what in (
        (ASSIMILATION_PREFIX, 1 + len(WEATHER), "photosynthesis"),
        ("antecedent_", 3, "drivers"),
    ):
        yield sum(name.startswith(prefix) for name in state) not in (0, count), f"a table of {what} is missing"


CONTENTS: Final = Contents(
    card=RespirationCard,
    weights=_weights,
    problem=_problem,
    predictions={
        "time": Variable(("row",), TIMES, required=True),
        "middle": Variable(("row",), TIMES),
        "site": Variable(("row",), TEXT),
        "group": Variable(("row",), TEXT),
        "t_soil": Variable(("row",), required=True),
        "wetness": Variable(("row",), required=True),
        **{name: Variable(("row",)) for name in ("theta", "observed", "predicted", "lower", "upper", "split")},
    },
)
