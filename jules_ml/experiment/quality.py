"""Section ``[quality]``: rules that drop the values of faulty sensors before any use of the record."""

from __future__ import annotations

from pydantic import Field

from jules_ml.data.sensor_faults import RULES, Rule
from jules_ml.support.section import Section


class QualitySection(Section):
    """``[quality]``: rules that drop the values of faulty sensors; the number of values that each rule drops is reported."""

    stuck: bool = Field(
        default=True, description="drop runs of equal values that are too long, or too rainy, to be true (rule `stuck`)"
    )
    level_step: bool = Field(
        default=True,
        description="if the level of a soil-moisture sensor changes within a day, drop the values on the shorter side (rule `level step`)",
    )

    def rules(self) -> tuple[Rule, ...]:
        """Names of the rules that apply."""
        return tuple(rule for rule in RULES if getattr(self, rule.replace(" ", "_")))
