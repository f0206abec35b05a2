"""Learned soil moisture in a running JULES: the callable behind the hook of soil moisture.

A file beside ``jules_ml.nml`` makes one and names it there as ``python_callable = 'my_soil:follow'``::

    from jules_ml.bridge.moisture import Follow

    follow = Follow("modules/tower")

Nothing here loads netCDF or HDF5.
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
from jules_ml.learned.moisture.level import CLIMATE
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.store import load_moisture, site_at

_Array = NDArray[Any]
#: What is remembered of each day, in this order.
_KEPT = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind")


class Follow:
    """Gives the water content that a module predicts for the days gone by.

    It remembers as many days of weather as the network looks back. JULES's own state enters as initial condition and no more: a state that
    is being nudged is no first guess. Days are taken in the order in which they come, so that spin-up is one long record.

    Parameters
    ----------
    folder : str or Path
        Module folder of soil moisture, whose sites are found by their position.
    levels : sequence of int, optional
        Soil levels that follow, from 1 at the top.
    theta_r : float, optional
        Residual water, which the module's θ holds and JULES's does not [m3 m-3].
    dzsoil : sequence of float, optional
        Thickness of JULES's layers [m].
    warm_up : int, optional
        Days of weather without which nothing is followed.
    static : mapping, optional
        Static properties of points that are no site of the module, climate among them, by the names and in the units of an experiment's
        ``[place]``. JULES's state is no initial condition there, since its mean and spread are unknown.

    Raises
    ------
    BadInput
        If the folder holds no module of soil moisture, or a static property is unknown or out of its range.
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
        self.weather = np.empty((0, len(_KEPT), 0))
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
        """Take a day's weather in, and give the target and where it counts, both of shape (level, point)."""
        if self._sites is None:
            self._sites = [self._site_of(lat, lon) for lat, lon in zip(latitude, longitude, strict=True)]
        if self.weather.shape[2] != len(latitude):
            self.weather = np.empty((0, len(_KEPT), len(latitude)))
            self.first_guess = (smcl / (1000.0 * self.dzsoil[:, None]) + self.theta_r).astype(np.float64)
        weather = weather_of_mean_forcing(forcing)
        day = np.stack([weather[name] for name in _KEPT])
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
        """What is remembered: the days of weather, and JULES's state at their start."""
        return {"weather": self.weather, "first_guess": self.first_guess}

    def set_state(self, state: Mapping[str, _Array]) -> None:
        """Take back what :meth:`state` gave."""
        self.weather = np.array(state["weather"], dtype=np.float64)
        self.first_guess = np.array(state["first_guess"], dtype=np.float64)

    def _record(self, point: int) -> MoistureRecord:
        assert self._sites is not None
        site, static = self._sites[point]
        days = len(self.weather)
        jules = np.full((days, len(LAYER_DEPTHS)), np.nan)
        if days < self.context:
            jules[0] = self.first_guess[:, point]
        known = self.ensemble.sites.get(site)
        depth = np.empty(0) if known is None else known.depth
        return MoistureRecord(
            site=site,
            days=pd.date_range("2000-01-01", periods=days, freq="D"),
            dynamic={name: self.weather[:, i, point] for i, name in enumerate(_KEPT)},
            jules=jules,
            static=static,
            theta=np.full((days, len(depth)), np.nan),
            usable=np.zeros((days, len(depth)), dtype=bool),
            depth=depth,
            names=() if known is None else known.names,
        )

    def _site_of(self, latitude: float, longitude: float) -> tuple[str, dict[str, float]]:
        """Name and static inputs of the module's site at a point, or those given for points that are none."""
        site = site_at(self.card, latitude, longitude)
        if site is not None:
            given = self.card["sites"][site]["static"]
            return site, {name: value for name, value in given.items() if value is not None}
        if self.static is None:
            raise BadInput(
                f"the module has no site at {latitude:.2f} N, {longitude:.2f} E",
                where=self.folder,
                remedy="run at one of its sites, or give Follow the static inputs of this one: static={...}",
            )
        missing = [name for name in CLIMATE if name not in self.static]
        if missing:
            raise BadInput(
                f"static inputs {', '.join(missing)} are missing: what Follow remembers is too short to tell a climate",
                where=self.folder,
                remedy="give them, in kg m-2 a year, K and Pa: static={'precip_annual': ..., 't_air_mean': ..., 'vpd_mean': ...}",
            )
        return "", dict(self.static)
