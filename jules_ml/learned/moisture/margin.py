"""Choice of the weight of gradient boosting beside the networks, with a margin of one standard error."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.scoring.margin import mean_gain

_Array = NDArray[np.float64]
#: Weights of gradient boosting to choose from.
WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Weight without evidence for another: the equal average.
EQUAL: Final = 0.5


def chosen_weight(errors: _Array) -> float:
    """Choose the weight of gradient boosting: one half, unless another is better by more than one standard error.

    Parameters
    ----------
    errors : array, shape (unit, weight)
        Held-out error of each unit (a site, or an end of a record) with each of :data:`WEIGHTS`; units count alike.

    Returns
    -------
    float
    """
    best = int(np.argmin(errors.mean(0)))
    gain = mean_gain(errors[:, WEIGHTS.index(EQUAL)] - errors[:, best])
    return WEIGHTS[best] if gain.mean > gain.standard_error else EQUAL
