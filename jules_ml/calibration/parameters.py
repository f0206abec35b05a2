r"""Calibrated parameters: from displacements, which a calibration changes, to values of each layer, surface type and site.

A parameter :math:`p` between its bounds is a function of an unbounded number :math:`u`,

.. math:: p = p_{min} + (p_{max} - p_{min})\,\sigma(u), \qquad \ln p = \ln p_{min} + (\ln p_{max} - \ln p_{min})\,\sigma(u)

the second on a logarithmic scale. The experiment gives :math:`u_0` of each layer, type and site. What is fitted is the displacement
:math:`\delta` in :math:`u = u_0 + \delta`, which layers, types and sites may share, with the prior
:math:`\delta \sim N(0, \sigma_{prior}^2)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment.calibration import CalibratedSection
from jules_ml.physics.parameter_names import PARAMETERS

#: Fraction of the range between the bounds within which the experiment's value must lie at either end [1].
_EDGE: Final = 1e-6


class Displacement(NamedTuple):
    """A fitted number: its parameter, and the layer (from 1), type and site that it is for, None where several share it."""

    parameter: str
    layers: tuple[int, ...]
    types: tuple[str, ...]
    site: str | None

    @property
    def label(self) -> str:
        """Text that identifies it in tables and figures."""
        parts = []
        if self.layers:
            parts.append(f"layer {', '.join(map(str, self.layers))}")
        parts += self.types
        parts += [self.site] if self.site else []
        return f"{self.parameter} ({', '.join(parts)})" if parts else self.parameter


class _Fitted(NamedTuple):
    """A section of the experiment: its bounds, and ``local``, shape (row, site), the displacement of each value, -1 for none."""

    section: CalibratedSection
    local: Tensor


@dataclass(frozen=True, eq=False)
class FittedParameters:
    """The fitted parameters of several sites.

    Attributes
    ----------
    prior : dict of str to Tensor, shape (row, site)
        Values of all parameters in the experiments; a row is a layer, a tile, or the column.
    displacements : tuple of Displacement
        All fitted numbers.
    prior_sd : Tensor, shape (displacement,)
        Standard deviation of the prior of each [1].
    index : Tensor, shape (local, site)
        Number of the displacement that each column has as its first, second, ...; -1 where a site has fewer.
    """

    prior: Mapping[str, Tensor]
    displacements: tuple[Displacement, ...]
    prior_sd: Tensor
    index: Tensor
    _fitted: tuple[_Fitted, ...]

    def of_columns(self, displacements: Tensor) -> Tensor:
        """Displacements of each column.

        Parameters
        ----------
        displacements : Tensor, shape (displacement,)

        Returns
        -------
        Tensor, shape (local, site)
            Zero where a site has fewer.
        """
        return torch.where(self.index >= 0, displacements[self.index.clamp(min=0)], 0.0)

    def places(self, number: int) -> Iterator[tuple[CalibratedSection, int, int]]:
        """Yield the section, the row and the site of each value that a displacement changes."""
        for section, of_local in self._fitted:
            for row, site in (of_local >= 0).nonzero().tolist():
                if int(self.index[of_local[row, site], site]) == number:
                    yield section, row, site

    def values(self, local: Tensor) -> dict[str, Tensor]:
        """Values of all parameters.

        Parameters
        ----------
        local : Tensor, shape (local, copy * site)
            From :meth:`of_columns`, for copies of the columns: all sites of the first copy, then all sites of the second, and so on.

        Returns
        -------
        dict of str to Tensor, shape (row, copy * site)
        """
        copies = local.shape[1] // self.index.shape[1]
        values = {name: value.repeat(1, copies) for name, value in self.prior.items()}
        for section, of_local in self._fitted:
            before = values[section.name]
            rows = of_local.repeat(1, copies)
            change = torch.gather(local, 0, rows.clamp(min=0))
            start = before if section.prior is None else torch.full_like(before, section.prior)
            moved = bounded(unbounded(start, section) + change, section)
            values[section.name] = torch.where(rows >= 0, moved, before)
        return values


def unbounded(value: Tensor, section: CalibratedSection) -> Tensor:
    """Transform values within the bounds to unbounded numbers; values at the bounds or outside are moved just within."""
    low, high = (torch.as_tensor(x, dtype=value.dtype) for x in section.bounds)
    if section.log:
        value, low, high = torch.log(value.clamp(min=1e-30)), torch.log(low), torch.log(high)
    return torch.logit(((value - low) / (high - low)).clamp(_EDGE, 1.0 - _EDGE))


def bounded(number: Tensor, section: CalibratedSection) -> Tensor:
    """Inverse of :func:`unbounded`."""
    low, high = section.bounds
    position = torch.sigmoid(number)
    if not section.log:
        return low + (high - low) * position
    return low * torch.exp(position * torch.log(torch.as_tensor(high / low, dtype=number.dtype)))


def fitted_parameters(
    sections: Sequence[CalibratedSection],
    prior: Mapping[str, Tensor],
    *,
    types: Sequence[Sequence[str | None]],
    sites: Sequence[str],
    where: str,
) -> FittedParameters:
    """Make the parameters of a calibration.

    Parameters
    ----------
    sections : sequence of CalibratedSection
        Of the experiment.
    prior : mapping of str to Tensor, shape (row, site)
        Values in the experiments.
    types : sequence of sequence of str or None
        Surface type of each tile of each site, None for tiles that are only there to fill the batch.
    sites : sequence of str
        Names of the sites.
    where : str
        File, for error messages.

    Returns
    -------
    FittedParameters

    Raises
    ------
    BadInput
        If the value of an experiment is outside the bounds, a layer or type does not exist, or a value would be changed twice.
    """
    numbers: dict[Displacement, int] = {}
    sds: list[float] = []
    locals_: dict[tuple[int, int, str], int] = {}
    index: list[list[int]] = []
    fitted: list[_Fitted] = []
    for n, section in enumerate(sections):
        selected = _selected(section, prior[section.name], types, where)
        _refuse_outside(section, prior[section.name], selected, sites, where)
        if any(s.name == section.name and bool(((local >= 0) & selected).any()) for s, local in fitted):
            raise BadInput(
                f"{section.name} is changed twice for the same layer or type",
                where=f"{where}, calibration.parameters",
                remedy="give different layers or types",
            )
        local = torch.full(selected.shape, -1, dtype=torch.long)
        by_row = {"layer", "type"} & set(section.separate)
        for row, site in selected.nonzero().tolist():
            # the same type has the same local number at all sites, whatever its row
            kind = str(types[site][row]) if PARAMETERS[section.name].dimension == "type" else ""
            key = (n, row if "layer" in by_row else -1, kind if "type" in by_row else "")
            place = locals_.setdefault(key, len(locals_))
            if place == len(index):
                index.append([-1] * len(sites))
            local[row, site] = place
            if index[place][site] < 0:
                each = _displacement(section, key, sites[site] if "site" in section.separate else None)
                if each not in numbers:
                    numbers[each] = len(numbers)
                    sds.append(section.prior_sd)
                index[place][site] = numbers[each]
        fitted.append(_Fitted(section, local))
    return FittedParameters(
        dict(prior), tuple(numbers), torch.tensor(sds, dtype=torch.float64), torch.tensor(index), tuple(fitted)
    )


def _displacement(section: CalibratedSection, key: tuple[int, int, str], site: str | None) -> Displacement:
    """Describe what a displacement is for."""
    dimension = PARAMETERS[section.name].dimension
    _, row, kind = key
    layers = (row + 1,) if row >= 0 else section.layers if dimension == "layer" and section.layers else ()
    named = (kind,) if kind else section.types if dimension == "type" and section.types else ()
    return Displacement(section.name, tuple(layers or ()), tuple(named or ()), site)


def _selected(section: CalibratedSection, prior: Tensor, types: Sequence[Sequence[str | None]], where: str) -> Tensor:
    """Values that a section changes, shape (row, site)."""
    dimension = PARAMETERS[section.name].dimension
    selected = torch.ones(prior.shape, dtype=torch.bool)
    if dimension == "layer" and section.layers is not None:
        wrong = [layer for layer in section.layers if not 1 <= layer <= len(prior)]
        if wrong:
            raise BadInput(
                f"there is no layer {wrong[0]}: the soil has {len(prior)} layers",
                where=f"{where}, calibration.parameters, {section.name}",
                remedy="count layers from 1 at the top",
            )
        rows = torch.tensor([row + 1 in section.layers for row in range(len(prior))])
        selected = selected & rows[:, None]
    if dimension == "type":
        present = {each for of_site in types for each in of_site if each is not None}
        unknown = [each for each in section.types or () if each not in present]
        if unknown:
            raise BadInput(
                f"no site has a tile of the type '{unknown[0]}'",
                where=f"{where}, calibration.parameters, {section.name}",
                remedy=f"choose among {', '.join(sorted(present))}",
            )
        wanted = section.types or tuple(each for each in present if each != "bare_soil")
        selected = torch.tensor([[each in wanted for each in of_site] for of_site in types]).T
    if not bool(selected.any()):
        raise BadInput(
            f"no site has a surface type with {section.name}",
            where=f"{where}, calibration.parameters",
            remedy="give types, or remove the parameter",
        )
    return selected


def _refuse_outside(
    section: CalibratedSection, prior: Tensor, selected: Tensor, sites: Sequence[str], where: str
) -> None:
    """Refuse values of the experiments outside the bounds."""
    low, high = section.bounds
    outside = selected & ~((prior > low) & (prior < high))
    if section.prior is None and bool(outside.any()):
        row, site = outside.nonzero()[0].tolist()
        raise BadInput(
            f"{section.name} is {float(prior[row, site]):.4g} at {sites[site]}, which is not between {low:g} and {high:g}",
            where=f"{where}, calibration.parameters, {section.name}",
            remedy="give lower and upper bounds around the value, or a prior",
        )
