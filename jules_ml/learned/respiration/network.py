r"""Learned respiration: a network ensemble of curves f and g, with bands and intervals.

.. math:: R = R_0\, f(s)\, g(T), \qquad f(s_{opt}) = 1, \quad g(282.4\,\mathrm K) = 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor, nn

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent import DRIVERS, AntecedentFactor
from jules_ml.learned.respiration.base_rate_series import BaseRateSeries, Departures
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.physics.respiration import fsth, ftemp_q10, ftemp_rothc

#: Nodes of the tables: fraction of saturation [1] or water content [m3 m-3], and temperature [K].
MOISTURE_NODES: Final = torch.linspace(0.0, 1.0, 201, dtype=torch.float64)
TEMPERATURE_NODES: Final = torch.linspace(223.0, 333.0, 221, dtype=torch.float64)


def jules_f(settings: RespirationSettings, porosity: float) -> Tensor:
    """JULES's f at the moisture nodes.

    Parameters
    ----------
    settings : RespirationSettings
        Settings with ``moisture``, ``wilting`` and ``pools``.
    porosity : float
        Water content at saturation [m3 m-3], for a table as a function of water content.

    Returns
    -------
    Tensor, shape (node,)
    """
    wetness = torch.clamp(MOISTURE_NODES / porosity, max=1.0) if settings.moisture == "theta" else MOISTURE_NODES
    one = torch.ones((), dtype=torch.float64)
    return fsth(wetness, settings.wilting * one, one, pools=settings.pools)


def jules_g(settings: RespirationSettings) -> Tensor:
    """JULES's g at the temperature nodes, shape (node,)."""
    if settings.jules_g == "rothc":
        return ftemp_rothc(TEMPERATURE_NODES)
    return ftemp_q10(TEMPERATURE_NODES, settings.q10)


def jules_optimum(settings: RespirationSettings, porosity: float) -> float:
    """JULES's optimal moisture in the unit of f's table: halfway between the wilting point and saturation."""
    optimum = 0.5 * (1.0 + settings.wilting)
    return optimum * porosity if settings.moisture == "theta" else optimum


@dataclass(frozen=True)
class Band:
    """A curve with its uncertainty band at nodes ``x``: tensors of shape (node,); ``median``, ``low`` and ``high`` have no unit."""

    x: Tensor
    median: Tensor
    low: Tensor
    high: Tensor


class LearnedRespiration(nn.Module):
    """Network ensemble of respiration curves, with the base respiration R0 of each group and intervals.

    Parameters
    ----------
    log_f, log_g : Tensor, shape (member, node)
        Logarithms of the curves at :data:`MOISTURE_NODES` and :data:`TEMPERATURE_NODES`, normalised.
    log_level : Tensor, shape (member, group)
        Logarithm of R0 [ln(umol m-2 s-1)].
    level : Tensor, shape (group,)
        R0 of the median curves [umol m-2 s-1].
    seen_moisture, seen_temperature : Tensor, shape (2,)
        Training ranges of f and g.
    reference : Tensor, shape ()
        Moisture at which f is one.
    noise : Tensor, shape (group, 2)
        Scale of the error at flux R is ``noise[:, 0] + noise[:, 1] R`` [umol m-2 s-1].
    quantiles : Tensor, shape (2,)
        Conformal quantiles of the error in units of its scale.
    series : Tensor, shape (window, 4), optional
        Departures of the base respiration from its mean: group, day, departure and its variance; see
        :class:`~jules_ml.learned.respiration.base_rate_series.Departures`.
    series_parameters : Tensor, shape (group, 3), optional
        Variance, time scale [d] and variance of a single window of R0(t); NaN for a group whose R0 is constant.
    smoothing_f, smoothing_g : Tensor, shape (node,), optional
        Variance of the logarithms of f and g due to their smoothness, see
        :func:`~jules_ml.learned.respiration.smoothing.smoothing_variance`.
    antecedent_drivers : Tensor, shape (driver,), optional
        Numbers of the drivers of antecedent conditions in :data:`~jules_ml.learned.respiration.antecedent.DRIVERS`.
    antecedent_x, antecedent_log_h : Tensor, shape (driver, node), optional
        Values of the drivers, and logarithms of their factors, see :class:`~jules_ml.learned.respiration.antecedent.AntecedentFactor`.
    networks : dict of str to Tensor
        Parameters of the networks of the curves, stacked over members.
    """

    log_f: Tensor
    log_g: Tensor
    log_level: Tensor
    level: Tensor
    seen_moisture: Tensor
    seen_temperature: Tensor
    reference: Tensor
    noise: Tensor
    quantiles: Tensor
    series: Tensor
    series_parameters: Tensor
    smoothing_f: Tensor
    smoothing_g: Tensor
    antecedent_drivers: Tensor
    antecedent_x: Tensor
    antecedent_log_h: Tensor

    def __init__(
        self,
        *,
        log_f: Tensor,
        log_g: Tensor,
        log_level: Tensor,
        level: Tensor,
        seen_moisture: Tensor,
        seen_temperature: Tensor,
        reference: Tensor,
        noise: Tensor,
        quantiles: Tensor,
        series: Tensor | None = None,
        series_parameters: Tensor | None = None,
        smoothing_f: Tensor | None = None,
        smoothing_g: Tensor | None = None,
        antecedent_drivers: Tensor | None = None,
        antecedent_x: Tensor | None = None,
        antecedent_log_h: Tensor | None = None,
        networks: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        buffers = {
            "log_f": log_f,
            "log_g": log_g,
            "log_level": log_level,
            "level": level,
            "seen_moisture": seen_moisture,
            "seen_temperature": seen_temperature,
            "reference": reference,
            "noise": noise,
            "quantiles": quantiles,
            "series": torch.zeros(0, 4) if series is None else series,
            "series_parameters": torch.full((len(level), 3), torch.nan)
            if series_parameters is None
            else series_parameters,
            "smoothing_f": torch.zeros(log_f.shape[1]) if smoothing_f is None else smoothing_f,
            "smoothing_g": torch.zeros(log_g.shape[1]) if smoothing_g is None else smoothing_g,
            "antecedent_drivers": torch.zeros(0) if antecedent_drivers is None else antecedent_drivers,
            "antecedent_x": torch.zeros(0, 2) if antecedent_x is None else antecedent_x,
            "antecedent_log_h": torch.zeros(0, 2) if antecedent_log_h is None else antecedent_log_h,
        }
        for name, value in buffers.items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float64).contiguous())
        self.networks = nn.ParameterDict({name: nn.Parameter(value) for name, value in (networks or {}).items()})

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> LearnedRespiration:
        """Build the module from the content of :meth:`state_dict`."""
        prefix = "networks."
        networks = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        return cls(networks=networks, **{name: value for name, value in state.items() if not name.startswith(prefix)})

    def f(self, moisture: Tensor) -> Tensor:
        """Median curve f at ``moisture`` (fraction of saturation [1], or water content [m3 m-3]); same shape."""
        return torch.exp(_interpolate(self.log_f.mean(0), moisture, MOISTURE_NODES))

    def g(self, t_soil: Tensor) -> Tensor:
        """Median curve g at ``t_soil`` [K]; same shape."""
        return torch.exp(_interpolate(self.log_g.mean(0), t_soil, TEMPERATURE_NODES))

    def member_f(self, moisture: Tensor) -> Tensor:
        """Curve f of each member at ``moisture``, shape (member, row)."""
        return torch.exp(place_on_line(moisture, MOISTURE_NODES).at(self.log_f))

    def member_g(self, t_soil: Tensor) -> Tensor:
        """Curve g of each member at ``t_soil`` [K], shape (member, row)."""
        return torch.exp(place_on_line(t_soil, TEMPERATURE_NODES).at(self.log_g))

    def forward(self, moisture: Tensor, t_soil: Tensor, group: Tensor) -> Tensor:
        """Respiration by the median curves.

        Parameters
        ----------
        moisture : Tensor, shape (row,)
            Fraction of saturation [1], or water content [m3 m-3], as in the fit of f.
        t_soil : Tensor, shape (row,)
            Temperature [K].
        group : Tensor of int64, shape (row,)
            Index of the group.

        Returns
        -------
        Tensor, shape (row,)
            Respiration [umol m-2 s-1].
        """
        return self.level[group] * self.f(moisture) * self.g(t_soil)

    @property
    def antecedent(self) -> AntecedentFactor:
        """Factor of antecedent conditions; one without drivers."""
        drivers = tuple(DRIVERS[int(number)] for number in self.antecedent_drivers)
        return AntecedentFactor(drivers, self.antecedent_x.numpy(), self.antecedent_log_h.numpy())

    def relative_base_rate(self, day: NDArray[np.float64], group: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Estimate R0(t) relative to the mean base respiration of each group.

        Parameters
        ----------
        day : array, shape (row,)
            See :func:`~jules_ml.learned.respiration.base_rate_series.day_number`.
        group : array of int, shape (row,)
            Index of the group; -1 for a group that the module does not contain.

        Returns
        -------
        mean, standard_deviation : Tensor, shape (row,)
            [1]. For a group without R0(t) the mean is one, and the standard deviation the median of those of the others far from fluxes.
        """
        mean, deviation = np.ones(len(day)), np.zeros(len(day))
        variances = self.series_parameters[:, 0].numpy()
        if np.isfinite(variances).any():
            deviation[:] = np.sqrt(np.nanmedian(variances))
        for number in np.unique(group[group >= 0]):
            series = self._series_of(int(number))
            rows = group == number
            if series is not None:
                mean[rows], deviation[rows] = series.relative(day[rows])
        return torch.from_numpy(mean), torch.from_numpy(deviation)

    def _series_of(self, group: int) -> BaseRateSeries | None:
        variance, timescale, day_variance = self.series_parameters[group].tolist()
        if not np.isfinite(variance):
            return None
        _, day, departure, error = self.series[self.series[:, 0] == group].numpy().T
        return BaseRateSeries(Departures(day, departure, error), variance, timescale, day_variance)

    def interval(self, respiration: Tensor, noise: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """Conformal interval of an observation.

        Parameters
        ----------
        respiration : Tensor, shape (row,)
            Predicted respiration [umol m-2 s-1].
        noise : Tensor, shape (row, 2)
            Parameters of the error scale of each row's group, see ``noise``.
        deviation : Tensor, shape (row,)
            Standard deviation of R0(t) relative to its mean [1].

        Returns
        -------
        lower, upper : Tensor, shape (row,)
            [umol m-2 s-1].
        """
        scale = error_scale(noise[:, 0] + noise[:, 1] * respiration, respiration * deviation)
        return respiration + self.quantiles[0] * scale, respiration + self.quantiles[1] * scale

    def curve_f(self, cover: float = 0.9, *, most: float = float("inf")) -> Band:
        """Median f and its band of nominal coverage ``cover``, at most ``most``, at :data:`MOISTURE_NODES`."""
        band = _band(MOISTURE_NODES, self.log_f, self.smoothing_f, cover)
        return replace(band, high=torch.clamp(band.high, max=most))

    def curve_g(self, cover: float = 0.9) -> Band:
        """Median g and its band of nominal coverage ``cover``, at :data:`TEMPERATURE_NODES`."""
        return _band(TEMPERATURE_NODES, self.log_g, self.smoothing_g, cover)


def error_scale(noise: Tensor, deviation: Tensor) -> Tensor:
    """Mean absolute error of an observation from the random error (mean absolute) and the standard deviation of the prediction."""
    return torch.sqrt(noise**2 + (2.0 / torch.pi) * deviation**2)


def _band(nodes: Tensor, log_curve: Tensor, smoothing: Tensor, cover: float) -> Band:
    """Median and band of a lognormal distribution over members, since sample quantiles of few members are not smooth."""
    members = len(log_curve)
    middle = log_curve.mean(0)
    deviation = torch.sqrt(log_curve.var(0) * (1.0 + 1.0 / members) + smoothing)
    spread = float(stdtrit(members - 1, 0.5 + 0.5 * cover)) * deviation
    return Band(nodes, torch.exp(middle), torch.exp(middle - spread), torch.exp(middle + spread))


def _interpolate(curve: Tensor, x: Tensor, nodes: Tensor) -> Tensor:
    """Interpolate ``curve`` (node,) linearly at ``x``; same shape as ``x``."""
    return place_on_line(x.flatten(), nodes).at(curve).reshape(x.shape)
