r"""Effective soil state of layered carbon: one wetness and one temperature for the respiration of all layers.

JULES with ``l_layeredc`` respires in every layer :math:`l`, and the surface flux is a sum of products,

.. math:: R = \sum_l a_l\, f(s_l)\, g(T_l), \qquad a_l = \sum_i \kappa_i\, C_{il}\, e^{-\tau z_l}

with pools :math:`i` and the depth :math:`z_l` of the middle of the layer. A fit has one product per row. Its temperature is the one at
which JULES's own g has the mean of the layers, weighted with :math:`w_l = a_l / \sum a`, and its wetness is the mean weighted with
:math:`w_l\, g(T_l)`:

.. math:: g(T) = \sum_l w_l\, g(T_l), \qquad s = \sum_l w_l\, g(T_l)\, s_l \Big/ \sum_l w_l\, g(T_l)

The flux of this state is exact where g is JULES's and f is linear between the driest and the wettest layer. Elsewhere the base respiration
of a run is corrected by the ratio of the two means (``layer_ratio``), so that the mean flux is that of the fit.

References
----------
Burke et al. (2017), Geosci. Model Dev. 10, 959-975, for layered carbon; Clark et al. (2011), Geosci. Model Dev. 4, 701-722, for g.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import LayerSettings, RespirationSettings
from jules_ml.physics.respiration import T_REFERENCE, ftemp_q10, ftemp_rothc
from jules_ml.physics.soil_carbon import depth_factor

_Array = NDArray[np.float64]

#: Entry of a site in the card: mean of f g of the effective state over the mean of the sum over layers.
LAYER_RATIO: Final = "layer_ratio"
#: Parameters of RothC's g.
_ROTHC_LIMIT, _ROTHC_RATE, _ROTHC_ORIGIN = 47.9, 106.0, 254.85


def layer_weights(output: xr.Dataset, settings: LayerSettings, where: str) -> _Array:
    """Fraction of each layer in the respiration at f = g = 1.

    Parameters
    ----------
    output : xarray.Dataset
        Output of a model with dimensions ``time`` and ``soil``; with ``cs`` [kg m-2] of dimensions ``time``, ``scpool`` (one or four) and
        ``sclayer``, unless the settings have it.
    settings : LayerSettings
        Description of the layers. Its ``cs`` takes precedence over that of the output, its ``dzsoil`` does not.
    where : str
        Name of the output, for error messages.

    Returns
    -------
    array, shape (time, layer)
        [1]; the sum over layers is one.

    Raises
    ------
    BadInput
        If the carbon of the layers is unknown or zero, or the number of values and layers differs.
    """
    dzsoil = tuple(output["dzsoil"].to_numpy()) if "dzsoil" in output else settings.dzsoil
    for name, values in (("dzsoil", dzsoil), ("cs", settings.cs)):
        if values is not None and len(values) != output.sizes["soil"]:
            raise BadInput(
                f"the model has {output.sizes['soil']} soil layers, and {name} has {len(values)} values",
                where=where,
                remedy=f"give {name} under [respiration.layers], one value for each layer from the top",
            )
    rates = _rates_of_output(output, settings, where) if settings.cs is None else np.array([settings.cs])
    weights = rates * depth_factors(dzsoil, settings.tau_resp)
    total = weights.sum(axis=1, keepdims=True)
    if not bool((total > 0.0).all()):
        raise BadInput(
            "the soil carbon is 0 or missing",
            where=where,
            remedy="give the carbon of each layer, cs under [respiration.layers]",
        )
    return np.broadcast_to(weights / total, (output.sizes["time"], output.sizes["soil"]))


def effective_state(
    wetness: _Array, t_soil: _Array, weights: _Array, settings: RespirationSettings
) -> tuple[_Array, _Array]:
    """Return the wetness [1] and the temperature [K] at which one layer respires as all of them, shape (time,).

    Parameters
    ----------
    wetness, t_soil : array, shape (time, layer)
        Fraction of saturation [1] and temperature [K].
    weights : array, shape (time, layer)
        See :func:`layer_weights`.
    settings : RespirationSettings
        With ``jules_g`` and ``q10``.
    """
    g = _jules_g(t_soil, settings)
    mean = (weights * g).sum(axis=1)
    # where RothC's g is 0 in all layers, none of them respires, and the means are those of the carbon
    dormant = mean <= 0.0
    of_flux = np.where(dormant[:, None], weights, weights * g / np.where(dormant, 1.0, mean)[:, None])
    temperature = _inverse_g(np.where(dormant, 1.0, mean), settings)
    return (of_flux * wetness).sum(axis=1), np.where(dormant, (weights * t_soil).sum(axis=1), temperature)


def depth_factors(dzsoil: Sequence[float], tau_resp: float) -> NDArray[np.float64]:
    """Decline of the respiration of layered carbon with depth, exp(-tau_resp z) at the middle of each layer.

    Parameters
    ----------
    dzsoil : sequence of float
        Layer thicknesses [m].
    tau_resp : float
        Decline with depth [m-1].

    Returns
    -------
    array, shape (layer,)
        [1]
    """
    return np.asarray(depth_factor(torch.tensor(dzsoil, dtype=torch.float64), tau_resp).numpy())


def _rates_of_output(output: xr.Dataset, settings: LayerSettings, where: str) -> _Array:
    """Respiration of each layer at f = g = 1 but for its depth, shape (time, layer): the sum over pools of rate and carbon."""
    sizes = output["cs"].sizes if "cs" in output else {}
    if "scpool" not in sizes or sizes.get("sclayer") != output.sizes["soil"]:
        raise BadInput(
            "the output contains no soil carbon cs in layers, and l_layeredc is set",
            where=where,
            remedy="write cs of a run with l_layeredc, or give the carbon of each layer, cs under [respiration.layers]",
        )
    carbon = output["cs"].transpose("time", "scpool", "sclayer").to_numpy().astype(np.float64)
    rates = np.asarray(settings.kaps_4pool) if carbon.shape[1] > 1 else np.ones(1)
    if carbon.shape[1] != len(rates):
        raise BadInput(
            f"cs has {carbon.shape[1]} pools", where=where, remedy="give a run of the scheme with one pool or four"
        )
    return np.asarray(np.einsum("p,tpl->tl", rates, carbon))


def _jules_g(t_soil: _Array, settings: RespirationSettings) -> _Array:
    values = torch.from_numpy(t_soil)
    g = ftemp_rothc(values) if settings.jules_g == "rothc" else ftemp_q10(values, settings.q10)
    return np.asarray(g.numpy())


def _inverse_g(g: _Array, settings: RespirationSettings) -> _Array:
    """Temperature [K] at which JULES's g has a value above 0."""
    if settings.jules_g == "rothc":
        return np.asarray(_ROTHC_ORIGIN + _ROTHC_RATE / np.log(_ROTHC_LIMIT / g - 1.0))
    return np.asarray(T_REFERENCE + 10.0 * np.log(g) / np.log(settings.q10))
