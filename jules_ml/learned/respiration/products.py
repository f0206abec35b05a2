r"""Fit of fluxes that are sums of products of factors, for all members of the network ensemble in one batch.

.. math:: \hat y_i = \sum_j \sigma_j \exp\Big(\sum_{k \in j} c_k(x_{ik})\Big), \qquad \sigma_j = \pm 1

Respiration is one product (R0, moisture modifier, temperature modifier); NEE is the sum of two, of which the second is negative. The
logarithm :math:`c_k` of a factor is defined at nodes (:mod:`jules_ml.learned.respiration.factors`) and interpolated linearly to the data.
Curvature and gradient are therefore accumulated on the nodes (a sparse sum over rows) and multiplied by the Jacobian of the networks at
the nodes (``torch.func``, batched over members). This makes the method of Levenberg and Marquardt inexpensive; it converges in tens of
iterations, and gradient descent in thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call, jacfwd, stack_module_state, vmap

from jules_ml.learned.respiration.factors import Factor
from jules_ml.learned.respiration.nodes import Placement

#: Limit of the absolute logarithm of a product during the fit.
_LOG_LIMIT = 30.0
#: Maximum number of trial steps with the same curvature, and damping above which a member is stopped.
_TRIES, _MOST_DAMPING = 4, 1e6
#: Converged members are removed from the batch once at most this fraction of members is still active.
_SHRINK = 0.7


@dataclass(frozen=True)
class Term:
    r"""A factor of a product: its members, its interpolation to the rows, and its penalty.

    Parameters
    ----------
    members : sequence of Factor
        One factor per member of the network ensemble, all of the same class and size.
    placement : Placement
        Position of the rows between the nodes.
    penalty : Tensor, shape (member, node, node), optional
        Quadratic form that is added to the mean loss: :math:`\tfrac12 c^T P c`, where :math:`c` is the penalised part of the factor.
    """

    members: Sequence[Factor]
    placement: Placement
    penalty: Tensor | None = None


@dataclass(frozen=True)
class Product:
    """A product of terms with its sign; ``mask`` (row,) is 0 in rows without it, such as photosynthesis at night."""

    terms: tuple[str, ...]
    sign: float = 1.0
    mask: Tensor | None = None


@dataclass
class FittedTerms:
    """Result of a fit: logarithms of the factors at the nodes, and the parameters.

    ``log_factor[name]`` has shape (member, node); ``parameters[name]`` are the parameters stacked over members; ``loss``
    (member,) is the penalised mean loss; ``history`` is the mean of ``loss`` after each iteration.
    """

    log_factor: dict[str, Tensor]
    parameters: dict[str, dict[str, Tensor]]
    loss: Tensor
    history: list[float] = field(default_factory=list)


class ProductModel:
    """Sum of products of terms in a set of rows.

    Parameters
    ----------
    terms : mapping of str to Term
        Terms by name.
    products : sequence of Product
        Products of the terms.
    """

    def __init__(self, terms: Mapping[str, Term], products: Sequence[Product]) -> None:
        self.terms = dict(terms)
        self.products = tuple(products)
        self.count = len(next(iter(self.terms.values())).members)
        self.penalties = {name: term.penalty for name, term in self.terms.items() if term.penalty is not None}
        self._state: dict[str, tuple[Factor, dict[str, Tensor], dict[str, Tensor]]] = {}
        self._shapes: dict[str, list[tuple[str, torch.Size]]] = {}
        for name, term in self.terms.items():
            parameters, buffers = stack_module_state(list(term.members))
            self._state[name] = (term.members[0], parameters, buffers)
            self._shapes[name] = [(key, value.shape[1:]) for key, value in parameters.items()]

    def scale_penalties(self, unit: Tensor) -> None:
        """Set the penalties to those of the terms multiplied by ``unit``, shape (member,)."""
        self.penalties = {
            name: unit.view(-1, 1, 1) * term.penalty for name, term in self.terms.items() if term.penalty is not None
        }

    def only(self, members: Tensor) -> ProductModel:
        """Return the same model with some of its members, selected by index."""
        subset = copy(self)
        subset.count = len(members)
        subset.penalties = {name: penalty[members] for name, penalty in self.penalties.items()}
        subset._state = {
            name: (module, {k: v[members] for k, v in parameters.items()}, {k: v[members] for k, v in buffers.items()})
            for name, (module, parameters, buffers) in self._state.items()
        }
        return subset

    def start(self) -> dict[str, Tensor]:
        """Return the initial parameters of each term as a vector, shape (member, parameter)."""
        return {
            name: torch.cat([value.detach().reshape(self.count, -1) for value in parameters.values()], 1)
            for name, (_, parameters, _) in self._state.items()
        }

    def unflatten(self, name: str, flat: Tensor) -> dict[str, Tensor]:
        """Split a parameter vector (..., parameter) of a term into named parameters."""
        sizes = [shape.numel() for _, shape in self._shapes[name]]
        parts = torch.split(flat, sizes, dim=-1)
        return {
            key: part.reshape(flat.shape[:-1] + shape)
            for (key, shape), part in zip(self._shapes[name], parts, strict=True)
        }

    def nodal(self, name: str, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithm of a factor at the nodes and its penalised part, shapes (member, node)."""
        values: tuple[Tensor, Tensor] = vmap(self._member_function(name))(flat, self._state[name][2])
        return values

    def jacobian(self, name: str, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Return the derivatives of :meth:`nodal` by the parameters, shapes (member, node, parameter)."""
        derivatives: tuple[Tensor, Tensor] = vmap(jacfwd(self._member_function(name)))(flat, self._state[name][2])
        return derivatives

    def _member_function(self, name: str) -> Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, Tensor]]:
        """Factor of one member as a function of its parameter vector and buffers."""
        module = self._state[name][0]

        def evaluate(flat: Tensor, buffers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            values: tuple[Tensor, Tensor] = functional_call(module, self.unflatten(name, flat) | buffers, ())
            return values

        return evaluate

    def parts(self, log_factor: Mapping[str, Tensor]) -> list[Tensor]:
        """Each product in the rows, with its sign: shapes (member, row)."""
        values = []
        for product in self.products:
            log = sum(
                (self.terms[name].placement.at(log_factor[name]) for name in product.terms), start=torch.zeros(())
            )
            value = product.sign * torch.exp(torch.clamp(log, -_LOG_LIMIT, _LOG_LIMIT))
            values.append(value if product.mask is None else value * product.mask)
        return values

    def predict(self, log_factor: Mapping[str, Tensor]) -> Tensor:
        """Flux in the rows, shape (member, row)."""
        return torch.stack(self.parts(log_factor)).sum(0)


def fit_products(
    model: ProductModel,
    target: Tensor,
    weight: Tensor,
    *,
    start: dict[str, Tensor] | None = None,
    iterations: int = 40,
    tolerance: float = 3e-5,
    ridge: float = 1e-6,
    on_iteration: Callable[[int, float], None] | None = None,
) -> tuple[FittedTerms, dict[str, Tensor]]:
    r"""Fit all members in one batch by the method of Levenberg and Marquardt.

    The loss of a member is :math:`\tfrac12\sum_i w_i (y_i - \hat y_i)^2` with weights that sum to one, plus the penalties of
    its terms, plus a small ridge penalty on the change of the parameters.

    Parameters
    ----------
    model : ProductModel
        Model to fit.
    target : Tensor, shape (row,) or (member, row)
        Observed flux.
    weight : Tensor, shape (member, row)
        Weight of each row in each member, 0 for rows that a member is not fitted to. The weights need not sum to one.
    start : dict, optional
        Initial parameters, as returned by an earlier fit.
    iterations : int
        Maximum number of iterations.
    tolerance : float
        Relative decrease of the loss below which a member has converged.
    ridge : float
        Minimum damping.
    on_iteration : callable, optional
        Called with the number of completed iterations and the mean loss.

    Returns
    -------
    FittedTerms
        Curves and parameters.
    dict of str to Tensor
        Parameter vectors (member, parameter) by term, from which another fit can start.
    """
    weight = weight.double() / weight.double().sum(1, keepdim=True)
    target = target.expand(weight.shape)
    flat = {name: value.clone() for name, value in (model.start() if start is None else start).items()}
    final = {name: value.clone() for name, value in flat.items()}
    final_loss = torch.full((model.count,), torch.inf, dtype=torch.float64)
    active, active_model = torch.arange(model.count), model
    search = _Search(model, flat, target, weight)
    history: list[float] = []
    for count in range(iterations):
        search.step(ridge, tolerance)
        final_loss[active] = search.loss
        for name, value in final.items():
            value[active] = search.flat[name]
        history.append(float(final_loss.mean()))
        if on_iteration is not None:
            on_iteration(count + 1, history[-1])
        remaining = torch.nonzero(~search.done).flatten()
        if len(remaining) == 0:
            break
        if len(remaining) <= _SHRINK * len(active):
            # converged members cost as much as others, so continue without them
            active, active_model = active[remaining], active_model.only(remaining)
            search = search.only(remaining, active_model)
    log_factor = {name: model.nodal(name, final[name])[0] for name in final}
    parameters = {name: model.unflatten(name, final[name]) for name in final}
    return FittedTerms(log_factor, parameters, final_loss, history), final


class _Search:
    """State of the members during the fit."""

    def __init__(self, model: ProductModel, flat: dict[str, Tensor], target: Tensor, weight: Tensor) -> None:
        self.model, self.flat, self.target, self.weight = model, flat, target, weight
        self.nodal = {name: model.nodal(name, flat[name]) for name in flat}
        self.loss = _loss(model, self.nodal, target, weight)
        self.damping = torch.full((model.count,), 1e-2, dtype=torch.float64)
        self.done = torch.zeros(model.count, dtype=torch.bool)

    def only(self, members: Tensor, model: ProductModel) -> _Search:
        """Return the state of some of the members; ``model`` is their model."""
        subset = copy(self)
        subset.model = model
        subset.flat = {name: value[members] for name, value in self.flat.items()}
        subset.nodal = {name: (log[members], part[members]) for name, (log, part) in self.nodal.items()}
        for name in ("target", "weight", "loss", "damping", "done"):
            setattr(subset, name, getattr(self, name)[members])
        return subset

    def step(self, ridge: float, tolerance: float) -> None:
        """Take a step with every active member, with increasing damping until its loss decreases."""
        hessian, gradient = _normal_equations(self.model, self.flat, self.nodal, self.target, self.weight)
        scale = torch.diagonal(hessian, dim1=1, dim2=2)
        floor = 1e-3 * scale.mean(1, keepdim=True)
        waiting = ~self.done
        for _ in range(_TRIES):
            damped = hessian + torch.diag_embed(self.damping.unsqueeze(1) * (scale + floor) + ridge)
            step = torch.cholesky_solve(-gradient.unsqueeze(2), torch.linalg.cholesky(damped)).squeeze(2)
            trial = _add(self.flat, step)
            nodal = {name: self.model.nodal(name, trial[name]) for name in trial}
            loss = _loss(self.model, nodal, self.target, self.weight)
            better = waiting & (loss <= self.loss)
            self.done |= better & (self.loss - loss < tolerance * self.loss)
            self.flat = {name: _choose(better, trial[name], self.flat[name]) for name in trial}
            self.nodal = {
                name: (_choose(better, log, self.nodal[name][0]), _choose(better, part, self.nodal[name][1]))
                for name, (log, part) in nodal.items()
            }
            self.loss = torch.where(better, loss, self.loss)
            self.damping = torch.where(
                better, self.damping / 4.0, torch.where(waiting, self.damping * 6.0, self.damping)
            )
            self.damping = torch.clamp(self.damping, min=1e-9)
            waiting = waiting & ~better
            self.done |= waiting & (self.damping > _MOST_DAMPING)
            if not bool(waiting.any()):
                break


def _choose(better: Tensor, trial: Tensor, current: Tensor) -> Tensor:
    """Values of the trial step in members with a lower loss, else the current values."""
    return torch.where(better.unsqueeze(1), trial, current)


def _loss(model: ProductModel, nodal: Mapping[str, tuple[Tensor, Tensor]], target: Tensor, weight: Tensor) -> Tensor:
    """Penalised mean loss, shape (member,)."""
    predicted = model.predict({name: log for name, (log, _) in nodal.items()})
    loss = 0.5 * (weight * (target - predicted) ** 2).sum(1)
    for name, penalty in model.penalties.items():
        c = nodal[name][1].unsqueeze(2)
        loss = loss + 0.5 * (c * (penalty @ c)).sum((1, 2))
    return loss


def _normal_equations(
    model: ProductModel,
    flat: Mapping[str, Tensor],
    nodal: Mapping[str, tuple[Tensor, Tensor]],
    target: Tensor,
    weight: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton approximation of the Hessian (member, parameter, parameter), and the gradient (member, parameter)."""
    names = list(model.terms)
    parts = model.parts({name: log for name, (log, _) in nodal.items()})
    residual = target - torch.stack(parts).sum(0)
    slope = {name: torch.zeros_like(residual) for name in names}  # derivative of the flux by the log factor in each row
    for product, part in zip(model.products, parts, strict=True):
        for name in product.terms:
            slope[name] = slope[name] + part
    jacobians = {name: model.jacobian(name, flat[name]) for name in names}
    gradients, blocks = [], {}
    for k, name in enumerate(names):
        place, jacobian = model.terms[name].placement, jacobians[name][0]
        nodes = jacobian.shape[1]
        on_nodes = _gather(place.index, place.weight, -weight * residual * slope[name], nodes)
        gradient = (on_nodes.unsqueeze(1) @ jacobian).squeeze(1)
        for other in names[k:]:
            second, jacobian_2 = model.terms[other].placement, jacobians[other][0]
            size = jacobian_2.shape[1]
            pair = (place.index.unsqueeze(2) * size + second.index.unsqueeze(1)).flatten(1)
            pair_weight = (place.weight.unsqueeze(2) * second.weight.unsqueeze(1)).flatten(1)
            curvature = _gather(pair, pair_weight, weight * slope[name] * slope[other], nodes * size)
            blocks[name, other] = jacobian.transpose(1, 2) @ (curvature.reshape(-1, nodes, size) @ jacobian_2)
        if name in model.penalties:
            along = model.penalties[name] @ jacobians[name][1]
            gradient = gradient + (nodal[name][1].unsqueeze(1) @ along).squeeze(1)
            blocks[name, name] = blocks[name, name] + jacobians[name][1].transpose(1, 2) @ along
        gradients.append(gradient)
    rows = [
        torch.cat([blocks[a, b] if (a, b) in blocks else blocks[b, a].transpose(1, 2) for b in names], dim=2)
        for a in names
    ]
    return torch.cat(rows, dim=1), torch.cat(gradients, dim=1)


def _gather(index: Tensor, corner_weight: Tensor, values: Tensor, size: int) -> Tensor:
    """Sum ``values`` (member, row) onto ``size`` nodes: each row onto its nodes ``index`` (row, corner) with ``corner_weight``."""
    flat = index.flatten()
    return torch.stack(
        [torch.bincount(flat, (corner_weight * v.unsqueeze(1)).flatten(), minlength=size) for v in values]
    )


def _add(flat: Mapping[str, Tensor], step: Tensor) -> dict[str, Tensor]:
    """Add a step (member, all parameters) to the parameter vectors of the terms."""
    parts = torch.split(step, [value.shape[1] for value in flat.values()], dim=1)
    return {name: value + part for (name, value), part in zip(flat.items(), parts, strict=True)}
