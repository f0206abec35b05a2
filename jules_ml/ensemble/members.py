"""Members of an ensemble: they depend on the experiment only, not on how they are run."""

from __future__ import annotations

import hashlib
import json
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
    """One member of an ensemble.

    Attributes
    ----------
    number : int
        Number of the member, from 0.
    seed : int
        Seed of the member, which does not depend on where it runs.
    site : Path or None
        Experiment file of its site, if it differs from that of the ensemble.
    forcing : Path or None
        File that replaces the record.
    draws : dict of str to int
        Number of the draw of each module, from 0.
    values : dict of str to float
        Value of each parameter, by name.
    """

    number: int
    seed: int
    site: Path | None = None
    forcing: Path | None = None
    draws: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Members(Sequence[Member]):
    """All members, created on access, so that only their samples need memory.

    Attributes
    ----------
    seed : int
    sites, forcing : tuple of (Path or None)
        Sites and forcing files with which the samples are combined.
    names, modules : tuple of str
        Names of the parameters, and of the modules of which draws are used.
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
        """Number of samples for each site and forcing file."""
        return len(self.values)

    @property
    def checksum(self) -> str:
        """SHA-256 of the samples."""
        digest = hashlib.sha256(json.dumps([self.seed, self.names, self.modules]).encode())
        digest.update(np.ascontiguousarray(self.values).tobytes())
        digest.update(np.ascontiguousarray(self.draws).tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.sites) * len(self.forcing) * self.samples

    @overload
    def __getitem__(self, number: int) -> Member: ...
    @overload
    def __getitem__(self, number: slice) -> list[Member]: ...
    def __getitem__(self, number: int | slice) -> Member | list[Member]:
        """Return a member by its number, or a list of members."""
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
        """Yield the members that are run together: up to ``size`` of them, of one site and forcing file.

        The grouping does not depend on the number of workers or on which members are done, so results do not either.
        """
        for start in range(0, len(self), self.samples):
            for first in range(start, start + self.samples, size):
                yield range(first, min(first + size, start + self.samples))


def plan_members(experiment: Experiment) -> Members:
    """Determine the members of an experiment: sites times forcing files times samples.

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
        If there is no ``[ensemble]``, or draws are requested of a module that is not named or has no draws.
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
        each_once = not names and len(counts) == 1 and n == next(iter(counts.values()))
        uniform = design[:, len(names) :]
        sampled = [(uniform[:, k] * count).astype(np.int64) for k, count in enumerate(counts.values())]
        draws = np.stack([np.arange(n)] if each_once else sampled, axis=1) if counts else None
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
    """Count the draws of a module of the experiment.

    Raises
    ------
    BadInput
        If the experiment names no such module.
    """
    if module not in draws_names():
        raise BadInput(
            f"learned {module} has no draws",
            where=f"{experiment.file}, ensemble.draws",
            remedy=f"choose from {', '.join(draws_names())}",
        )
    draws = draws_of(module)
    folder: Path | None = getattr(experiment.modules, module, None)
    if folder is None:
        raise BadInput(
            f"draws of {module} are requested, but the experiment names no such module",
            where=f"{experiment.file}, ensemble.draws",
            remedy=f"set modules.{module} to a folder that 'jules-ml fit {module}' wrote",
        )
    return draws.count(folder)
