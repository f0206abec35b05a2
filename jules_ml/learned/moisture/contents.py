"""What a folder of learned soil moisture must contain; see :mod:`jules_ml.learned.contents`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.contents import TEXT, TIMES, CardTable, Contents, TrainingDays, Variable, Weight, settings_of
from jules_ml.learned.moisture.boosting import BOOSTING
from jules_ml.learned.moisture.network import LAYERS, LearnedMoisture

_Names = Annotated[list[str], Field(min_length=1)]
_Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
_Positive = Annotated[float, Field(gt=0.0)]
_Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
_Static = dict[str, float | None]


class _Inputs(CardTable):
    dynamic: _Names
    static: list[str]


class _StoredSite(CardTable):
    """Entry of :class:`~jules_ml.learned.moisture.stored_site.StoredSite`."""

    names: _Names
    depth: list[float | None]
    levels: list[_Pair | None]
    offsets: Annotated[list[list[float | None]], Field(min_length=2, max_length=2)]
    jules: Annotated[list[list[float | None]], Field(min_length=2, max_length=2)]
    main: Annotated[int, Field(ge=0)]
    static: _Static
    covariance: list[
        Annotated[
            list[Annotated[list[float | None], Field(min_length=2, max_length=2)]], Field(min_length=2, max_length=2)
        ]
    ]
    learned: bool
    interval_scale: _Positive = 1.0
    amplitude: _Positive = 1.0

    @model_validator(mode="after")
    def _same_sensors(self) -> _StoredSite:
        sensors = len(self.names)
        lengths = [len(self.depth), len(self.levels), *map(len, self.offsets), len(self.covariance)]
        if lengths != [sensors] * len(lengths):
            raise ValueError(f"depth, levels, offsets and covariance are not those of {sensors} sensors")
        if len(self.jules[0]) != len(self.jules[1]) or len(self.jules[0]) != LAYERS:
            raise ValueError(f"jules is not that of {LAYERS} layers")
        if self.main >= sensors or self.levels[self.main] is None:
            raise ValueError("main is no sensor with moments")
        if any(pair is not None and pair[1] <= 0.0 for pair in self.levels):
            raise ValueError("a standard deviation in levels is not above 0")
        return self


class _Regression(CardTable):
    """Entry of :class:`~jules_ml.learned.moisture.moments_regression.MomentsRegression`."""

    names: list[str]
    centre: list[float]
    width: list[_Positive]
    weights: list[_Pair]
    error: Annotated[list[_Positive], Field(min_length=2, max_length=2)]
    # modules of earlier versions have none of these
    sites: list[list[float]] = Field(default_factory=list)
    ridge: _Positive = 1.0
    length: _Positive | None = None
    dual: list[_Pair] = Field(default_factory=list)

    @model_validator(mode="after")
    def _same_predictors(self) -> _Regression:
        predictors = len(self.names)
        if [len(self.centre), len(self.width), len(self.weights)] != [predictors, predictors, predictors + 1]:
            raise ValueError(f"centre, width and weights are not those of {predictors} predictors")
        if any(len(site) != predictors for site in self.sites):
            raise ValueError(f"sites are not those of {predictors} predictors")
        if self.length is not None and len(self.dual) != len(self.sites):
            raise ValueError(f"dual is not that of {len(self.sites)} sites")
        return self


class _Intervals(CardTable):
    seen: _Pair
    unseen: _Pair


class _Boosting(CardTable):
    """What belongs to the tensors of :class:`~jules_ml.learned.moisture.boosting.BoostedTrees`."""

    names: _Names
    baseline: float
    depth: Annotated[int, Field(ge=0, le=100)]
    deepest: Annotated[float, Field(ge=0.0)]


class _Errors(CardTable):
    noise: _Positive
    time_scale: _Positive


class _Combination(CardTable):
    """Entry of :class:`~jules_ml.learned.moisture.combination.Combination`."""

    trained_weight: _Fraction
    new_site_weight: _Fraction
    amplitude: Annotated[list[_Positive], Field(min_length=2, max_length=2)]
    errors: _Errors
    adapted_quantiles: _Pair


def _per_layer(values: list[float]) -> list[float]:
    if len(values) not in (1, LAYERS):
        raise ValueError(f"there are {len(values)} values, not one or one for each of {LAYERS} layers")
    return values


class _Site(CardTable):
    training_days: TrainingDays | None = None
    sensors: list[str] | None = None
    depths: list[float | None] | None = None
    latitude: float | None = None
    longitude: float | None = None
    sm_sat: Annotated[list[Annotated[float, Field(gt=0.0, le=1.0)]], AfterValidator(_per_layer)] | None = None
    theta_r: Annotated[list[Annotated[float, Field(ge=0.0, lt=1.0)]], AfterValidator(_per_layer)] | None = None
    utc_offset_hours: Annotated[float, Field(ge=-24.0, le=24.0)] = 0.0
    static: _Static | None = None


class MoistureCard(CardTable):
    """Entries of the card that are used."""

    settings: settings_of(MoistureSettings, known=True)  # type: ignore[valid-type]
    inputs: _Inputs
    known: dict[str, _StoredSite]
    level_guess: Annotated[list[_Regression], Field(min_length=1)] | None
    level_fallbacks: list[list[_Regression]] | None = None  # a list is empty where one predictor is left
    intervals: _Intervals
    boosting: _Boosting | None = None  # modules of earlier versions have neither of these
    combination: _Combination | None = None
    validation: dict[str, Any]
    sites: dict[str, _Site]
    warnings: list[str] | None = None

    @model_validator(mode="after")
    def _known_sites_are_described(self) -> MoistureCard:
        missing = set(self.known) - set(self.sites)
        if missing:
            raise ValueError(f"sites has no {min(missing)[:80]}, which known has")
        return self


def _weights(card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Weight]:
    known = {key: value for key, value in card["settings"].items() if key in MoistureSettings.model_fields}
    settings = MoistureSettings.model_validate(known)
    dynamic, static = (len(card["inputs"][key]) for key in ("dynamic", "static"))
    if len(settings.dilations) > len(state):
        return {}  # more blocks than tensors: a network of this size is not built only to be refused
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn, which must not change a later training
        shapes = {
            name: tuple(value.shape) for name, value in LearnedMoisture(dynamic, static, settings).state_dict().items()
        }
    networks = {f"{i}.{name}": Weight(shape) for i in range(settings.members) for name, shape in shapes.items()}
    return networks | _trees(card, state)


def _trees(card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Weight]:
    """Arrays of :class:`~jules_ml.learned.moisture.boosting.BoostedTrees`: all of one shape, with numbers of inputs and of nodes."""
    entry = card.get(BOOSTING)
    if entry is None:
        return {}
    shape = ("tree", "node")
    left = state.get(f"{BOOSTING}.left")
    last_node = float("inf") if left is None or left.ndim != 2 else left.shape[1] - 1
    weights = {
        "feature": Weight(shape, least=0, most=len(entry["names"]) - 1),
        "left": Weight(shape, least=0, most=last_node),
        "right": Weight(shape, least=0, most=last_node),
        "threshold": Weight(shape),
        "value": Weight(shape),
        "missing_left": Weight(shape, least=0, most=1),
    }
    return {f"{BOOSTING}.{name}": weight for name, weight in weights.items()}


CONTENTS: Final = Contents(
    card=MoistureCard,
    weights=_weights,
    predictions={
        "time": Variable(("row",), TIMES, required=True),
        "site": Variable(("row",), TEXT, required=True),
        **{
            name: Variable(("row",)) for name in ("observed", "predicted", "lower", "upper", "precip", "jules", "split")
        },
        "theta_layers": Variable(("row", "soil"), required=True),
    },
)
