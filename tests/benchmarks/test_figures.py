"""Figures of the benchmarks."""

from __future__ import annotations

import pandas as pd
from _figure_moisture import site_skill


def test_methods_stand_beside_one_another_by_site() -> None:
    table = pd.DataFrame({"rmse": [0.03, 0.05]}, index=["A", "B"])
    axis = site_skill({"learned": table, "JULES": table + 0.02}).axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["A", "B"]
    assert [line.get_label() for line in axis.get_lines()] == ["learned", "JULES"]
