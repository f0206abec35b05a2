"""Members of an ensemble of curves f and g, fitted in one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.blending import pass_over
from jules_ml.learned.respiration.exchange import Exchange, assimilation_of, assimilation_terms
from jules_ml.learned.respiration.factors import Curve, Factor, Level, LloydTaylorCurve, RisingCurve
from jules_ml.learned.respiration.likelihood import Noise, fit_noise, tail_weights
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, jules_f, jules_g
from jules_ml.learned.respiration.nodes import Placement, place_in_groups, place_on_line, scaled_nodes, spanned_nodes
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.products import Product, ProductModel, Term, fit_products
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.physics.hydraulics import suction_ch, suction_vg
from jules_ml.support.progress import Progress, portion

#: Weight of departure that leaves Lloyd and Taylor's form as it is, and f flat.
_HELD = 1e4
#: g is held back more than f: Lloyd and Taylor's form already is a good guess of it.
_G_SIZE = 3.0
#: Lengths over which curves pass over to JULES's slope.
PASS_LENGTH_S, PASS_LENGTH_T = 0.05, 3.0

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What each member is: the weights it sees rows with, and how far it may bend.

    Attributes
    ----------
    weights : array, shape (member, row)
        How often it sees each row.
    smoothness, size : array, shape (member,)
        Weights of roughness and of departure.
    plain : array of bool, shape (member,)
        Whether it is Lloyd and Taylor's form with f flat.
    draw : array of int, shape (member,)
        Number of the member among those that are alike, by which thresholds of friction velocity are dealt.
    """

    weights: _Array
    smoothness: _Array
    size: _Array
    plain: NDArray[np.bool_]
    draw: NDArray[np.int64]

    def __add__(self, other: Plan) -> Plan:
        pairs = zip(
            (self.weights, self.smoothness, self.size, self.plain, self.draw),
            (other.weights, other.smoothness, other.size, other.plain, other.draw),
            strict=True,
        )
        return Plan(*(np.concatenate(pair) for pair in pairs))


def plan_members(weights: _Array, settings: RespirationSettings, *, free: bool = False, plain: bool = False) -> Plan:
    """Plan learned members, whose weights of roughness and departure spread evenly over the ranges of the settings.

    So the spread of the ensemble holds what nobody knows of the right smoothness; ``free`` takes the ranges of freer members.
    """
    count = len(weights)
    along = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    # a second, coprime order keeps rough members from all being large ones
    across = along[(np.arange(count) * _coprime_step(count)) % count]
    smoothness, size = settings.smoothness, settings.size
    if free and settings.free_smoothness is not None:
        smoothness, size = settings.free_smoothness, settings.free_size
    (rough_low, rough_high), (size_low, size_high) = smoothness, size
    return Plan(
        weights,
        rough_low * (rough_high / rough_low) ** along,
        size_low * (size_high / size_low) ** across,
        np.full(count, plain),
        np.arange(count),
    )


def _coprime_step(count: int) -> int:
    return next((step for step in (3, 5, 7, 11) if np.gcd(step, count) == 1 and count > step), 1)


@dataclass
class Members:
    """Fitted members, on the nodes of the tables.

    Attributes
    ----------
    log_f : Tensor, shape (member, moisture node)
    log_g : Tensor, shape (member, temperature node)
        Passed over to JULES's shape beyond what their member saw.
    log_level : Tensor, shape (member, group)
        Logarithm of R0 [ln(umol m-2 s-1)]; the mean of the others for a group that a member did not see.
    parameters : dict
        Of the networks, stacked over members.
    noise : Noise
        Scale of the errors, in the flux's unit relative to the site's mean.
    seen : dict of str to (float, float)
        Ranges of the data of f and of g.
    assimilation : LearnedAssimilation, optional
        Where it was learned along.
    """

    log_f: Tensor
    log_g: Tensor
    log_level: Tensor
    parameters: dict[str, dict[str, Tensor]]
    noise: Noise
    seen: dict[str, tuple[float, float]]
    assimilation: LearnedAssimilation | None = None

    def predict(self, rows: Rows, settings: RespirationSettings, chosen: list[int]) -> _Array:
        """Respiration by some of the members: the median of what each says, taken for lognormal, shape (row,) [umol m-2 s-1]."""
        moisture = place_on_line(torch.from_numpy(moisture_of(rows, settings)), MOISTURE_NODES)
        warmth = place_on_line(torch.tensor(rows.t_soil), TEMPERATURE_NODES)
        log = moisture.at(self.log_f[chosen]) + warmth.at(self.log_g[chosen]) + self.log_level[chosen][:, rows.group]
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
    """Fit all members of a plan at once, first with equal errors, then with errors that grow with the flux.

    Parameters
    ----------
    rows : Rows
        What is learned from.
    plan : Plan
        The members.
    settings : RespirationSettings
    exchange : Exchange, optional
        Weather at the rows, to learn photosynthesis along; ``rows`` are then its rows, of day and night.
    iterations : int
        At most so many in each of the two rounds.
    tolerance : float
        Part of its loss by which a member must still fall to go on.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.
    """
    scale = site_scale(rows)
    target = torch.from_numpy(_targets(rows, plan.draw) / scale)
    absent = torch.isnan(target)
    weights = torch.from_numpy(plan.weights / np.bincount(rows.site, minlength=len(rows.sites))[rows.site])
    weights = torch.where(absent, 0.0, weights) if bool(absent.any()) else weights
    target = torch.nan_to_num(target)
    lone = rows if exchange is None else rows.take(~exchange.weather.lit().bool().numpy())
    terms, first_node, seen = _terms(rows, plan, settings, seen=lone)
    products = [Product(tuple(terms))]
    if exchange is not None:
        more, minus = assimilation_terms(exchange, len(plan.plain), settings)
        terms, products = terms | more, [*products, minus]
    model = ProductModel(terms, products)
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
    error = rows.flux / scale - predicted
    known = np.isfinite(error)
    noise = fit_noise(predicted[known], error[known])
    again = noise.scale(predicted) ** -settings.tempering
    if settings.heavy_tails:
        # of each member's own target: what it knows under another threshold of friction velocity counts as well
        of_member = torch.where(absent, torch.nan, target - torch.from_numpy(predicted)).numpy()
        again = again * tail_weights(of_member, noise.scale(predicted))
    weights = weights * torch.from_numpy(again)
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
    log_f = torch.zeros(model.count, len(MOISTURE_NODES), dtype=torch.float64)
    if "f" in terms:
        log_f = _on_table(fitted.log_factor["f"], first_node["f"], log_f.shape[1])
        reference = jules_f(settings, float(np.mean(list(rows.porosity.values()))))
        log_f = torch.where(torch.from_numpy(plan.plain).unsqueeze(1), torch.zeros_like(log_f), log_f)
        log_f = pass_over(MOISTURE_NODES, log_f, reference, seen=seen["f"], length=PASS_LENGTH_S)
    log_g = _on_table(fitted.log_factor["g"], first_node["g"], len(TEMPERATURE_NODES))
    log_g = pass_over(TEMPERATURE_NODES, log_g, jules_g(settings), seen=seen["g"], length=PASS_LENGTH_T)
    level = fitted.log_factor["level"].clone()
    if settings.heavy_tails and exchange is None:  # a net flux has no level of its own; nights set it later
        seen_by = torch.where(absent, 0.0, torch.from_numpy(plan.weights))
        level = level + _level_of_mean(model, fitted.log_factor, target, seen_by)
    level = level + torch.from_numpy(np.log(_group_scale(rows, scale)))
    uptake = (
        None if exchange is None else assimilation_of(fitted.log_factor, exchange.weather, _group_scale(rows, scale))
    )
    if progress is not None:
        progress("fit", 1, 1)  # converged members need fewer iterations
    return Members(log_f, log_g, _fill_unseen(level, plan, rows), fitted.parameters, noise, seen, uptake)


def blended(members: Members, weight: float) -> Members:
    """Average the logarithms of the first half of the members with those of the second half.

    Parameters
    ----------
    members : Members
        Learned members, then as many plain ones, in the same order of draws.
    weight : float
        Weight of the first half [1].
    """
    half = len(members.log_level) // 2

    def mixed(log: Tensor) -> Tensor:
        return weight * log[:half] + (1.0 - weight) * log[half:]

    uptake = members.assimilation
    return replace(
        members,
        log_f=mixed(members.log_f),
        log_g=mixed(members.log_g),
        log_level=mixed(members.log_level),
        assimilation=None
        if uptake is None
        else LearnedAssimilation.from_state({k: mixed(v) for k, v in uptake.state_dict().items()}),
    )


def site_scale(rows: Rows) -> _Array:
    """Mean size of the flux of each row's site: what fluxes are divided by so that sites compare; shape (row,)."""
    known = np.isfinite(rows.flux)
    counts = np.maximum(np.bincount(rows.site[known], minlength=len(rows.sites)), 1)
    mean = np.bincount(rows.site[known], np.abs(rows.flux[known]), minlength=len(rows.sites)) / counts
    return np.maximum(mean, 1e-3)[rows.site]


def _targets(rows: Rows, draw: NDArray[np.int64]) -> _Array:
    """Flux that each member is to meet: members take the thresholds of friction velocity in turn, where there are several."""
    if rows.variants is None:
        return rows.flux[np.newaxis]
    choices = [rows.flux, *rows.variants.T]
    return np.stack([choices[number % len(choices)] for number in draw])


def _terms(
    rows: Rows, plan: Plan, settings: RespirationSettings, *, seen: Rows
) -> tuple[dict[str, Term], dict[str, int], dict[str, tuple[float, float]]]:
    """Level, f and g over the nodes that the rows span, and the ranges in which respiration is ``seen`` alone."""
    generator = torch.Generator().manual_seed(settings.seed)
    count = len(plan.plain)
    group = place_in_groups(torch.from_numpy(rows.group))
    terms = {"level": Term([Level(len(rows.groups)) for _ in range(count)], group)}
    first: dict[str, int] = {}
    ranges = {"g": (float(seen.t_soil.min()), float(seen.t_soil.max()))}
    t_nodes, first["g"] = spanned_nodes(TEMPERATURE_NODES, (float(rows.t_soil.min()), float(rows.t_soil.max())))
    place = place_on_line(torch.tensor(rows.t_soil), t_nodes)
    scaled = scaled_nodes(t_nodes, t_nodes, rows.t_soil)
    curves: list[Factor] = []
    for _ in range(count):
        free = Curve(scaled, settings.hidden, generator)
        curves.append(RisingCurve(t_nodes, free) if settings.monotone_temperature else LloydTaylorCurve(t_nodes, free))
    terms["g"] = Term(curves, place, _penalty(scaled, place, plan, _G_SIZE))
    if settings.moisture != "none":
        x = moisture_of(rows, settings)
        alone = moisture_of(seen, settings)
        ranges["f"] = (float(alone.min()), float(alone.max()))
        nodes, first["f"] = spanned_nodes(MOISTURE_NODES, (float(x.min()), float(x.max())))
        place = place_on_line(torch.from_numpy(x), nodes)
        scaled = scaled_nodes(nodes, _moisture_coordinate(nodes, settings), x)
        terms["f"] = Term(
            [Curve(scaled, settings.hidden, generator) for _ in range(count)], place, _penalty(scaled, place, plan, 1.0)
        )
    return terms, first, ranges


def _penalty(scaled: Tensor, place: Placement, plan: Plan, factor: float) -> Tensor:
    plain = torch.from_numpy(plan.plain)
    rough = torch.where(plain, 1.0, torch.from_numpy(plan.smoothness)).view(-1, 1, 1)
    size = torch.where(plain, _HELD, factor * torch.from_numpy(plan.size)).view(-1, 1, 1)
    return rough * penalties.roughness(scaled) + size * penalties.size(place, len(scaled))


def _set_penalties(model: ProductModel, target: Tensor, weights: Tensor) -> None:
    """Penalties count in units of the weighted variance of the flux, so that their weights are pure numbers."""
    share = weights / weights.sum(1, keepdim=True)
    mean = (share * target).sum(1, keepdim=True)
    variance = (share * (target - mean) ** 2).sum(1)
    model.scale_penalties(variance)


def _moisture_coordinate(nodes: Tensor, settings: RespirationSettings) -> Tensor:
    """What the network of f sees at the nodes: the moisture itself, or minus the logarithm of suction."""
    if settings.moisture != "potential":
        return nodes
    suction = suction_vg if settings.retention == "van_genuchten" else suction_ch
    b, sathh = (torch.tensor(value, dtype=torch.float64) for value in (settings.b, settings.sathh))
    psi = suction(torch.clamp(nodes, 0.02, 0.95), b, sathh).psi
    # clamped ends would stand on one point: a small lean keeps the coordinate rising
    return -torch.log10(psi) + 1e-3 * nodes


def _on_iteration(progress: Progress | None, iterations: int) -> Callable[[int, float], None] | None:
    return None if progress is None else lambda count, _: progress("fit", count, iterations)


def _on_table(log: Tensor, first: int, nodes: int) -> Tensor:
    table = torch.zeros(len(log), nodes, dtype=torch.float64)
    table[:, first : first + log.shape[1]] = log
    return table


def _group_scale(rows: Rows, scale: _Array) -> _Array:
    found = np.ones(len(rows.groups))
    found[rows.group] = scale
    return found


def _level_of_mean(model: ProductModel, log_factor: dict[str, Tensor], target: Tensor, weights: Tensor) -> Tensor:
    """Shift of all levels by which a robust fit, which follows the middle of skewed errors, meets the mean; (member, 1)."""
    predicted = model.predict(log_factor)
    return torch.log((weights * target).sum(1) / (weights * predicted).sum(1)).unsqueeze(1)


def _fill_unseen(level: Tensor, plan: Plan, rows: Rows) -> Tensor:
    visits = np.stack([np.bincount(rows.group, w, minlength=len(rows.groups)) for w in plan.weights])
    seen = torch.from_numpy(visits > 0)
    mean = (level * seen).sum(1, keepdim=True) / torch.clamp(seen.sum(1, keepdim=True), min=1)
    return torch.where(seen, level, mean)
