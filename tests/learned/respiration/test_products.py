"""Fit of products: gradient compared with autograd, and recovery of known products."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers.tensors import gradient_of

from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.factors import Curve, GroupFactor, LloydTaylorCurve, RisingCurve, Surface
from jules_ml.learned.respiration.nodes import place_in_groups, place_on_circle, place_on_line
from jules_ml.learned.respiration.products import Product, ProductModel, Term, _loss, _normal_equations, fit_products

NODES = torch.linspace(-1.0, 1.0, 21, dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(count: int = 400) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = generator(3)
    x, z = (2.0 * torch.rand(count, generator=draw, dtype=torch.float64) - 1.0 for _ in range(2))
    return x, z, torch.randint(0, 2, (count,), generator=draw)


def model(members: int = 2, *, negative: bool = False) -> ProductModel:
    x, z, group = rows()
    draw = generator()
    smooth = 1e-4 * penalties.roughness(NODES)
    terms = {
        "level": Term([GroupFactor(2) for _ in range(members)], place_in_groups(group)),
        "a": Term(
            [Curve(NODES, (8,), draw) for _ in range(members)], place_on_line(x, NODES), smooth.expand(members, -1, -1)
        ),
        "b": Term(
            [Curve(NODES, (8,), draw) for _ in range(members)], place_on_line(z, NODES), smooth.expand(members, -1, -1)
        ),
    }
    if not negative:
        return ProductModel(terms, [Product(tuple(terms))])
    terms["uptake"] = Term([GroupFactor(2, 0.5) for _ in range(members)], place_in_groups(group))
    return ProductModel(terms, [Product(("level", "a")), Product(("uptake", "b"), -1.0, (x > 0.0).double())])


@pytest.mark.parametrize("negative", [False, True])
def test_the_gradient_is_autograd_s(negative: bool) -> None:
    products = model(negative=negative)
    x, z, _ = rows()
    target = torch.exp(0.5 * x) * (1.0 + 0.3 * z)
    draw = generator(1)
    flat = {n: v + 0.1 * torch.randn(v.shape, generator=draw, dtype=torch.float64) for n, v in products.start().items()}
    weight = torch.rand(2, len(x), generator=draw, dtype=torch.float64)
    nodal = {name: products.nodal(name, value) for name, value in flat.items()}
    hessian, gradient = _normal_equations(products, flat, nodal, target, weight)
    leaves = {name: value.clone().requires_grad_() for name, value in flat.items()}
    loss = _loss(products, {name: products.nodal(name, value) for name, value in leaves.items()}, target, weight)
    loss.sum().backward()
    torch.testing.assert_close(gradient, torch.cat([gradient_of(leaf) for leaf in leaves.values()], 1))
    assert float(torch.linalg.eigvalsh(hessian).min()) > -1e-12


def test_known_curves_and_group_factors_are_recovered() -> None:
    x, z, group = rows()
    true = torch.tensor([1.0, 3.0], dtype=torch.float64)[group] * torch.exp(torch.sin(2.0 * x)) * (1.0 + 0.5 * z**2)
    products = model()
    fitted, _ = fit_products(products, true, torch.ones(2, len(x)), iterations=60)
    predicted = products.predict(fitted.log_factor)
    assert float(((predicted - true) ** 2).mean(1).max() / true.var()) < 1e-3
    ratio = torch.exp(fitted.log_factor["level"][:, 1] - fitted.log_factor["level"][:, 0])
    torch.testing.assert_close(ratio, torch.full((2,), 3.0, dtype=torch.float64), rtol=0.01, atol=0.0)


def test_members_are_fitted_independently() -> None:
    """Members do not affect each other, although they are fitted in one batch and removed from it when converged."""
    x, z, _ = rows()
    target = torch.exp(0.5 * x) * (1.0 + 0.3 * z)
    weight = torch.ones(2, len(x), dtype=torch.float64)
    weight[1, :300] = 0.0
    both = model()
    together, _ = fit_products(both, target, weight, iterations=40)
    alone, _ = fit_products(both.only(torch.tensor([1])), target, weight[1:], iterations=40)
    for name in ("level", "a", "b"):
        torch.testing.assert_close(together.log_factor[name][1:], alone.log_factor[name], rtol=1e-6, atol=1e-7)


def test_rows_without_weight_do_not_count() -> None:
    x, _z, _ = rows()
    target = torch.exp(0.5 * x)
    weight = torch.ones(2, len(x), dtype=torch.float64)
    weight[:, ::3] = 0.0
    corrupted = target.clone()
    corrupted[::3] = 1e6
    products = model()
    clean, _ = fit_products(products, target, weight)
    other, _ = fit_products(products, corrupted, weight)
    torch.testing.assert_close(clean.log_factor["a"], other.log_factor["a"])


def test_loss_never_increases() -> None:
    x, z, _ = rows()
    losses: list[float] = []
    fit_products(model(), torch.exp(x * z), torch.ones(2, len(x)), on_iteration=lambda _, loss: losses.append(loss))
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(losses))


def test_rising_curves_do_not_decrease() -> None:
    t = torch.linspace(263.0, 303.0, 81, dtype=torch.float64)
    scaled = (t - 283.0) / 20.0
    curve = RisingCurve(t, Curve(scaled, (8,), generator()))
    place = place_on_line(t, t)
    falling = torch.exp(-0.05 * (t - 283.0))
    products = ProductModel({"g": Term([curve], place)}, [Product(("g",))])
    fitted, _ = fit_products(products, falling, torch.ones(1, len(t)))
    assert bool((torch.diff(fitted.log_factor["g"][0]) >= 0.0).all())


def test_a_fixed_free_curve_gives_lloyd_and_taylors_form() -> None:
    t = torch.linspace(263.0, 303.0, 81, dtype=torch.float64)
    curve = LloydTaylorCurve(t, Curve((t - 283.0) / 20.0, (8,), generator()))
    fixed = (1e6 * torch.eye(len(t), dtype=torch.float64)).unsqueeze(0)
    products = ProductModel(
        {
            "level": Term([GroupFactor(1)], place_in_groups(torch.zeros(len(t)))),
            "g": Term([curve], place_on_line(t, t), fixed),
        },
        [Product(("level", "g"))],
    )
    true = 2.0 * torch.exp(400.0 * (1.0 / 56.02 - 1.0 / (t - 227.13)))
    fitted, _ = fit_products(products, true, torch.ones(1, len(t)), iterations=60, tolerance=1e-12)
    torch.testing.assert_close(products.predict(fitted.log_factor)[0], true, rtol=1e-3, atol=1e-3)


def test_a_surface_fits_what_a_product_cannot() -> None:
    x, z, _ = rows()
    nodes = torch.cartesian_prod(NODES, NODES)
    left, right = place_on_line(x, NODES), place_on_line(z, NODES)
    index = (left.index.unsqueeze(2) * len(NODES) + right.index.unsqueeze(1)).flatten(1)
    weight = (left.weight.unsqueeze(2) * right.weight.unsqueeze(1)).flatten(1)
    place = type(left)(index, weight)
    products = ProductModel({"h": Term([Surface(nodes, (16,), generator())], place)}, [Product(("h",))])
    true = torch.exp(x * z)
    fitted, _ = fit_products(products, true, torch.ones(1, len(x)), iterations=80)
    assert float(((products.predict(fitted.log_factor) - true) ** 2).mean() / true.var()) < 0.02


def test_placements_interpolate() -> None:
    values = NODES**2
    at = torch.tensor([-2.0, -1.0, 0.05, 1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(
        place_on_line(at, NODES).at(values), torch.tensor([1.0, 1.0, 0.005, 1.0, 1.0], dtype=torch.float64)
    )
    turn = torch.tensor([0.0, 0.95, 1.25], dtype=torch.float64)
    ring = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(place_on_circle(turn, 4).at(ring), torch.tensor([0.0, 0.6, 1.0], dtype=torch.float64))
