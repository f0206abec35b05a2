r"""Gain and loss of soil carbon: a single pool, and RothC's four.

The four pools are in JULES's order: decomposable and resistant plant material (DPM, RPM), microbial biomass (BIO) and
humus (HUM). Litter feeds DPM and RPM; a fraction of the respired carbon stays in the soil, as BIO and HUM.

JULES updates its pools once in each TRIFFID period (10 days, for example) by the respiration over it. The steps here are
implicit: they conserve carbon, keep every pool positive for any time step, and are differentiable.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Coleman and Jenkinson (1999), RothC-26.3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

#: Fraction of the carbon retained in the soil that goes to BIO; the rest goes to HUM [1].
BIO_FRACTION: Final = 0.46


class PoolStep(NamedTuple):
    """Carbon ``cs`` [kg m-2] at the end of a step, and the mean flux to the atmosphere over it ``co2`` [kg m-2 s-1]."""

    cs: Tensor
    co2: Tensor


def dpm_fraction(dpm_rpm_ratio: Tensor) -> Tensor:
    r"""Fraction of litter that is decomposable.

    .. math:: f_{dpm} = \frac{\alpha}{1 + \alpha}

    Parameters
    ----------
    dpm_rpm_ratio : Tensor
        Ratio of decomposable to resistant litter [1]; JULES's 0.25 for trees, 0.67 for grasses, 0.33 for shrubs.

    Returns
    -------
    Tensor, shape of ``dpm_rpm_ratio``
        Fraction to DPM [1]; the rest goes to RPM.

    References
    ----------
    Clark et al. (2011); JULES name ``dpm_rpm_ratio_io``.

    Examples
    --------
    >>> round(float(dpm_fraction(torch.tensor(0.25))), 6)  # trees
    0.2
    """
    return dpm_rpm_ratio / (1.0 + dpm_rpm_ratio)


def pool_tendency(respired: Tensor, litter: Tensor, dpm_fraction: Tensor, resp_frac: Tensor) -> Tensor:
    r"""Rate of change of RothC's four pools.

    .. math::

        \dot C_{dpm} &= f_{dpm} \Lambda - R_{dpm} \\
        \dot C_{rpm} &= (1 - f_{dpm}) \Lambda - R_{rpm} \\
        \dot C_{bio} &= 0.46\, \beta_R R - R_{bio} \\
        \dot C_{hum} &= 0.54\, \beta_R R - R_{hum}

    with :math:`R = \sum_i R_i`, and :math:`\beta_R` the fraction of :math:`R` that stays in the soil.

    Parameters
    ----------
    respired : Tensor, shape (..., pool)
        Carbon respired by each pool [kg m-2 s-1], from :func:`~jules_ml.physics.respiration.respiration_four_pool`.
    litter : Tensor, shape (...)
        Litter fall :math:`\Lambda` [kg m-2 s-1].
    dpm_fraction : Tensor, broadcastable to ``litter``
        Fraction of litter to DPM [1], from :func:`dpm_fraction`.
    resp_frac : Tensor, broadcastable to ``litter``
        Fraction of respired carbon to the atmosphere [1], from :func:`~jules_ml.physics.respiration.resp_frac`.

    Returns
    -------
    Tensor, shape (..., pool)
        Rate of change [kg m-2 s-1].

    References
    ----------
    Clark et al. (2011).
    """
    retained = (1.0 - resp_frac) * respired.sum(dim=-1)
    decomposable = dpm_fraction * litter
    gain = torch.stack(
        torch.broadcast_tensors(
            decomposable, litter - decomposable, BIO_FRACTION * retained, (1.0 - BIO_FRACTION) * retained
        ),
        dim=-1,
    )
    return gain - respired


def step_one_pool(cs: Tensor, rate: Tensor, litter: Tensor, timestep: float) -> PoolStep:
    r"""Advance a single pool of soil carbon by one implicit step.

    .. math:: C' = \frac{C + \Lambda\,\Delta t}{1 + r\,\Delta t}

    Stable and positive for any time step.

    Parameters
    ----------
    cs : Tensor
        Soil carbon [kg m-2].
    rate : Tensor, broadcastable to ``cs``
        Decay rate [s-1]: :func:`~jules_ml.physics.respiration.respiration_one_pool` of one unit of carbon.
    litter : Tensor, broadcastable to ``cs``
        Litter fall [kg m-2 s-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    PoolStep
        ``cs' - cs = (litter - co2) * timestep`` to rounding.

    References
    ----------
    Clark et al. (2011).

    Examples
    --------
    Ten days of the decay rate 0.5e-8 s-1, with litter that balances it, leave 10 kg m-2 as they are.

    >>> step = step_one_pool(torch.tensor(10.0), torch.tensor(0.5e-8), torch.tensor(5.0e-8), 864000.0)
    >>> round(float(step.cs), 5), round(1e8 * float(step.co2), 5)
    (10.0, 5.0)
    """
    after = (cs + timestep * litter) / (1.0 + timestep * rate)
    return PoolStep(cs=after, co2=rate * after)


def step_four_pool(
    cs: Tensor, rate: Tensor, litter: Tensor, dpm_fraction: Tensor, resp_frac: Tensor, timestep: float
) -> PoolStep:
    r"""Advance RothC's four pools by one implicit step.

    Solves :func:`pool_tendency` at the end of the step. DPM and RPM receive nothing from BIO and HUM, so that two
    equations in two unknowns remain. Stable and positive for any time step.

    Parameters
    ----------
    cs : Tensor, shape (..., pool)
        Soil carbon [kg m-2].
    rate : Tensor, shape (..., pool)
        Decay rates [s-1]: :func:`~jules_ml.physics.respiration.respiration_four_pool` of one unit of carbon.
    litter, dpm_fraction, resp_frac : Tensor
        As in :func:`pool_tendency`.
    timestep : float
        Length of the step [s].

    Returns
    -------
    PoolStep
        ``cs' - cs = (litter - co2) * timestep``, summed over the pools, to rounding.

    References
    ----------
    Clark et al. (2011).
    """
    before_dpm, before_rpm, before_bio, before_hum = cs.unbind(dim=-1)
    decay_dpm, decay_rpm, decay_bio, decay_hum = (timestep * rate).unbind(dim=-1)
    fallen = timestep * litter
    dpm = (before_dpm + dpm_fraction * fallen) / (1.0 + decay_dpm)
    rpm = (before_rpm + (1.0 - dpm_fraction) * fallen) / (1.0 + decay_rpm)
    to_bio = BIO_FRACTION * (1.0 - resp_frac)
    to_hum = (1.0 - BIO_FRACTION) * (1.0 - resp_frac)
    from_plants = decay_dpm * dpm + decay_rpm * rpm
    source_bio = before_bio + to_bio * from_plants
    source_hum = before_hum + to_hum * from_plants
    keep_bio = 1.0 + decay_bio * (1.0 - to_bio)
    keep_hum = 1.0 + decay_hum * (1.0 - to_hum)
    determinant = keep_bio * keep_hum - to_bio * to_hum * decay_bio * decay_hum
    bio = (keep_hum * source_bio + to_bio * decay_hum * source_hum) / determinant
    hum = (keep_bio * source_hum + to_hum * decay_bio * source_bio) / determinant
    after = torch.stack(torch.broadcast_tensors(dpm, rpm, bio, hum), dim=-1)
    return PoolStep(cs=after, co2=resp_frac * (rate * after).sum(dim=-1))
