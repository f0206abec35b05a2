r"""Water content from the counts of a cosmic-ray sensor, without anything that was learned from cores.

COSMOS_VWC is fitted to soil samples, and carbon, bulk density and lattice water go into it. The counts that it is made of, corrected for
pressure, humidity and the intensity of incoming rays, know nothing of that. Desilets's curve turns them into water content but for one
number, the counts over dry soil, which is here set by the record's own driest days: how a soil wets and dries is kept, its level is not.

References
----------
Desilets, Zreda and Ferre (2010), Water Resour. Res. 46, W11505, eq. 4; Evans et al. (2016), Hydrol. Process. 30, 4987-4999, for COSMOS-UK.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

#: Desilets's coefficients [1].
_A0, _A1, _A2 = 0.0808, 0.372, 0.115
#: Bulk density of all sites [kg m-3]: a measured one would tell of carbon.
_BULK_DENSITY: Final = 1300.0
#: Water content that the record's driest days have [m3 m-3], and the quantile of counts that they are.
_DRY, _DRIEST_DAYS = 0.08, 0.98


def theta_of_counts(counts: _Array) -> _Array:
    r"""Water content from corrected counts.

    .. math:: \theta = \frac{\rho_b}{\rho_w}\left(\frac{0.0808}{N/N_0 - 0.372} - 0.115\right)

    Parameters
    ----------
    counts : array, shape (day,)
        Corrected for pressure, humidity and intensity, in any unit; days with snow or frost NaN.

    Returns
    -------
    array, shape (day,)
        [m3 m-3]; NaN where counts are, or are too few for any soil.
    """
    if not np.isfinite(counts).any():
        return np.full_like(counts, np.nan)
    density = _BULK_DENSITY / 1000.0
    driest = float(np.nanquantile(counts, _DRIEST_DAYS))
    n0 = driest / (_A0 / (_DRY / density + _A2) + _A1)
    over = counts / n0 - _A1
    theta = density * (_A0 / np.where(over > 0.0, over, np.nan) - _A2)
    return np.where((theta > 0.0) & (theta < 1.0), theta, np.nan)
