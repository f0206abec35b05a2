"""Displacements of parameters: which layers, types and sites share them, and what is refused."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from jules_ml.calibration.parameters import FittedParameters, bounded, fitted_parameters, unbounded
from jules_ml.errors import BadInput
from jules_ml.experiment.calibration import CalibratedSection, ObservedSection

PRIOR = {
    "b": torch.tensor([[2.0, 3.0]] * 4, dtype=torch.float64),
    "lai": torch.tensor([[2.0, 4.0], [0.0, 1.5]], dtype=torch.float64),
}
TYPES = (("c3_grass", "bare_soil"), ("needleleaf_tree", "c3_grass"))
SITES = ("one", "two")


def _fitted(*sections: CalibratedSection) -> FittedParameters:
    return fitted_parameters(sections, PRIOR, types=TYPES, sites=SITES, where="a.toml")


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_transformation_is_inverted(scale: str) -> None:
    section = CalibratedSection.model_validate({"name": "b", "lower": 0.5, "upper": 9.0, "scale": scale})
    value = torch.tensor([0.6, 2.0, 8.9], dtype=torch.float64)
    torch.testing.assert_close(bounded(unbounded(value, section), section), value)


def test_shared_displacement_moves_all_layers_and_sites() -> None:
    parameters = _fitted(CalibratedSection(name="b"))
    assert [each.label for each in parameters.displacements] == ["b"]
    values = parameters.values(parameters.of_columns(torch.tensor([0.5]).double()))["b"]
    assert bool((values > PRIOR["b"]).all())
    assert torch.equal(values[0], values[3])


def test_zero_displacement_is_the_experiment() -> None:
    parameters = _fitted(CalibratedSection(name="b", separate=("layer",)), CalibratedSection(name="lai"))
    zero = torch.zeros(len(parameters.displacements), dtype=torch.float64)
    for name, value in parameters.values(parameters.of_columns(zero)).items():
        torch.testing.assert_close(value, PRIOR[name])


def test_separate_sites_and_layers_have_their_own_displacements() -> None:
    parameters = _fitted(CalibratedSection(name="b", separate=("site", "layer"), layers=(1, 2)))
    assert [each.label for each in parameters.displacements] == [
        "b (layer 1, one)",
        "b (layer 1, two)",
        "b (layer 2, one)",
        "b (layer 2, two)",
    ]
    assert parameters.index.tolist() == [[0, 1], [2, 3]]
    moved = parameters.values(parameters.of_columns(torch.tensor([0.0, 1.0, 0.0, 0.0]).double()))["b"]
    changed = (moved - PRIOR["b"]).abs() > 1e-9
    assert changed.nonzero().tolist() == [[0, 1]]


def test_type_is_found_in_any_row_of_a_site() -> None:
    parameters = _fitted(CalibratedSection(name="lai", types=("c3_grass",)))
    moved = parameters.values(parameters.of_columns(torch.tensor([1.0]).double()))["lai"]
    assert ((moved - PRIOR["lai"]).abs() > 1e-9).tolist() == [[True, False], [False, True]]


def test_copies_of_the_columns_have_their_own_displacements() -> None:
    parameters = _fitted(CalibratedSection(name="b"))
    values = parameters.values(torch.tensor([[0.0, 0.0, 1.0, 1.0]]).double())["b"]
    torch.testing.assert_close(values[:, :2], PRIOR["b"])
    assert bool((values[:, 2:] > PRIOR["b"]).all())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "bb"}, "did you mean b"),
        ({"name": "b", "lower": 3.0, "upper": 2.0}, "reversed"),
        ({"name": "b", "lower": -1.0}, "positive bounds"),
        ({"name": "b", "prior": 99.0}, "not between"),
        ({"name": "b", "types": ["shrub"]}, "has no types"),
        ({"name": "lai", "separate": ["layer"]}, "does not differ by layer"),
    ],
)
def test_wrong_section_is_refused(section: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CalibratedSection.model_validate(section)


def test_wrong_observations_are_refused() -> None:
    with pytest.raises(ValidationError, match="has no depth"):
        ObservedSection.model_validate({"variable": "le", "depths": [0.0, 0.1]})


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ([CalibratedSection(name="b", upper=2.5)], "b is 3 at two, which is not between"),
        ([CalibratedSection(name="b", layers=(5,))], "no layer 5"),
        ([CalibratedSection(name="lai", types=("shrub",))], "'shrub'"),
        ([CalibratedSection(name="b"), CalibratedSection(name="b", layers=(1,))], "twice"),
    ],
)
def test_impossible_parameters_are_refused(sections: list[CalibratedSection], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        _fitted(*sections)
