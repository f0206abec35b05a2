"""Substitutions for missing weather, and how often they were used."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Substitution:
    """Use of one rule of gap-filling or substitution.

    Attributes
    ----------
    variable : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`.
    rule : str
        Rule that gave the values.
    steps : int
        Time steps of the run in which it was used.
    share : float
        Fraction of all steps [1].
    """

    variable: str
    rule: str
    steps: int
    share: float

    def __str__(self) -> str:
        """Return variable, rule and use as one line of text."""
        return f"{self.variable}: {self.rule} ({self.steps} steps, {100.0 * self.share:.3g} %)"


@dataclass
class SubstitutionLog:
    """Substitutions for a run of ``n_steps`` time steps."""

    n_steps: int
    substitutions: list[Substitution] = field(default_factory=list)

    def add(self, variable: str, rule: str, share: float) -> None:
        """Add a rule, unless it was never used."""
        if share > 0.0:
            self.substitutions.append(Substitution(variable, rule, max(1, round(share * self.n_steps)), share))
