"""Daily fluxes of CalLMIP as observations of a calibration, and what is written for a submission."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.calibration_sites import write_twin
from helpers.conventions import check_conventions

from jules_ml.calibration.cost import estimated_errors, whitened
from jules_ml.calibration.files import write_calibration
from jules_ml.calibration.flux_file import daily_fluxes
from jules_ml.calibration.observations import KINDS, Observations, Series, stacked_observations
from jules_ml.calibration.run import calibrate, prepare
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.calibration import ObservedSection

SECTION = """\
[calibration]
spin_up_days = 0
iterations = 2
draws = 3
segment_days = 4
test_fraction = 0.25
flux_file = "fluxes.nc"
simulations = true

[[calibration.parameters]]
name = "lai"

[[calibration.observations]]
variable = "le"
least_days = 3

[[calibration.observations]]
variable = "h"
least_days = 3
"""


def write_fluxes(path: Path, *, days: int, units: str = "W/m2") -> Path:
    """File in the layout of CalLMIP from 2001-05-31 on, whose latitude is a scalar with the name of a dimension."""
    number = np.arange(days + 1)
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        file.createDimension("time", days + 1)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 2001-05-31 00:00:00"
        time[:] = 86400.0 * number
        for name, unit, level in (("NEE", "gC/m2/d", 2.0), ("Qle", units, 60.0), ("Qh", "W/m2", 30.0)):
            for suffix, values in (("", level + number), ("_uc", np.full(days + 1, 0.1 * level))):
                variable = file.createVariable(f"{name}{suffix}_daily", "f4", ("time",), fill_value=1e20)
                variable.units = unit
                variable[:] = values
        file["Qle_daily"][3] = 1e20
        file["Qh_uc_daily"][4] = np.nan
    return path


def test_days_are_those_of_the_run(tmp_path: Path) -> None:
    path = write_fluxes(tmp_path / "fluxes.nc", days=8)
    fluxes = daily_fluxes(path, start=pd.Timestamp("2001-05-31 23:00"), days=4)
    assert fluxes["h"].observed.tolist() == pytest.approx([31.0, 32.0, 33.0, np.nan], nan_ok=True)
    assert fluxes["le"].observed.tolist() == pytest.approx([61.0, 62.0, np.nan, 64.0], nan_ok=True)
    # 3 g m-2 d-1 of carbon
    assert fluxes["nee"].observed[0] == pytest.approx(3.0 / 12.0 / 86400.0 * 1e6)
    assert fluxes["nee"].uncertainty[0] == pytest.approx(0.2 / 12.0 / 86400.0 * 1e6, rel=1e-6)
    with pytest.raises(BadInput, match="unit is 'W m-2'"):
        daily_fluxes(write_fluxes(tmp_path / "b.nc", days=6, units="W m-2"), start=pd.Timestamp("2001-06-01"), days=2)
    with pytest.raises(BadInput, match="cannot be read as daily fluxes"):
        daily_fluxes(tmp_path / "none.nc", start=pd.Timestamp("2001-06-01"), days=2)


def test_records_of_the_protocol_have_the_days_that_it_states(shared_data: Path) -> None:
    path = shared_data / "callmip" / "NL-Loo_daily_aggregated_1997-2013_FLUXNET2015_Flux.nc"
    fluxes = daily_fluxes(path, start=pd.Timestamp("1996-12-31 23:00"), days=365)
    assert [int(np.isfinite(fluxes[name].observed).sum()) for name in ("nee", "le", "h")] == [79, 280, 321]
    summer = fluxes["nee"].observed[150:240]
    assert np.nanmean(summer) < -1.0


def one_series(variable: str, observed: np.ndarray, uncertainty: np.ndarray | None) -> Observations:
    section = ObservedSection.model_validate({"variable": variable, "error": "estimated", "independent_days": 1.0})
    days = len(observed)
    fit = np.isfinite(observed)
    series = Series(0, section, np.nan, observed, np.full((days, 2), 0.5), fit, ~fit, 0.0, uncertainty)
    return stacked_observations([series], dzsoil=torch.tensor([[0.1]]), days=days)


def test_nee_is_respiration_minus_uptake() -> None:
    observed = one_series("nee", np.zeros(3), None)
    assert observed.outputs == ("resp_s_gb", "resp_p_gb", "gpp_gb")
    rates = torch.tensor([12e-9, 24e-9, 60e-9], dtype=torch.float64)
    assert float((observed.rows[:, 0] * rates).sum()) == pytest.approx(1.0 + 2.0 - 5.0)
    assert KINDS["nee"].units == "umol m-2 s-1"


def test_errors_of_measurement_and_model_are_added() -> None:
    uncertainty = np.array([0.0, 3.0, np.nan, 4.0])
    observed = one_series("le", np.array([1.0, 1.0, np.nan, 1.0]), uncertainty)
    residuals = torch.tensor([[5.0], [5.0], [np.nan], [5.0]], dtype=torch.float64)
    white = whitened(residuals, torch.tensor([3.0], dtype=torch.float64), observed)
    expected = [5.0 / 3.0, 5.0 / 18.0**0.5, 0.0, 1.0]
    np.testing.assert_allclose(white[:, 0], expected)
    # with copies of the columns in between
    np.testing.assert_allclose(
        whitened(residuals[:, None], torch.tensor([3.0]), observed)[:, 0, 0], expected, rtol=1e-6
    )
    model = estimated_errors(torch.tensor([20.0], dtype=torch.float64), residuals, observed)
    assert float(model) == pytest.approx(np.sqrt(25.0 - 25.0 / 3.0))


def test_a_calibration_writes_its_daily_simulations(tmp_path: Path) -> None:
    write_fluxes(tmp_path / "fluxes.nc", days=12)
    twin = write_twin(tmp_path, truth={"lai": 3.0}, calibration=SECTION)
    result = calibrate(load_experiment(twin))
    assert result.simulation.observations.uncertainty[0].tolist() == pytest.approx([6.0, 3.0], rel=1e-6)
    write_calibration(result, tmp_path / "out")
    paths = sorted((tmp_path / "out" / "simulations").iterdir())
    assert [path.name for path in paths] == ["twin_posterior.nc", "twin_prior.nc"]
    for path in paths:
        check_conventions(path)
    with xr.open_dataset(paths[0]) as posterior, xr.open_dataset(paths[1]) as prior:
        k = [each.settings.variable for each in result.simulation.observations.series].index("h")
        np.testing.assert_allclose(posterior["ftl_gb"], result.predicted[:, 1, k], rtol=1e-9)
        np.testing.assert_allclose(prior["ftl_gb"], result.predicted[:, 0, k], rtol=1e-9)
        spread = result.predicted[:, 2:, k].numpy().std(axis=1)
        np.testing.assert_allclose(posterior["ftl_gb_sd"], spread, rtol=1e-6, atol=1e-12)
        assert float(posterior["ftl_gb_sd"].max()) > 0.0
        assert "nee_sd" not in posterior
        assert float(prior["cs_gb"]) == 10.0
        assert prior["smcl"].dims == ("time", "soil")
        assert "ftl_gb_sd" not in prior


def test_nee_needs_plants_that_respire(tmp_path: Path) -> None:
    write_fluxes(tmp_path / "fluxes.nc", days=12)
    twin = write_twin(tmp_path, truth={"lai": 3.0}, calibration=SECTION.replace('"le"', '"nee"'))
    with pytest.raises(BadInput, match="NEE needs the respiration of plants"):
        prepare(load_experiment(twin))


def test_an_offset_is_refused(tmp_path: Path) -> None:
    twin = write_twin(tmp_path, truth={"lai": 3.0}, calibration=SECTION.replace("least_days = 3", "offset = 3.0", 1))
    with pytest.raises(BadInput, match="offset cannot be given with flux_file"):
        load_experiment(twin)
