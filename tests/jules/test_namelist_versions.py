"""Form of f that the way ``namelist`` chooses, by version of JULES."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.respiration_folder import write_module

from jules_ml.jules.run_folder import RunFolder, read_run_folder, stage
from jules_ml.jules.swap.respiration import StockFit, swap_namelist
from jules_ml.jules.versions import Versions

GROUP = "jules_soil_biogeochem"


def swapped(user: Path, versions: Versions | None) -> tuple[RunFolder, list[str]]:
    with stage(read_run_folder(user), user.parent / "run") as run:
        return run, swap_namelist(run, write_module(user.parent / "pine"), versions)


@pytest.mark.parametrize("at_saturation", [None, 0.3])
def test_option_is_written_for_a_version_that_has_it(
    user: Path, monkeypatch: pytest.MonkeyPatch, at_saturation: float | None
) -> None:
    fit = StockFit(q10=2.2, scale=1.1, f_at_saturation=at_saturation, f_error=0.01, g_error=0.01)
    monkeypatch.setattr("jules_ml.jules.swap.respiration.fit_stock", lambda *_, crit, **__: fit if crit else None)
    run, _ = swapped(user, Versions(("8.2",), "given"))
    entries = run.namelists.get(GROUP)
    assert entries["cs_decomp_soil_moist_func"] == (0 if at_saturation is None else 1)
    assert entries.get("fsthsat_cs_decomp_opt1") == at_saturation


@pytest.mark.parametrize("versions", [Versions(("8.1",), "given"), Versions(("8.1", "8.2"), "given"), None])
def test_option_is_not_written_for_other_versions(user: Path, versions: Versions | None) -> None:
    run, notes = swapped(user, versions)
    assert not {"cs_decomp_soil_moist_func", "fsthsat_cs_decomp_opt1"} & set(run.namelists.get(GROUP))
    assert any("cs_decomp_soil_moist_func exists from JULES 8.2 on" in note for note in notes)
