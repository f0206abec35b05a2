"""Samples of parameters and draws, by Latin hypercube or Sobol sequence."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from jules_ml.experiment.ensemble import EnsembleSection, ParameterSection


def unit_design(section: EnsembleSection, n: int, dimensions: int) -> NDArray[np.float64]:
    """Sample the unit cube.

    Parameters
    ----------
    section : EnsembleSection
        With ``sampling`` and ``seed``.
    n : int
        Number of samples.
    dimensions : int

    Returns
    -------
    array, shape (n, dimensions)
        Values in (0, 1). A Sobol sequence is scrambled, and its first ``n`` points are used.

    References
    ----------
    McKay et al. (1979), Technometrics 21, 239-245; Sobol (1967); Owen (1998), ACM TOMACS 8, 71-102, for scrambling.
    """
    if dimensions == 0:
        return np.empty((n, 0))
    from scipy.stats import qmc  # workers need no sample, and scipy.stats takes long to load

    if section.sampling == "sobol":
        points = qmc.Sobol(dimensions, rng=section.seed).random_base2(math.ceil(math.log2(max(n, 1))))[:n]
    else:
        points = qmc.LatinHypercube(dimensions, rng=section.seed).random(n)
    # a point of a Sobol sequence may be zero, where a normal prior is infinite
    return np.asarray(np.clip(points, 1e-12, 1.0 - 1e-12), dtype=np.float64)


def prior_quantile(parameter: ParameterSection, u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform samples of (0, 1) to the prior of a parameter.

    Parameters
    ----------
    parameter : ParameterSection
    u : array
        Cumulative probabilities.

    Returns
    -------
    array of the same shape
        In the unit of the parameter. A normal or lognormal prior is truncated at the bounds, if there are any.
    """
    bounds = parameter.bounds
    if parameter.prior == "uniform":
        assert bounds is not None
        return bounds[0] + u * (bounds[1] - bounds[0])
    if parameter.prior == "loguniform":
        assert bounds is not None
        return bounds[0] * (bounds[1] / bounds[0]) ** u
    assert parameter.mean is not None
    assert parameter.sd is not None
    logarithmic = parameter.prior == "lognormal"
    mean = math.log(parameter.mean) if logarithmic else parameter.mean
    if bounds is not None:
        low, high = (ndtr(((math.log(bound) if logarithmic else bound) - mean) / parameter.sd) for bound in bounds)
        u = low + u * (high - low)
    values = mean + parameter.sd * ndtri(u)
    return np.asarray(np.exp(values) if logarithmic else values, dtype=np.float64)
