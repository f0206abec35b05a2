"""Learned soil moisture in a running JULES: the callable for the hook of soil moisture.

A Python file ``my_soil.py`` next to ``jules_ml.nml`` creates the object, and ``jules_ml.nml`` names it as
``python_callable = 'my_soil:follow'``::

    from jules_ml.bridge.moisture import Follow

    follow = Follow("modules/tower")

This module does not load netCDF or HDF5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.daily import weather_of_mean_forcing
from jules_ml.errors import BadInput
from jules_ml.experiment.place import check_properties
from jules_ml.learned.moisture.moments_model import CLIMATE
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.store import load_moisture, site_at

_Array = NDArray[Any]
#: Daily weather that is stored, in this order.
_WEATHER = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind")


class Follow:
    """Water content that a moisture module predicts from the weather of the preceding days.

    The object stores as many days of weather as the network uses. JULES's state is only used as the initial condition, since a nudged
    state is not a first guess. Days are used in the order in which they are passed, so that spin-up is one continuous record.

    Parameters
    ----------
    folder : str or Path
        Module folder of soil moisture; its sites are identified by position.
    levels : sequence of int, optional
        Soil levels with a target, from 1 at the top.
    theta_r : float, optional
        Residual water content, which θ of the module includes and that of JULES excludes [m3 m-3].
    dzsoil : sequence of float, optional
        Thickness of JULES's layers [m].
    warm_up : int, optional
        Days of weather required before there is a target.
    static : mapping, optional
        Static properties, including climate, of points that are not sites of the module, with the names and units of an experiment's
        ``[place]``. JULES's state is not used as the initial condition there, since its mean and variance are unknown.

    Raises
    ------
    BadInput
        If the folder is not a moisture module, or a static property is unknown or out of range.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        levels: Sequence[int] = (1, 2),
        theta_r: float = 0.0,
        dzsoil: Sequence[float] = (0.1, 0.25, 0.65, 2.0),
        warm_up: int = 60,
        static: Mapping[str, float] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.ensemble, self.card = load_moisture(folder)
        self.levels, self.theta_r, self.warm_up = tuple(levels), theta_r, warm_up
        self.dzsoil = np.asarray(dzsoil, dtype=np.float64)
        if static is not None:
            check_properties(static, where=f"{folder}, static")
        self.static = static
        self.context = self.ensemble.members[0].context
        self.weather = np.empty((0, len(_WEATHER), 0))
        self.first_guess = np.empty((len(LAYER_DEPTHS), 0))
        self._sites: list[tuple[str, dict[str, float]]] | None = None

    def __call__(
        self,
        date: tuple[int, ...],
        latitude: _Array,
        longitude: _Array,
        forcing: Mapping[str, _Array],
        smcl: _Array,
        sthu: _Array,
        sthf: _Array,
        t_soil: _Array,
    ) -> tuple[_Array, _Array]:
        """Store the weather of a day, and return the target [m3 m-3] and its mask, both of shape (level, point)."""
        if self._sites is None:
            self._sites = [self._site_of(lat, lon) for lat, lon in zip(latitude, longitude, strict=True)]
        if self.weather.shape[2] != len(latitude):
            self.weather = np.empty((0, len(_WEATHER), len(latitude)))
            self.first_guess = (smcl / (1000.0 * self.dzsoil[:, None]) + self.theta_r).astype(np.float64)
        weather = weather_of_mean_forcing(forcing)
        day = np.stack([weather[name] for name in _WEATHER])
        self.weather = np.concatenate([self.weather, day[None]])[-self.context :]
        target, mask = np.zeros_like(sthu), np.zeros(sthu.shape, dtype=bool)
        if len(self.weather) < self.warm_up:
            return target, mask
        for point in range(len(latitude)):
            theta = self.ensemble.layers(self._record(point))[-1] - self.theta_r
            for level in self.levels:
                target[level - 1, point] = max(float(theta[level - 1]), 0.0)
                mask[level - 1, point] = True
        return target, mask

    def state(self) -> dict[str, _Array]:
        """Return the stored days of weather and JULES's water content at their start, with points last."""
        return {"weather": self.weather, "first_guess": self.first_guess}

    def set_state(self, state: Mapping[str, _Array]) -> None:
        """Restore a state from :meth:`state`."""
        self.weather = np.array(state["weather"], dtype=np.float64)
        self.first_guess = np.array(state["first_guess"], dtype=np.float64)

    def _record(self, point: int) -> MoistureRecord:
        assert self._sites is not None
        site, static = self._sites[point]
        days = len(self.weather)
        jules = np.full((days, len(LAYER_DEPTHS)), np.nan)
        if days < self.context:
            jules[0] = self.first_guess[:, point]
        sensors = self.ensemble.sites.get(site)
        depth = np.empty(0) if sensors is None else sensors.depth
        return MoistureRecord(
            site=site,
            days=pd.date_range("2000-01-01", periods=days, freq="D"),
            dynamic={name: self.weather[:, i, point] for i, name in enumerate(_WEATHER)},
            jules=jules,
            static=static,
            theta=np.full((days, len(depth)), np.nan),
            usable=np.zeros((days, len(depth)), dtype=bool),
            depth=depth,
            names=() if sensors is None else sensors.names,
        )

    def _site_of(self, latitude: float, longitude: float) -> tuple[str, dict[str, float]]:
        """Return name and static inputs of the module's site at a point, or an empty name and ``static`` if there is no site."""
        site = site_at(self.card, latitude, longitude)
        if site is not None:
            inputs = self.card["sites"][site]["static"]
            return site, {name: value for name, value in inputs.items() if value is not None}
        if self.static is None:
            raise BadInput(
                f"the module has no site at {latitude:.2f} N, {longitude:.2f} E",
                where=self.folder,
                remedy="run at one of its sites, or give the static inputs of this point to Follow: static={...}",
            )
        missing = [name for name in CLIMATE if name not in self.static]
        if missing:
            raise BadInput(
                f"static inputs {', '.join(missing)} are missing: the stored weather is too short to compute a climate",
                where=self.folder,
                remedy="give them in kg m-2 per year, K and Pa: static={'precip_annual': ..., 't_air_mean': ..., 'vpd_mean': ...}",
            )
        return "", dict(self.static)
