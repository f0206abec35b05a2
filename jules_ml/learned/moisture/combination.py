"""How the networks and gradient boosting are combined, and how predictions are scaled at sites that were not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jules_ml.learned.moisture.moments_model import DEFAULT_ERRORS, LocalErrors

#: Length above which a record counts as long [d].
LONG_RECORD: Final = 500
#: Quantiles of the normal distribution for 90 %, where no errors were available for calibration.
NORMAL: Final = (-1.645, 1.645)


@dataclass(frozen=True)
class Combination:
    """Weights, scales and quantiles of a module; the defaults hold where there were too few sites to choose them.

    Attributes
    ----------
    trained_weight, new_site_weight : float
        Weight of gradient boosting in the anomaly, at training sites and at other sites; that of the networks is the rest [1].
    amplitude : tuple of float
        Factor of the anomaly at sites that were not trained on, for records of up to 500 days and for longer ones [1].
    errors : LocalErrors
        Errors against which local observations are weighed.
    new_site_quantiles, adapted_quantiles : tuple of float
        Quantiles of out-of-sample errors in units of their standard error: at new sites, and after a month of local observations.
    """

    trained_weight: float = 0.5
    new_site_weight: float = 0.5
    amplitude: tuple[float, float] = (1.0, 1.0)
    errors: LocalErrors = DEFAULT_ERRORS
    new_site_quantiles: tuple[float, float] = NORMAL
    adapted_quantiles: tuple[float, float] = NORMAL

    def amplitude_of(self, days: int) -> float:
        """Factor of the anomaly for a record of some days at a site that was not trained on."""
        return self.amplitude[days > LONG_RECORD]

    def to_card(self) -> dict[str, Any]:
        """Convert to an entry of a module card; ``intervals`` of the card has the quantiles at new sites, as in earlier versions."""
        return {
            "trained_weight": self.trained_weight,
            "new_site_weight": self.new_site_weight,
            "amplitude": list(self.amplitude),
            "errors": {"noise": self.errors.noise, "time_scale": self.errors.time_scale},
            "adapted_quantiles": list(self.adapted_quantiles),
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any], new_site_quantiles: tuple[float, float]) -> Combination:
        """Read an entry that :meth:`to_card` wrote."""
        pairs = {name: (card[name][0], card[name][1]) for name in ("amplitude", "adapted_quantiles")}
        return cls(
            card["trained_weight"],
            card["new_site_weight"],
            errors=LocalErrors(**card["errors"]),
            new_site_quantiles=new_site_quantiles,
            **pairs,
        )
