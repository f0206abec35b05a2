"""Members of the network ensemble of curves f and g, fitted in one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.blending import blend, hold
from jules_ml.learned.respiration.exchange import Exchange, assimilation_of, assimilation_terms
from jules_ml.learned.respiration.factors import Curve, Factor, GroupFactor, LloydTaylorCurve, RisingCurve
from jules_ml.learned.respiration.likelihood import Noise, fit_noise, tail_weights
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, jules_f, jules_g
from jules_ml.learned.respiration.nodes import Placement, covered_nodes, place_in_groups, place_on_line, scaled_nodes
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.plan import Plan
from jules_ml.learned.respiration.products import Product, ProductModel, Term, fit_products
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.learned.respiration.support import WINDOW_S, WINDOW_T, support
from jules_ml.physics.hydraulics import suction_ch, suction_vg
from jules_ml.support.progress import Progress, portion

#: Penalty weight of departure that fixes g to Lloyd and Taylor's form, and f to a constant.
_FIXED = 1e4
#: Penalty of departure of g relative to that of f: Lloyd and Taylor's form is already a good estimate of g.
G_SIZE = 3.0
#: Lengths over which curves are blended into JULES's, in moisture [1 or m3 m-3] and temperature [K].
BLEND_LENGTH_S, BLEND_LENGTH_T = 0.05, 3.0

_Array = NDArray[np.float64]


@dataclass
class Members:
    """Fitted members, on the nodes of the tables.

    Attributes
    ----------
    log_f : Tensor, shape (member, moisture node)
    log_g : Tensor, shape (member, temperature node)
        Logarithms of f and g, continued outside the supported range.
    log_level : Tensor, shape (member, group)
        Logarithm of R0 [ln(umol m-2 s-1)]; for a group without rows in a member, the mean of the other groups.
    parameters : dict
        Parameters of the networks, stacked over members.
    noise : Noise
        Scale of the errors of the flux divided by the mean of its site [1].
    ranges : dict of str to (float, float)
        Training ranges of f and of g.
    assimilation : LearnedAssimilation, optional
        Photosynthesis, if it was fitted too.
    """

    log_f: Tensor
    log_g: Tensor
    log_level: Tensor
    parameters: dict[str, dict[str, Tensor]]
    noise: Noise
    ranges: dict[str, tuple[float, float]]
    assimilation: LearnedAssimilation | None = None

    def take(self, chosen: slice) -> Members:
        """Select members."""
        parameters = {
            term: {name: value[chosen] for name, value in of_term.items()} for term, of_term in self.parameters.items()
        }
        uptake = self.assimilation
        if uptake is not None:
            uptake = LearnedAssimilation.from_state({k: v[chosen] for k, v in uptake.state_dict().items()})
        return replace(
            self,
            log_f=self.log_f[chosen],
            log_g=self.log_g[chosen],
            log_level=self.log_level[chosen],
            parameters=parameters,
            assimilation=uptake,
        )

    def predict(self, rows: Rows, settings: RespirationSettings, chosen: list[int]) -> _Array:
        """Predict respiration by some of the members: the median of a lognormal distribution over them, shape (row,) [umol m-2 s-1]."""
        moisture = place_on_line(torch.from_numpy(moisture_of(rows, settings)), MOISTURE_NODES)
        temperature = place_on_line(torch.tensor(rows.t_soil), TEMPERATURE_NODES)
        log = (
            moisture.at(self.log_f[chosen]) + temperature.at(self.log_g[chosen]) + self.log_level[chosen][:, rows.group]
        )
        return torch.exp(log.mean(0)).numpy()


def fit_members(
    rows: Rows,
    plan: Plan,
    settings: RespirationSettings,
    *,
    exchange: Exchange | None = None,
    iterations: int = 25,
    tolerance: float = 3e-5,
    progress: Progress | None = None,
) -> Members:
    """Fit all members of a plan in one batch, first with equal errors, then with errors that grow with the flux.

    Parameters
    ----------
    rows : Rows
        Training rows.
    plan : Plan
        Row weights, penalty weights and forms of the members.
    settings : RespirationSettings
    exchange : Exchange, optional
        Day-time and night-time NEE with the weather, to fit photosynthesis too; ``rows`` must then be the rows of ``exchange``.
    iterations : int
        Maximum number in each of the two rounds.
    tolerance : float
        Relative decrease of the loss below which a member has converged.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Members
    """
    scale = site_scale(rows)
    target, weights, absent = _targets_and_weights(rows, plan, scale)
    model, first_node, ranges = _product_model(rows, plan, settings, exchange)
    _set_penalties(model, target, weights)
    first, flat = fit_products(
        model,
        target,
        weights,
        iterations=iterations,
        tolerance=tolerance,
        on_iteration=_on_iteration(portion(progress, 0.0, 0.5), iterations),
    )
    predicted = model.predict(first.log_factor).mean(0).numpy()
    noise = _noise(rows.flux / scale, predicted)
    error_weights = noise.scale(predicted) ** -settings.tempering
    if settings.heavy_tails:
        # errors relative to each member's own target, so that values under other thresholds of friction velocity contribute
        member_errors = torch.where(absent, torch.nan, target - torch.from_numpy(predicted)).numpy()
        error_weights = error_weights * tail_weights(member_errors, noise.scale(predicted))
    weights = weights * torch.from_numpy(error_weights)
    _set_penalties(model, target, weights)
    fitted, _ = fit_products(
        model,
        target,
        weights,
        start=flat,
        iterations=iterations,
        tolerance=tolerance,
        on_iteration=_on_iteration(portion(progress, 0.5, 1.0), iterations),
    )
    log_f, log_g = _complete_tables(fitted.log_factor, first_node, ranges, rows, plan, settings)
    log_r0 = fitted.log_factor["level"].clone()
    if settings.heavy_tails and exchange is None:  # R0 is set later from the nights if the target is NEE of all hours
        row_counts = torch.where(absent, 0.0, torch.from_numpy(plan.weights))
        log_r0 = log_r0 + _log_ratio_of_means(model, fitted.log_factor, target, row_counts)
    group_scale = _group_scale(rows, scale)
    log_r0 = log_r0 + torch.from_numpy(np.log(group_scale))
    uptake = None if exchange is None else assimilation_of(fitted.log_factor, exchange.weather, group_scale)
    if progress is not None:
        progress("fit", 1, 1)  # converged members need fewer iterations
    return Members(log_f, log_g, _fill_absent_groups(log_r0, plan, rows), fitted.parameters, noise, ranges, uptake)


def _targets_and_weights(rows: Rows, plan: Plan, scale: _Array) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled flux and row weights of each member, and whether the flux is absent; all of shape (member or 1, row)."""
    target = torch.from_numpy(member_targets(rows, plan.draw) / scale)
    absent = torch.isnan(target)
    weights = torch.from_numpy(plan.weights / np.bincount(rows.site, minlength=len(rows.sites))[rows.site])
    weights = torch.where(absent, 0.0, weights) if bool(absent.any()) else weights
    return torch.nan_to_num(target), weights, absent


def _product_model(
    rows: Rows, plan: Plan, settings: RespirationSettings, exchange: Exchange | None
) -> tuple[ProductModel, dict[str, int], dict[str, tuple[float, float]]]:
    """Model of respiration, or of NEE with photosynthesis; with the first node and the training range of f and g."""
    dark = rows if exchange is None else rows.take(~exchange.weather.lit().bool().numpy())
    terms, first_node, ranges = _terms(rows, plan, settings, dark=dark)
    products = [Product(tuple(terms))]
    if exchange is not None:
        uptake_terms, uptake = assimilation_terms(exchange, len(plan.lloyd_taylor), settings)
        terms, products = terms | uptake_terms, [*products, uptake]
    return ProductModel(terms, products), first_node, ranges


def _noise(flux: _Array, predicted: _Array) -> Noise:
    """Scale of the errors in the rows that have a flux."""
    error = flux - predicted
    valid = np.isfinite(error)
    return fit_noise(predicted[valid], error[valid])


def _complete_tables(
    log_factor: dict[str, Tensor],
    first_node: dict[str, int],
    ranges: dict[str, tuple[float, float]],
    rows: Rows,
    plan: Plan,
    settings: RespirationSettings,
) -> tuple[Tensor, Tensor]:
    """Logarithms of f and g at all nodes of the tables, continued outside the supported range."""
    log_f = torch.zeros(len(plan.lloyd_taylor), len(MOISTURE_NODES), dtype=torch.float64)
    if "f" in log_factor:
        log_f = _on_table(log_factor["f"], first_node["f"], log_f.shape[1])
        reference = jules_f(settings, float(np.mean(list(rows.porosity.values()))))
        log_f = torch.where(torch.from_numpy(plan.lloyd_taylor).unsqueeze(1), torch.zeros_like(log_f), log_f)
        log_f = outside_support(MOISTURE_NODES, log_f, reference, ranges["f"], BLEND_LENGTH_S, settings)
    log_g = _on_table(log_factor["g"], first_node["g"], len(TEMPERATURE_NODES))
    log_g = outside_support(TEMPERATURE_NODES, log_g, jules_g(settings), ranges["g"], BLEND_LENGTH_T, settings)
    return log_f, log_g


def outside_support(
    nodes: Tensor,
    log_curve: Tensor,
    reference: Tensor,
    data_range: tuple[float, float],
    length: float,
    settings: RespirationSettings,
) -> Tensor:
    """Continue curves outside the supported range: held at the edge, or by ``settings.outside`` blended into JULES's curve.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
    log_curve : Tensor, shape (..., node)
        Logarithms of the curves.
    reference : Tensor, shape (node,)
        JULES's curve [1].
    data_range : tuple of float
        Supported range.
    length : float
        Length over which the slope becomes that of JULES.
    settings : RespirationSettings
    """
    if settings.outside == "jules":
        return blend(nodes, log_curve, reference, data_range=data_range, length=length)
    return hold(nodes, log_curve, data_range=data_range)


def site_scale(rows: Rows) -> _Array:
    """Mean absolute flux of the site of each row, by which fluxes are divided to make sites comparable; shape (row,)."""
    valid = np.isfinite(rows.flux)
    counts = np.maximum(np.bincount(rows.site[valid], minlength=len(rows.sites)), 1)
    mean = np.bincount(rows.site[valid], np.abs(rows.flux[valid]), minlength=len(rows.sites)) / counts
    return np.maximum(mean, 1e-3)[rows.site]


def member_targets(rows: Rows, draw: NDArray[np.int64]) -> _Array:
    """Target flux of members, shape (member or 1, row); they use the thresholds of friction velocity in turn if there are several."""
    if rows.variants is None:
        return rows.flux[np.newaxis]
    choices = [rows.flux, *rows.variants.T]
    return np.stack([choices[number % len(choices)] for number in draw])


def _terms(
    rows: Rows, plan: Plan, settings: RespirationSettings, *, dark: Rows
) -> tuple[dict[str, Term], dict[str, int], dict[str, tuple[float, float]]]:
    """Terms of R0, f and g on the nodes that cover the rows, the first node of each, and the ranges of the ``dark`` rows."""
    generator = torch.Generator().manual_seed(settings.seed)
    count = len(plan.lloyd_taylor)
    group = place_in_groups(torch.from_numpy(rows.group))
    terms = {"level": Term([GroupFactor(len(rows.groups)) for _ in range(count)], group)}
    first: dict[str, int] = {}
    ranges = {"g": support(dark.t_soil, window=WINDOW_T)}
    # g and f are constant outside the supported range in the fit, as in the tables
    t_soil = np.clip(rows.t_soil, *ranges["g"])
    t_nodes, first["g"] = covered_nodes(TEMPERATURE_NODES, ranges["g"])
    place = place_on_line(torch.tensor(t_soil), t_nodes)
    scaled = scaled_nodes(t_nodes, t_nodes, t_soil)
    curves: list[Factor] = []
    for _ in range(count):
        free = Curve(scaled, settings.hidden, generator)
        curves.append(RisingCurve(t_nodes, free) if settings.monotone_temperature else LloydTaylorCurve(t_nodes, free))
    terms["g"] = Term(curves, place, _penalty(scaled, place, plan, G_SIZE))
    if settings.moisture != "none":
        ranges["f"] = support(moisture_of(dark, settings), dark.t_soil, window=WINDOW_S)
        x = np.clip(moisture_of(rows, settings), *ranges["f"])
        nodes, first["f"] = covered_nodes(MOISTURE_NODES, ranges["f"])
        place = place_on_line(torch.from_numpy(x), nodes)
        scaled = scaled_nodes(nodes, _moisture_coordinate(nodes, settings), x)
        terms["f"] = Term(
            [Curve(scaled, settings.hidden, generator) for _ in range(count)], place, _penalty(scaled, place, plan, 1.0)
        )
    return terms, first, ranges


def _penalty(scaled: Tensor, place: Placement, plan: Plan, factor: float) -> Tensor:
    """Quadratic penalty of each member, shape (member, node, node); ``factor`` multiplies that of departure."""
    lloyd_taylor = torch.from_numpy(plan.lloyd_taylor)
    rough = torch.where(lloyd_taylor, 1.0, torch.from_numpy(plan.smoothness)).view(-1, 1, 1)
    size = torch.where(lloyd_taylor, _FIXED, factor * torch.from_numpy(plan.size)).view(-1, 1, 1)
    return rough * penalties.roughness(scaled) + size * penalties.size(place, len(scaled))


def _set_penalties(model: ProductModel, target: Tensor, weights: Tensor) -> None:
    """Scale the penalties by the weighted variance of the flux, so that their weights have no unit."""
    normalised = weights / weights.sum(1, keepdim=True)
    mean = (normalised * target).sum(1, keepdim=True)
    variance = (normalised * (target - mean) ** 2).sum(1)
    model.scale_penalties(variance)


def _moisture_coordinate(nodes: Tensor, settings: RespirationSettings) -> Tensor:
    """Input of the network of f at the nodes: the moisture, or minus the logarithm of suction."""
    if settings.moisture != "potential":
        return nodes
    suction = suction_vg if settings.retention == "van_genuchten" else suction_ch
    b, sathh = (torch.tensor(value, dtype=torch.float64) for value in (settings.b, settings.sathh))
    psi = suction(torch.clamp(nodes, 0.02, 0.95), b, sathh).psi
    # a small slope keeps the coordinate increasing where the ends are clamped
    return -torch.log10(psi) + 1e-3 * nodes


def _on_iteration(progress: Progress | None, iterations: int) -> Callable[[int, float], None] | None:
    """Adapt a progress callback to that of :func:`fit_products`."""
    return None if progress is None else lambda count, _: progress("fit", count, iterations)


def _on_table(log: Tensor, first: int, nodes: int) -> Tensor:
    """Copy values (member, node) into a table of zeros from its node ``first`` on, shape (member, nodes)."""
    table = torch.zeros(len(log), nodes, dtype=torch.float64)
    table[:, first : first + log.shape[1]] = log
    return table


def _group_scale(rows: Rows, scale: _Array) -> _Array:
    """Scale of each group, shape (group,)."""
    group_scale = np.ones(len(rows.groups))
    group_scale[rows.group] = scale
    return group_scale


def _log_ratio_of_means(model: ProductModel, log_factor: dict[str, Tensor], target: Tensor, weights: Tensor) -> Tensor:
    """Shift of log R0 that removes the mean bias of a robust fit to skewed errors, shape (member, 1)."""
    predicted = model.predict(log_factor)
    return torch.log((weights * target).sum(1) / (weights * predicted).sum(1)).unsqueeze(1)


def _fill_absent_groups(log_r0: Tensor, plan: Plan, rows: Rows) -> Tensor:
    """Set log R0 of groups without rows in a member to the mean of the member's other groups."""
    counts = np.stack([np.bincount(rows.group, w, minlength=len(rows.groups)) for w in plan.weights])
    present = torch.from_numpy(counts > 0)
    mean = (log_r0 * present).sum(1, keepdim=True) / torch.clamp(present.sum(1, keepdim=True), min=1)
    return torch.where(present, log_r0, mean)
