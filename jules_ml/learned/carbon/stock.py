"""Soil carbon stock of one site from the predictions of a module."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr


def carbon_stock(here: xr.Dataset, *, cover: float = 0.9, predicted: bool) -> dict[str, Any]:
    """Compute the soil carbon of one site, from its cores or as predicted.

    Parameters
    ----------
    here : xarray.Dataset
        Predictions of a module folder for one site.
    cover : float
        Nominal coverage of the bounds from the spread of cores.
    predicted : bool
        Use the prediction even where the site has cores.

    Returns
    -------
    dict
        ``cs`` of the column [kg m-2], ``soc_density`` of the topsoil with ``soc_density_low`` and ``soc_density_high`` [kg m-3], and
        ``origin``.
    """
    cored = "cs_cored" in here and bool(np.isfinite(here["cs_cored"]))
    if cored and not predicted:
        soc = float(here["observed"])
        # the median of the cores represents the site with an error equal to their spread
        factor = float(np.exp(NormalDist().inv_cdf(0.5 + 0.5 * cover) * float(here["spread"])))
        low, high, origin = soc / factor, soc * factor, "cores of the site; bounds from their spread"
        stock, density = float(here["cs_cored"]), float(here["bulk_density_cored"])
        low_density = high_density = density
    else:
        soc, low, high = (float(here[key]) for key in ("predicted", "lower", "upper"))
        origin = "predicted by a fit without the site" + ("; its cores were not used" if cored else "")
        stock, density = float(here["cs"]), float(here["bulk_density"])
        low_density, high_density = (float(here[f"bulk_density_at_{key}"]) for key in ("lower", "upper"))
    return {
        "cs": stock,
        "soc_density": 0.001 * soc * density,
        "soc_density_low": 0.001 * low * low_density,
        "soc_density_high": 0.001 * high * high_density,
        "origin": origin,
    }
