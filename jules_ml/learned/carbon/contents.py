"""What a folder of learned soil carbon must contain; see :mod:`jules_ml.learned.contents`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field
from torch import Tensor

from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.comparison import CLIMATE
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.contents import TEXT, CardTable, Contents, Variable, Weight, settings_of

#: Variables of the export: bulk density of predicted carbon, and what sites with cores have.
_DENSITY: Final = ("bulk_density", "bulk_density_at_lower", "bulk_density_at_upper")
_CORES: Final = ("observed", "spread", "bulk_density_cored")
_Positive = Annotated[float, Field(gt=0.0)]


class _Interval(CardTable):
    quantile: float
    variance: Annotated[float, Field(ge=0.0)]


class _Site(CardTable):
    soc: _Positive | None
    soc_spread: _Positive | None = None


class CarbonCard(CardTable):
    """Entries of the card that are used."""

    settings: settings_of(CarbonSettings)  # type: ignore[valid-type]
    inputs: dict[str, dict[str, Any]]
    interval: _Interval
    climate_interval: _Interval | None = None
    sites: dict[str, _Site]
    mark: str | None


def _weights(card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Weight]:
    inputs = list(card["inputs"])
    climate = [name for name in inputs if name not in SIGNATURES]
    expected: dict[str, Weight] = {"network.*": Weight(None)}
    for of, names in (("soc", inputs), (CLIMATE, climate), ("bulk_density", inputs)):
        # all tensors of a regression, or none
        optional = of != "soc" and not any(name.startswith(f"{of}.") for name in state)
        shape = (len(names),)
        expected |= {f"{of}.{name}": Weight(shape, optional=optional) for name in ("mean", "fill", "weight")}
        expected |= {
            f"{of}.sd": Weight(shape, optional=optional, above=0.0),
            f"{of}.intercept": Weight((), optional=optional),
        }
    return expected


CONTENTS: Final = Contents(
    card=CarbonCard,
    weights=_weights,
    predictions={
        "site": Variable(("site",), TEXT, required=True),
        **{name: Variable(("site",), required=True) for name in ("predicted", "lower", "upper", "cs", *_DENSITY)},
        **{name: Variable(("site",)) for name in ("split", *_CORES)},
        "cs_cored": Variable(("site",), needs=_CORES),
        "bulk_density_cored": Variable(("site",), needs=("cs_cored",)),
    },
)
