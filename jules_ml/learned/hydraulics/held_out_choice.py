"""Choice of a setting on sites that are held out of the training, with a margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.scoring.margin import mean_gain


@dataclass(frozen=True)
class Choice:
    """The best setting on sites held out, and whether it is better than the prior.

    Attributes
    ----------
    value : float
        The best setting.
    gain : float
        Mean over the held-out sites of the logarithm of the prior's error over that with the setting [1].
    standard_error : float
        Standard error of ``gain`` over the sites [1].
    sites : int
        Number of sites.
    """

    value: float
    gain: float
    standard_error: float
    sites: int

    @property
    def used(self) -> bool:
        """Whether the gain is larger than one standard error: otherwise the prior stays."""
        return self.gain > self.standard_error

    def to_card(self) -> dict[str, Any]:
        """Return the choice for the card."""
        return asdict(self) | {"used": self.used}


def best_choice(prior: NDArray[np.float64], costs: Mapping[float, NDArray[np.float64]]) -> Choice:
    """Choose the setting with the least cost.

    Parameters
    ----------
    prior : array, shape (site,)
        Logarithm of the error of the prior at each site; NaN for a site that is not held out.
    costs : mapping of float to array, shape (site,)
        The same for each setting.

    Returns
    -------
    Choice
    """

    def choice(value: float) -> Choice:
        gains = prior - costs[value]
        gains = gains[np.isfinite(gains)]
        return Choice(value, *mean_gain(gains), len(gains))

    return max((choice(value) for value in costs), key=lambda each: each.gain)
