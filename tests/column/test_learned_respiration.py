"""Curves in the column: JULES's own as tables give JULES's respiration, and what the column does not know is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _jules_curves import jules_fsth, jules_ftemp
from helpers.small_experiment import write_experiment

from jules_ml.column.learned_respiration import curve_factors
from jules_ml.column.run import run_column
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.compilation import can_compile

#: Wilting point and saturation of the small experiment.
WILT, SAT = 0.136328, 0.45815


@pytest.mark.slow
@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.skipif(not can_compile(), reason="no compiler"))]
)
def test_juless_own_curves_as_tables_give_juless_respiration(compiled: bool, tmp_path: Path) -> None:
    replaced = ("compiled = false", f"compiled = {str(compiled).lower()}")
    experiment = load_experiment(write_experiment(tmp_path, replaced, days=1))
    stock = run_column(experiment).output
    tables = curve_factors(jules_fsth(WILT, SAT), jules_ftemp())
    own = run_column(experiment, factors=tables).output
    np.testing.assert_allclose(own["resp_s_gb"], stock["resp_s_gb"], rtol=2e-3)
    np.testing.assert_array_equal(own["smcl"], stock["smcl"])


def test_f_along_water_content_and_along_all_water() -> None:
    soil = SoilProperties(
        *(torch.full((1, 1), value, dtype=torch.float64) for value in (6.6, 0.05, 0.005, SAT, 0.24, WILT, 1e6, 0.2))
    )
    sthu, sthf = (torch.full((1, 2), value, dtype=torch.float64) for value in (0.4, 0.2))
    t_soil = torch.full((1, 2), 285.0, dtype=torch.float64)
    for along, wetness in (("theta", 0.4), ("sthu+sthf", 0.6)):
        table = jules_fsth(WILT, SAT, x=along)  # type: ignore[arg-type]
        x = torch.tensor([wetness * SAT if along == "theta" else wetness], dtype=torch.float64)
        modifier = curve_factors(table, jules_ftemp())(sthu, sthf, t_soil, soil).fsth
        torch.testing.assert_close(modifier, table(x).expand(1, 2))


def test_a_folder_that_is_no_module_is_refused(tmp_path: Path) -> None:
    replaced = ("[run]", '[modules]\nrespiration = "nothing"\n\n[run]')
    with pytest.raises(BadInput) as caught:
        run_column(load_experiment(write_experiment(tmp_path, replaced, days=1)))
    assert "nothing" in str(caught.value.where)
