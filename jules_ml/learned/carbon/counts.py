r"""Water content from the neutron counts of a cosmic-ray sensor, without calibration by soil samples.

COSMOS_VWC is calibrated by soil samples, and it depends on their carbon, bulk density and lattice water. Neutron counts that are
corrected for pressure, humidity and incoming intensity do not. The function of Desilets et al. (2010) converts them to water content with
one parameter, the counts over dry soil, which is set here by the driest days of the record. The result has the wetting and drying of the
soil, but not its mean.

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
#: Bulk density of all sites [kg m-3]: a measured one would contain information on carbon.
_BULK_DENSITY: Final = 1300.0
#: Water content of the driest days [m3 m-3], and the quantile of counts that defines them [1].
_DRY, _DRIEST_DAYS = 0.08, 0.98


def theta_of_counts(counts: _Array) -> _Array:
    r"""Convert corrected neutron counts to water content.

    .. math:: \theta = \frac{\rho_b}{\rho_w}\left(\frac{0.0808}{N/N_0 - 0.372} - 0.115\right)

    Parameters
    ----------
    counts : array, shape (day,)
        Corrected for pressure, humidity and intensity, in any unit; NaN on days with snow or frost.

    Returns
    -------
    array, shape (day,)
        [m3 m-3]; NaN where the counts are NaN, or outside the range of the function.
    """
    if not np.isfinite(counts).any():
        return np.full_like(counts, np.nan)
    density = _BULK_DENSITY / 1000.0
    driest = float(np.nanquantile(counts, _DRIEST_DAYS))
    n0 = driest / (_A0 / (_DRY / density + _A2) + _A1)
    excess = counts / n0 - _A1
    theta = density * (_A0 / np.where(excess > 0.0, excess, np.nan) - _A2)
    return np.where((theta > 0.0) & (theta < 1.0), theta, np.nan)
