r"""Error model of measured respiration: the scale grows with the flux, and the tails are heavy.

.. math:: \sigma(R) = a + b\,R

applies to eddy covariance (Richardson et al. 2006) and, with a smaller :math:`a`, to chambers.

References
----------
Richardson et al. (2006), Agric. For. Meteorol. 136, 1-18; Lasslop et al. (2008), Biogeosciences 5, 1311-1324.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

#: Degrees of freedom of Student's t for tower noise: between the normal distribution and Laplace's.
STUDENT_DF = 5.0
_BINS = 20
#: Lower limit of the scale as a fraction of the mean absolute error, so that the weight of a row stays finite.
_LEAST = 0.05

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Scale of the errors, ``a + b R``, in the unit of the flux: mean absolute deviation at a given flux."""

    a: float
    b: float

    def scale(self, flux: _Array) -> _Array:
        """Scale of the error at ``flux``, above zero; same shape and unit."""
        return self.a + self.b * np.abs(flux)


def fit_noise(predicted: _Array, error: _Array) -> Noise:
    """Fit the scale of the errors: mean absolute error against size of the flux, in bins with equal numbers of rows.

    Parameters
    ----------
    predicted : array, shape (row,)
        Predicted flux.
    error : array, shape (row,)
        Measured minus predicted flux, in the same unit.
    """
    size, error = np.abs(predicted), np.abs(error)
    bins = np.array_split(np.argsort(size), min(_BINS, len(size)))
    unit = max(float(size.mean()), 1e-12)
    design = np.array([[1.0, float(size[b].mean()) / unit] for b in bins])
    (a, b), _ = nnls(design, np.array([error[b].mean() for b in bins]))
    return Noise(max(float(a), _LEAST * float(error.mean())), float(b) / unit)


def tail_weights(residual: _Array, scale: _Array, df: float = STUDENT_DF) -> _Array:
    r"""Weights by which least squares maximises Student's likelihood.

    .. math:: w = \frac{\nu + 1}{\nu + (r/\sigma)^2}

    Parameters
    ----------
    residual, scale : array
        Errors, and the scale of each up to a common factor, which is estimated from the median absolute error.
    df : float
        Degrees of freedom.
    """
    z = residual / scale
    spread = 1.4826 * float(np.nanmedian(np.abs(z)))
    # rows without a measurement have zero weight elsewhere; a weight of one here avoids NaN
    return np.nan_to_num((df + 1.0) / (df + (z / max(spread, 1e-12)) ** 2), nan=1.0)
