r"""Specific humidity at saturation, as close to JULES's table as its precision.

The simple surface has :func:`jules_ml.physics.humidity.specific_humidity_saturation`, on which learned modules were trained; its error of
0.1 % is a percent of the vapour flux in dew and frost.

References
----------
Huang (2018), J. Appl. Meteorol. Climatol. 57, 1265-1272, for the form of the formula; Goff and Gratch (1946), Trans. Am. Soc. Heat. Vent.
Eng. 52, 95-122, for the table.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.physics.constants import REPSILON, TM, ZERODEGC


def saturation_humidity(t: Tensor, pstar: Tensor) -> Tensor:
    r"""Specific humidity at saturation, over ice below 273.15 K and over water above.

    .. math::

        q_s = \frac{\epsilon e'}{p - (1 - \epsilon)\, e'}, \qquad
        e' = \frac{e^{a - b/(t + c)}}{(t + d)^2} \left[1 + 10^{-8} p \left(4.5 + 6 \times 10^{-4}\, t^2\right)\right]

    with :math:`t` in degrees Celsius. The coefficients over ice and over water are fitted to JULES's saturation vapour pressure, which they
    give within 1e-4 from 203 to 328 K, and mostly within 1e-5.

    Parameters
    ----------
    t : Tensor
        Temperature [K], 183 to 373.
    pstar : Tensor, broadcastable to ``t``
        Air pressure [Pa].

    Returns
    -------
    Tensor
        Specific humidity at saturation [kg kg-1].

    References
    ----------
    Huang (2018); JULES routine ``qsat``.

    Examples
    --------
    >>> t = torch.tensor([258.15, 283.15], dtype=torch.float64)
    >>> [round(q, 6) for q in saturation_humidity(t, torch.tensor(1.0e5, dtype=torch.float64)).tolist()]
    [0.001033, 0.007703]
    """
    celsius, ice = t - ZERODEGC, t < TM
    # coefficients are chosen before evaluation: this takes one exponential, and no gradient of the other phase
    a, b, c, d = (
        torch.where(ice, torch.tensor(over_ice, dtype=t.dtype), over_water)
        for over_ice, over_water in (
            (43.06176075, 37.64045482),
            (6766.457373, 5247.664652),
            (280.1057431, 242.4002621),
            (515.5369077, 120.1266301),
        )
    )
    root = celsius + d
    vapour = torch.exp(a - b / (celsius + c)) / (root * root)
    vapour = vapour * (1.0 + 1e-8 * pstar * (4.5 + 6e-4 * celsius * celsius))
    return REPSILON * vapour / (torch.maximum(pstar, vapour) - (1.0 - REPSILON) * vapour)
