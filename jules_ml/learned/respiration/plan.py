"""Plan of a network ensemble: the row weights, penalty weights and form of each member."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """Row weights, penalty weights and form of each member.

    Attributes
    ----------
    weights : array, shape (member, row)
        Weight of each row in the fit of the member.
    smoothness, size : array, shape (member,)
        Penalty weights of roughness and of departure.
    lloyd_taylor : array of bool, shape (member,)
        Whether g is fixed to Lloyd and Taylor's form and f to 1.
    draw : array of int, shape (member,)
        Number of the member among members of the same form, which selects its threshold of friction velocity.
    """

    weights: _Array
    smoothness: _Array
    size: _Array
    lloyd_taylor: NDArray[np.bool_]
    draw: NDArray[np.int64]

    def __add__(self, other: Plan) -> Plan:
        """Append the members of another plan over the same rows."""
        pairs = zip(
            (self.weights, self.smoothness, self.size, self.lloyd_taylor, self.draw),
            (other.weights, other.smoothness, other.size, other.lloyd_taylor, other.draw),
            strict=True,
        )
        return Plan(*(np.concatenate(pair) for pair in pairs))


def plan_members(
    weights: _Array, settings: RespirationSettings, *, free: bool = False, lloyd_taylor: bool = False
) -> Plan:
    """Plan members whose penalty weights are spread evenly, on a logarithmic scale, over the ranges of the settings.

    The spread of the ensemble thereby includes the uncertainty of the smoothness.

    Parameters
    ----------
    weights : array, shape (member, row)
        Weight of each row in the fit of each member.
    settings : RespirationSettings
    free : bool
        Whether to use the ranges of ``free_smoothness`` and ``free_size``.
    lloyd_taylor : bool
        Whether to fix g to Lloyd and Taylor's form and f to 1.
    """
    count = len(weights)
    along = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    # a second, coprime order avoids a correlation of the two weights between members
    across = along[(np.arange(count) * _coprime_step(count)) % count]
    smoothness, size = settings.smoothness, settings.size
    if free and settings.free_smoothness is not None:
        smoothness, size = settings.free_smoothness, settings.free_size
    (rough_low, rough_high), (size_low, size_high) = smoothness, size
    return Plan(
        weights,
        rough_low * (rough_high / rough_low) ** along,
        size_low * (size_high / size_low) ** across,
        np.full(count, lloyd_taylor),
        np.arange(count),
    )


def _coprime_step(count: int) -> int:
    """Smallest of 3, 5, 7, 11 that is below ``count`` and coprime to it; 1 if there is none."""
    return next((step for step in (3, 5, 7, 11) if np.gcd(step, count) == 1 and count > step), 1)
