"""Members of an ensemble: which there are follows from the experiment alone, not from who runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from jules_ml.ensemble.sampling import prior_quantile, unit_design
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.ensemble import EnsembleSection
from jules_ml.learned.uses import draws_names, draws_of


@dataclass(frozen=True)
class Member:
    """One member.

    Attributes
    ----------
    number : int
        From 0.
    seed : int
        Its own, the same wherever it runs.
    site : Path or None
        Experiment file of its site, where that is another than the ensemble's.
    forcing : Path or None
        File in the place of the record.
    draws : dict of str to int
        Which draw of each module, from 0.
    values : dict of str to float
        Value of each parameter, by its name.
    """

    number: int
    seed: int
    site: Path | None = None
    forcing: Path | None = None
    draws: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Members(Sequence[Member]):
    """All members, made when they are asked for: ten thousand take no more memory than their samples.

    Attributes
    ----------
    seed : int
    sites, forcing : tuple of (Path or None)
        What the samples are crossed with.
    names, modules : tuple of str
        Parameters, and modules that are drawn of.
    values : array, shape (sample, parameter)
    draws : array of int, shape (sample, module)
    """

    seed: int
    sites: tuple[Path | None, ...]
    forcing: tuple[Path | None, ...]
    names: tuple[str, ...]
    modules: tuple[str, ...]
    values: NDArray[np.float64]
    draws: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """Samples for each site and forcing."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.sites) * len(self.forcing) * self.samples

    @overload
    def __getitem__(self, number: int) -> Member: ...
    @overload
    def __getitem__(self, number: slice) -> list[Member]: ...
    def __getitem__(self, number: int | slice) -> Member | list[Member]:
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        rest, sample = divmod(number, self.samples)
        site, forcing = divmod(rest, len(self.forcing))
        return Member(
            number=number,
            seed=int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0]),
            site=self.sites[site],
            forcing=self.forcing[forcing],
            draws=dict(zip(self.modules, map(int, self.draws[sample]), strict=True)),
            values=dict(zip(self.names, map(float, self.values[sample]), strict=True)),
        )

    def units(self, size: int) -> Iterator[range]:
        """Members that are run together: up to ``size`` of them, of one site and forcing.

        What is together never depends on how many run them or on what is done already, so that results do not either.
        """
        for start in range(0, len(self), self.samples):
            for first in range(start, start + self.samples, size):
                yield range(first, min(first + size, start + self.samples))


def plan_members(experiment: Experiment) -> Members:
    """Work out the members of an experiment: sites, times forcing files, times samples.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]``.

    Returns
    -------
    Members

    Raises
    ------
    BadInput
        If there is no ``[ensemble]``, or draws are asked of a module that is not named or has none.
    """
    section = experiment.required(experiment.ensemble, "ensemble")
    counts: dict[str, int] = {module: count_draws(experiment, module) for module in section.draws}
    n = _samples(section, counts)
    names = tuple(parameter.label for parameter in section.parameters)
    if section.sampling == "listed":
        values = np.array([p.values for p in section.parameters], dtype=np.float64).reshape(len(names), -1).T
        values = values if names else np.empty((n, 0))
        draws = np.stack([np.arange(n) % count for count in counts.values()], axis=1) if counts else None
    else:
        design = unit_design(section, n, len(names) + len(counts))
        values = np.empty((n, len(names)))
        for k, parameter in enumerate(section.parameters):
            values[:, k] = prior_quantile(parameter, design[:, k])
        in_turn = not names and len(counts) == 1 and n == next(iter(counts.values()))
        shares = design[:, len(names) :]
        picked = [(shares[:, k] * count).astype(np.int64) for k, count in enumerate(counts.values())]
        draws = np.stack([np.arange(n)] if in_turn else picked, axis=1) if counts else None
    return Members(
        seed=section.seed,
        sites=section.sites or (None,),
        forcing=section.forcing or (None,),
        names=names,
        modules=tuple(counts),
        values=values,
        draws=np.empty((n, 0), dtype=np.int64) if draws is None else draws,
    )


def _samples(section: EnsembleSection, counts: Mapping[str, int]) -> int:
    if section.sampling == "listed" and section.parameters:
        values = section.parameters[0].values
        assert values is not None
        return len(values)
    if section.members is not None:
        return section.members
    return max(counts.values(), default=1)


def count_draws(experiment: Experiment, module: str) -> int:
    """How many draws a module of the experiment has.

    Raises
    ------
    BadInput
        If the experiment names no such module.
    """
    if module not in draws_names():
        raise BadInput(
            f"modules of {module} have no draws",
            where=f"{experiment.file}, ensemble.draws",
            remedy=f"give one or several of {', '.join(draws_names())}",
        )
    draws = draws_of(module)
    folder: Path | None = getattr(experiment.modules, module, None)
    if folder is None:
        raise BadInput(
            f"there are draws of {module}, and no module of it",
            where=f"{experiment.file}, ensemble.draws",
            remedy=f"give [modules] {module}, a folder that 'jules-ml fit {module}' wrote",
        )
    return draws.count(folder)
