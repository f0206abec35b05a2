r"""Saturated fraction of a grid box from the distribution of its topographic index, and JULES's exponential fit to it.

The index has a gamma distribution with mean ``ti_mean`` and standard deviation ``ti_sig``. Before a run, JULES fits an exponential to the
fraction above the critical index (``calc_fit_fsat``), which the steps evaluate.

References
----------
Sivapalan et al. (1987), Water Resour. Res. 23, 2266-2282; Gedney and Cox (2003), J. Hydrometeorol. 4, 1265-1275; Clark and Gedney (2008),
J. Geophys. Res. 113, D10111.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from jules_ml.physics.topmodel import Topmodel

#: Width of the bins of the topographic index at a standard deviation of 1 (``dti``).
DTI: Final = 0.2
#: Minimum standard deviation.
TI_SIG_MIN: Final = 0.5
#: Depths of the water table in the fit (``nzw``).
N_DEPTHS: Final = 100
#: Increase of the fitted exponent between two candidates.
EXPONENT_STEP: Final = 0.15
#: Default number of candidates (``nfita``).
NFITA: Final = 20
#: Grid boxes fitted at once, which bounds memory.
_CHUNK: Final = 512

_Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def topmodel_properties(
    fexp: Tensor,
    ti_mean: Tensor,
    ti_sig: Tensor,
    dzsoil: Tensor,
    *,
    zw_max: float = 6.0,
    ti_max: float = 10.0,
    nfita: int = NFITA,
    l_wetland_unfrozen: bool = False,
) -> Topmodel:
    """Make the properties that a step needs, with the fit of the saturated fraction.

    The fit is a choice among ``nfita`` exponents: no gradient flows through ``a_fsat`` and ``c_fsat``.

    Parameters
    ----------
    fexp : Tensor, shape (column,)
        Decrease of conductivity with depth below the soil [m-1].
    ti_mean, ti_sig : Tensor, shape (column,)
        Mean and standard deviation of the topographic index [1]. Where either is not above 0, no ground is saturated.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    zw_max : float
        Maximum depth of the water table [m], below the soil.
    ti_max : float
        Maximum critical topographic index [1].
    nfita : int
        Number of exponents to choose from.
    l_wetland_unfrozen : bool
        JULES's switch: whether the saturated fraction is that of unfrozen ground.

    Returns
    -------
    Topmodel

    Raises
    ------
    ValueError
        If ``zw_max`` is not below the soil layers.

    References
    ----------
    JULES routine ``calc_fit_fsat``.
    """
    depth = float(dzsoil.sum())
    if zw_max <= depth:
        raise ValueError(f"zw_max ({zw_max:g} m) must be below the soil layers, which reach {depth:g} m")
    f, mean, sigma = (
        x.detach().to(torch.float64).expand(torch.broadcast_shapes(fexp.shape, ti_mean.shape, ti_sig.shape)).numpy()
        for x in (fexp, ti_mean, ti_sig)
    )
    fits = [
        _fit(f[k : k + _CHUNK], mean[k : k + _CHUNK], sigma[k : k + _CHUNK], depth, zw_max, nfita)
        for k in range(0, len(f), _CHUNK)
    ]
    a, c = (torch.as_tensor(np.concatenate(part)).to(ti_mean) for part in zip(*fits, strict=True))
    like = torch.ones_like(a)
    return Topmodel(fexp * like, ti_mean * like, a, c, zw_max * like, ti_max * like, l_wetland_unfrozen)


def saturated_fraction_of_distribution(top_crit: _Array, ti_mean: _Array, ti_sig: _Array) -> _Array:
    r"""Fraction of grid boxes whose topographic index is above a critical value.

    .. math::

        f_{sat} = 1 - \frac{\int_0^{x_c} x^{\alpha-1} e^{-\alpha x} \mathrm{d}x}{\int_0^{x_{max}} x^{\alpha-1} e^{-\alpha x} \mathrm{d}x},
        \qquad \alpha = (\bar\Lambda/\sigma)^2, \quad x_c = 1 + \Lambda_c/\bar\Lambda

    as sums over bins, with :math:`x_{max}` at five standard deviations above the mean.

    Parameters
    ----------
    top_crit : array, shape (depth, column)
        Critical index above its mean [1].
    ti_mean, ti_sig : array, shape (column,)
        Above 0 [1].

    Returns
    -------
    array, shape (depth, column)
        [1]; where the critical index is outside the distribution, the fraction of the depth before, 0 for the first.

    References
    ----------
    Gedney and Cox (2003); JULES routine ``calc_fsat``.
    """
    sigma = np.maximum(ti_sig, TI_SIG_MIN)
    highest = ti_mean + 5.0 * sigma
    width = DTI / sigma**2 / ti_mean
    alpha = (ti_mean / sigma) ** 2
    n_bins = np.rint(highest / (width * ti_mean)).astype(int)
    middles = (np.arange(int(n_bins.max()) + 1)[:, None] + 0.5) * width
    density = _density(middles, alpha)
    below = np.concatenate([np.zeros((1, len(ti_mean))), np.cumsum(density, axis=0)])
    column = np.arange(len(ti_mean))
    total = below[n_bins, column]
    critical = top_crit / ti_mean + 1.0
    whole = np.minimum((critical / width).astype(int), below.shape[0] - 1)
    part = critical / width - whole
    cumulated = below[whole, column] + part * _density((whole + 0.5 * part) * width, alpha)
    inside = (top_crit < highest) & (critical * ti_mean < highest)
    fraction = np.where(inside, np.maximum(1.0 - cumulated / total, 0.0), np.nan)
    fraction[0] = np.where(inside[0], fraction[0], 0.0)
    for n in range(1, len(fraction)):
        fraction[n] = np.where(inside[n], fraction[n], fraction[n - 1])
    return fraction


def _density(x: _Array, alpha: _Array) -> _Array:
    """Gamma density of the scaled index, without its norm."""
    density: _Array = np.exp((alpha - 1.0) * (np.log(x) + np.log(2.7)) - alpha * x)
    return density


def _fit(f: _Array, mean: _Array, sigma: _Array, depth: float, zw_max: float, nfita: int) -> tuple[_Array, _Array]:
    """``a_fsat`` and ``c_fsat`` of some grid boxes."""
    valid = (mean > 0.0) & (sigma > 0.0)
    mean, sigma = np.where(valid, mean, 1.0), np.where(valid, sigma, 1.0)
    zw = (np.arange(N_DEPTHS) * (zw_max / N_DEPTHS))[:, None]
    least = np.exp(-f * (zw_max - depth)) / f
    within = depth - zw + 1.0 / f - least
    below = np.exp(-f * (zw - depth)) / f - least
    top_crit = np.log(depth + 1.0 / f - least) - np.log(np.where(zw <= depth, within, below))
    fraction = saturated_fraction_of_distribution(top_crit, mean, sigma)
    a = fraction[0]
    candidates = EXPONENT_STEP * np.arange(1, nfita + 1)
    misfit = np.stack([((fraction - a * np.exp(-c * top_crit)) ** 2).sum(0) for c in candidates])
    c = candidates[misfit.argmin(0)]
    return np.where(valid, a, 0.0), np.where(valid, c, 0.0)
