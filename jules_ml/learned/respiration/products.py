r"""The one training loop: fluxes that are sums of products of factors, fitted for a whole ensemble in one go.

.. math:: \hat y_i = \sum_j \sigma_j \exp\Big(\sum_{k \in j} c_k(x_{ik})\Big), \qquad \sigma_j = \pm 1

Respiration is one product (level, wetness, temperature); net exchange is two, with the second negative. The logarithm
:math:`c_k` of a factor is known at its nodes (:mod:`jules_ml.learned.respiration.factors`) and interpolated linearly at the data, so that
data meet parameters in two small steps: curvature and gradient are gathered on the nodes (a sparse sum over rows), then
carried through the Jacobian of the networks at the nodes (``torch.func``, batched over members). This makes
Levenberg and Marquardt's method cheap; it converges in tens of iterations where gradient descent takes thousands.
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

#: A factor stays within exp(-30) to exp(30) while it is being fitted.
_LOG_LIMIT = 30.0
#: Tries at a step before curvature is computed anew, and the damping from which on there is no step to be had.
_TRIES, _MOST_DAMPING = 4, 1e6
#: Members that are done are left out once no more than this part is not.
_SHRINK = 0.7


@dataclass(frozen=True)
class Term:
    """A factor of a product: its members, its place among the rows, and what is asked of its shape.

    Parameters
    ----------
    members : sequence of Factor
        One a member of the ensemble, all of one class and size.
    placement : Placement
        Of the rows among its nodes.
    penalty : Tensor, shape (member, node, node), optional
        Quadratic form that is added to the mean loss: :math:`\\tfrac12 c^T P c` of the factor's penalised part.
    """

    members: Sequence[Factor]
    placement: Placement
    penalty: Tensor | None = None


@dataclass(frozen=True)
class Product:
    """A product of terms, with its sign; ``mask`` (row,) is 0 where it does not apply, as photosynthesis at night."""

    terms: tuple[str, ...]
    sign: float = 1.0
    mask: Tensor | None = None


@dataclass
class FittedTerms:
    """What was fitted: log factors at the nodes, and the parameters behind them.

    ``log_factor[name]`` has shape (member, node); ``parameters[name]`` are the stacked parameters; ``loss`` (member,) is the
    penalised mean loss.
    """

    log_factor: dict[str, Tensor]
    parameters: dict[str, dict[str, Tensor]]
    loss: Tensor
    history: list[float] = field(default_factory=list)


class ProductModel:
    """Sum of products of terms over given rows.

    Parameters
    ----------
    terms : mapping of str to Term
        Terms by name.
    products : sequence of Product
        How they combine.
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
        """Multiply the terms' penalties by a number for each member, shape (member,), in place of any unit before."""
        self.penalties = {
            name: unit.view(-1, 1, 1) * term.penalty for name, term in self.terms.items() if term.penalty is not None
        }

    def only(self, members: Tensor) -> ProductModel:
        """The same model of some of its members, by their numbers."""
        fewer = copy(self)
        fewer.count = len(members)
        fewer.penalties = {name: penalty[members] for name, penalty in self.penalties.items()}
        fewer._state = {
            name: (module, {k: v[members] for k, v in parameters.items()}, {k: v[members] for k, v in buffers.items()})
            for name, (module, parameters, buffers) in self._state.items()
        }
        return fewer

    def start(self) -> dict[str, Tensor]:
        """First guess: for each term its parameters in a row, shape (member, parameter)."""
        return {
            name: torch.cat([value.detach().reshape(self.count, -1) for value in parameters.values()], 1)
            for name, (_, parameters, _) in self._state.items()
        }

    def unflatten(self, name: str, flat: Tensor) -> dict[str, Tensor]:
        """Parameters of one member of a term by their names, from a row of numbers."""
        sizes = [shape.numel() for _, shape in self._shapes[name]]
        parts = torch.split(flat, sizes, dim=-1)
        return {
            key: part.reshape(flat.shape[:-1] + shape)
            for (key, shape), part in zip(self._shapes[name], parts, strict=True)
        }

    def nodal(self, name: str, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Log factor at the nodes and its penalised part, of every member: shapes (member, node)."""
        return vmap(self._of_one(name))(flat, self._state[name][2])

    def jacobian(self, name: str, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of :meth:`nodal` by the parameters: shapes (member, node, parameter)."""
        return vmap(jacfwd(self._of_one(name)))(flat, self._state[name][2])

    def _of_one(self, name: str) -> Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, Tensor]]:
        module = self._state[name][0]

        def one(flat: Tensor, buffers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            return functional_call(module, self.unflatten(name, flat) | buffers, ())

        return one

    def parts(self, log_factor: Mapping[str, Tensor]) -> list[Tensor]:
        """Each product at the rows, with its sign: shapes (member, row)."""
        found = []
        for product in self.products:
            log = sum(
                (self.terms[name].placement.at(log_factor[name]) for name in product.terms), start=torch.zeros(())
            )
            value = product.sign * torch.exp(torch.clamp(log, -_LOG_LIMIT, _LOG_LIMIT))
            found.append(value if product.mask is None else value * product.mask)
        return found

    def predict(self, log_factor: Mapping[str, Tensor]) -> Tensor:
        """Flux at the rows, shape (member, row)."""
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
    r"""Fit all members at once by Levenberg and Marquardt's method.

    The loss of a member is :math:`\tfrac12\sum_i w_i (y_i - \hat y_i)^2` with weights that sum to one, plus the penalties of
    its terms, plus a small ridge on the parameters' change.

    Parameters
    ----------
    model : ProductModel
        What is fitted.
    target : Tensor, shape (row,) or (member, row)
        Observed flux.
    weight : Tensor, shape (member, row)
        Weight of each row in each member, 0 where a member does not see it. Rows of one member need not sum to one.
    start : dict, optional
        Parameters to start from, as returned.
    iterations : int
        At most so many.
    tolerance : float
        A member is done when its loss falls by less than this part of itself.
    ridge : float
        Least damping.
    on_iteration : callable, optional
        Called with the number of iterations done and the mean loss.

    Returns
    -------
    FittedTerms
        Curves and parameters.
    dict of str to Tensor
        Parameters in a row a member, to start another fit from.
    """
    weight = weight.double() / weight.double().sum(1, keepdim=True)
    target = target.expand(weight.shape)
    flat = {name: value.clone() for name, value in (model.start() if start is None else start).items()}
    final = {name: value.clone() for name, value in flat.items()}
    final_loss = torch.full((model.count,), torch.inf, dtype=torch.float64)
    active, some = torch.arange(model.count), model
    search = _Search(model, flat, target, weight)
    history: list[float] = []
    for count in range(iterations):
        search.step(ridge, tolerance)
        final_loss[active] = search.loss
        for name in final:
            final[name][active] = search.flat[name]
        history.append(float(final_loss.mean()))
        if on_iteration is not None:
            on_iteration(count + 1, history[-1])
        left = torch.nonzero(~search.done).flatten()
        if len(left) == 0:
            break
        if len(left) <= _SHRINK * len(active):
            # members that are done cost as much as others: go on without them
            active, some = active[left], some.only(left)
            search = search.only(left, some)
    log_factor = {name: model.nodal(name, final[name])[0] for name in final}
    parameters = {name: model.unflatten(name, final[name]) for name in final}
    return FittedTerms(log_factor, parameters, final_loss, history), final


class _Search:
    """Where the members of a model stand in the search, and how they take a step."""

    def __init__(self, model: ProductModel, flat: dict[str, Tensor], target: Tensor, weight: Tensor) -> None:
        self.model, self.flat, self.target, self.weight = model, flat, target, weight
        self.nodal = {name: model.nodal(name, flat[name]) for name in flat}
        self.loss = _loss(model, self.nodal, target, weight)
        self.damping = torch.full((model.count,), 1e-2, dtype=torch.float64)
        self.done = torch.zeros(model.count, dtype=torch.bool)

    def only(self, members: Tensor, model: ProductModel) -> _Search:
        """Go on with some of the members, whose model is given."""
        fewer = copy(self)
        fewer.model = model
        fewer.flat = {name: value[members] for name, value in self.flat.items()}
        fewer.nodal = {name: (log[members], part[members]) for name, (log, part) in self.nodal.items()}
        for name in ("target", "weight", "loss", "damping", "done"):
            setattr(fewer, name, getattr(self, name)[members])
        return fewer

    def step(self, ridge: float, tolerance: float) -> None:
        """One step of every member that is not done, damped more and more until its loss falls."""
        hessian, gradient = _normal_equations(self.model, self.flat, self.nodal, self.target, self.weight)
        scale = torch.diagonal(hessian, dim1=1, dim2=2)
        floor = 1e-3 * scale.mean(1, keepdim=True)
        waiting = ~self.done
        for _ in range(_TRIES):
            damped = hessian + torch.diag_embed(self.damping.unsqueeze(1) * (scale + floor) + ridge)
            step = torch.cholesky_solve(-gradient.unsqueeze(2), torch.linalg.cholesky(damped)).squeeze(2)
            tried = _add(self.flat, step)
            nodal = {name: self.model.nodal(name, tried[name]) for name in tried}
            loss = _loss(self.model, nodal, self.target, self.weight)
            better = waiting & (loss <= self.loss)
            self.done |= better & (self.loss - loss < tolerance * self.loss)
            self.flat = {name: _choose(better, tried[name], self.flat[name]) for name in tried}
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


def _choose(better: Tensor, tried: Tensor, kept: Tensor) -> Tensor:
    return torch.where(better.unsqueeze(1), tried, kept)


def _loss(model: ProductModel, nodal: Mapping[str, tuple[Tensor, Tensor]], target: Tensor, weight: Tensor) -> Tensor:
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
    """Gauss and Newton's approximation of the Hessian, (member, parameter, parameter), and the gradient."""
    names = list(model.terms)
    parts = model.parts({name: log for name, (log, _) in nodal.items()})
    residual = target - torch.stack(parts).sum(0)
    slope = {name: torch.zeros_like(residual) for name in names}  # of the flux by the log factor, at the rows
    for product, part in zip(model.products, parts, strict=True):
        for name in product.terms:
            slope[name] = slope[name] + part
    jacobians = {name: model.jacobian(name, flat[name]) for name in names}
    gradients, blocks = [], {}
    for k, name in enumerate(names):
        place, jacobian = model.terms[name].placement, jacobians[name][0]
        nodes = jacobian.shape[1]
        on_nodes = _gather(place.index, place.share, -weight * residual * slope[name], nodes)
        gradient = (on_nodes.unsqueeze(1) @ jacobian).squeeze(1)
        for other in names[k:]:
            second, jacobian_2 = model.terms[other].placement, jacobians[other][0]
            size = jacobian_2.shape[1]
            pair = (place.index.unsqueeze(2) * size + second.index.unsqueeze(1)).flatten(1)
            share = (place.share.unsqueeze(2) * second.share.unsqueeze(1)).flatten(1)
            curvature = _gather(pair, share, weight * slope[name] * slope[other], nodes * size)
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


def _gather(index: Tensor, share: Tensor, values: Tensor, size: int) -> Tensor:
    """Sum ``values`` (member, row) onto ``size`` places, each row to its ``index`` (row, corner) by ``share``."""
    flat = index.flatten()
    return torch.stack([torch.bincount(flat, (share * v.unsqueeze(1)).flatten(), minlength=size) for v in values])


def _add(flat: Mapping[str, Tensor], step: Tensor) -> dict[str, Tensor]:
    parts = torch.split(step, [value.shape[1] for value in flat.values()], dim=1)
    return {name: value + part for (name, value), part in zip(flat.items(), parts, strict=True)}
