"""What was put in place of measured weather, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Substitution:
    """One rule put in place of measured values.

    Attributes
    ----------
    variable : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`.
    rule : str
        What stands there instead.
    steps : int
        Time steps of the run that it stands in.
    share : float
        The same as a share of all steps [1].
    """

    variable: str
    rule: str
    steps: int
    share: float

    def __str__(self) -> str:
        return f"{self.variable}: {self.rule} ({self.steps} steps, {100.0 * self.share:.3g} %)"


@dataclass
class SubstitutionLog:
    """Substitutions as they are made, for a run of ``n_steps`` time steps."""

    n_steps: int
    found: list[Substitution] = field(default_factory=list)

    def add(self, variable: str, rule: str, share: float) -> None:
        """Note a rule, unless it was never used."""
        if share > 0.0:
            self.found.append(Substitution(variable, rule, max(1, round(share * self.n_steps)), share))
