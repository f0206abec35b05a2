"""Curves fitted to all layers of a model's soil, for layered carbon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.module_folders import edit_settings
from helpers.respiration_folder import write_module
from helpers.respiration_record import synthetic_record
from helpers.tower import write_tower

from jules_ml.cli.soil_state import with_runs
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.data.readers.jules import read_jules
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import LayerSettings, RespirationSettings
from jules_ml.jules.export.curves import export_rate
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.respiration.adapt import adapt_respiration
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.kind import KIND
from jules_ml.learned.respiration.layers import depth_factors, effective_state, layer_weights
from jules_ml.learned.respiration.rate import base_flux, released_fraction
from jules_ml.learned.respiration.state import with_soil_state
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.physics.constants import KAPS_4POOL
from jules_ml.physics.respiration import fsth, ftemp_q10, ftemp_rothc

ROTHC = RespirationSettings(target="heterotrophic", l_layeredc=True, jules_g="rothc", members=2, inner_folds=2)
#: Fluxes are multiplied by this: those of JULES are smaller than a chamber can measure.
SCALE = 3.0
#: Water content at the wilting point and at saturation in the run [m3 m-3].
WILTING = torch.tensor(0.136328).double(), torch.tensor(0.45815).double()


@pytest.fixture(scope="module")
def loobos(shared_data: Path) -> xr.Dataset:
    """A run of JULES with four pools in four layers."""
    names = ("sthu", "sthf", "t_soil", "cs", "sm_sat", "sm_wilt", "fsth", "ftemp", "fprf", "resp_s_gb")
    return read_jules(shared_data / "jules" / "loobos_1997_layeredcn_30min.nc", variables=names)


def columns(output: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Wetness and temperature of the layers, shape (time, layer)."""
    s, t = (output[name].transpose("time", "soil").to_numpy().astype(float) for name in ("sthu", "t_soil"))
    return s, t


def record_of(output: xr.Dataset, flux: np.ndarray) -> xr.Dataset:
    """Every third half-hour of a heterotrophic flux with 10 % noise, from the state at the end of the previous step."""
    noise = 1.0 + 0.1 * np.random.default_rng(0).normal(size=len(flux))
    attrs = {"site": "Loobos", "interval_seconds": 1800.0, "licence": "none", "source": "JULES"}
    ds = xr.Dataset({"resp_het": ("time", flux * noise)}, coords={"time": output["time"] + np.timedelta64(30, "m")})
    return ds.assign_attrs(attrs).isel(time=slice(None, None, 3))


def test_weights_are_those_of_the_flux_of_jules(loobos: xr.Dataset) -> None:
    """The respiration that JULES writes is the base rate of all layers times the weighted sum of its own f and g."""
    weights = layer_weights(loobos, LayerSettings(), "run")
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    carbon = loobos["cs"].transpose("time", "scpool", "sclayer").to_numpy().astype(float)
    base = np.einsum("p,tpl,l->t", KAPS_4POOL, carbon, depth_factors((0.1, 0.25, 0.65, 2.0), 2.0))
    f, g = (loobos[name].transpose("time", "soil").to_numpy().astype(float) for name in ("fsth", "ftemp"))
    modelled = base * (weights * f * g).sum(axis=1) * loobos["fprf"].to_numpy() * released_fraction(0.0)
    # the first step after each call of TRIFFID has carbon that is not in the output
    error = np.abs(modelled[1:] / loobos["resp_s_gb"].to_numpy()[1:] - 1.0)
    assert np.quantile(error, 0.99) < 1e-4


def test_carbon_of_the_settings_replaces_that_of_the_output(loobos: xr.Dataset) -> None:
    some = loobos.isel(time=slice(0, 3))
    weights = layer_weights(some, LayerSettings(cs=(4.0, 2.0, 0.0, 0.0), tau_resp=0.0), "run")
    np.testing.assert_allclose(weights, [[2 / 3, 1 / 3, 0.0, 0.0]] * 3)
    thin = some.assign_coords(dzsoil=("soil", [0.1, 0.1, 0.1, 0.1]))
    declining = layer_weights(thin, LayerSettings(cs=(1.0, 1.0, 1.0, 1.0), tau_resp=1.0), "run")
    np.testing.assert_allclose(declining[0, 1:] / declining[0, :-1], np.exp(-0.1))


@pytest.mark.parametrize("jules_g", ["q10", "rothc"])
def test_effective_state_is_exact_for_g_of_jules_and_a_linear_f(jules_g: str) -> None:
    rng = np.random.default_rng(0)
    s, t, w = rng.uniform(0.2, 0.9, (50, 4)), rng.uniform(255.0, 300.0, (50, 4)), rng.uniform(0.1, 1.0, (50, 4))
    w /= w.sum(axis=1, keepdims=True)
    settings = RespirationSettings.model_validate({"jules_g": jules_g, "q10": 3.0})

    def g(x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(x)
        return np.asarray((ftemp_rothc(values) if jules_g == "rothc" else ftemp_q10(values, 3.0)).numpy())

    s_eff, t_eff = effective_state(s, t, w, settings)
    expected = (w * (0.2 + 0.7 * s) * g(t)).sum(axis=1)
    active = g(t_eff) > 0.0
    np.testing.assert_allclose(((0.2 + 0.7 * s_eff) * g(t_eff))[active], expected[active], rtol=1e-10)
    cold = np.full((1, 4), 250.0)
    s_eff, t_eff = effective_state(s[:1], cold, w[:1], settings)
    assert float(t_eff[0]) == pytest.approx(250.0)
    assert float(s_eff[0]) == pytest.approx(float((w[0] * s[0]).sum()))


def test_frozen_water_of_all_layers(loobos: xr.Dataset) -> None:
    record = record_of(loobos, np.ones(loobos.sizes["time"]))
    frozen = loobos.assign(sthf=loobos["sthf"] + 0.1)
    without, with_ice = (
        with_soil_state(record, frozen, ROTHC.model_copy(update={"l_soil_resp_lev2": switch}))
        for switch in (False, True)
    )
    assert float((with_ice["model_wetness"] - without["model_wetness"]).min()) >= 0.1 - 1e-6
    np.testing.assert_array_equal(without["model_t_soil"], with_ice["model_t_soil"])


def test_refusals(loobos: xr.Dataset) -> None:
    some = loobos.isel(time=slice(0, 3))
    for settings, output, message in (
        (LayerSettings(), some.drop_vars("cs"), "no soil carbon cs in layers"),
        (LayerSettings(), some.isel(sclayer=[0]), "no soil carbon cs in layers"),
        (LayerSettings(), some.isel(scpool=[0, 1]), "cs has 2 pools"),
        (LayerSettings(cs=(1.0, 2.0)), some, "4 soil layers, and cs has 2 values"),
        (LayerSettings(dzsoil=(0.1, 0.2)), some, "4 soil layers, and dzsoil has 2 values"),
        (LayerSettings(cs=(0.0, 0.0, 0.0, 0.0)), some, "0 or missing"),
    ):
        with pytest.raises(BadInput, match=message):
            layer_weights(output, settings, "run.nc")


def curve_error(
    learned: Callable[[torch.Tensor], torch.Tensor], states: xr.DataArray, truth: Callable[[torch.Tensor], torch.Tensor]
) -> float:
    """RMS of the logarithm of learned over true curve in the range of 90 % of the states, but for a constant."""
    low, high = np.nanquantile(states, [0.05, 0.95])
    x = torch.linspace(float(low), float(high), 51, dtype=torch.float64)
    with torch.no_grad():
        return float((learned(x) / truth(x)).log().std())


def recovered(loobos: xr.Dataset, flux: np.ndarray, settings: RespirationSettings, out: Path) -> dict[str, float]:
    """Fit a flux of the sum over layers: RMS errors of f and g, and error of the sum over layers by the curves, relative to its mean."""
    record = with_soil_state(record_of(loobos, flux), loobos, settings)
    fit_respiration(record, settings, out)
    module, fitted, card = load_respiration(out)
    s, t = (torch.from_numpy(x) for x in columns(loobos))
    with torch.no_grad():
        of_layers = (layer_weights(loobos, LayerSettings(), "run") * (module.f(s) * module.g(t)).numpy()).sum(axis=1)
    modelled = base_flux(module, fitted, card, "Loobos").r0 * of_layers
    return {
        "f": curve_error(module.f, record["model_wetness"], lambda x: fsth(x, *WILTING, pools=1)),
        "g": curve_error(module.g, record["model_t_soil"], ftemp_rothc),
        "flux": float(np.sqrt(np.mean((modelled - flux) ** 2)) / np.mean(flux)),
        "bias": float(np.mean(modelled - flux) / np.mean(flux)),
    }


@pytest.mark.slow
def test_curves_of_a_sum_over_layers_are_recovered(
    loobos: xr.Dataset, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    s, t = (torch.from_numpy(x) for x in columns(loobos))
    truth = (fsth(s, *WILTING, pools=1) * ftemp_rothc(t)).numpy()
    flux = SCALE * (layer_weights(loobos, LayerSettings(), "run") * truth).sum(axis=1)
    scores = recovered(loobos, flux, ROTHC, tmp_path / "all")
    other = with_soil_state(record_of(loobos, flux), loobos, ROTHC).assign_attrs(site="other")
    assert evaluate_respiration(tmp_path / "all", other)["all"]["nse"] > 0.9
    adapt_respiration(tmp_path / "all", [other], tmp_path / "adapted", days=AdaptationDays(count=300))
    r0 = [base_flux(*load_respiration(tmp_path / "adapted"), site).r0 for site in ("Loobos", "other")]
    assert r0[1] == pytest.approx(r0[0], rel=0.1)
    first = recovered(loobos, flux, ROTHC.model_copy(update={"l_layeredc": False}), tmp_path / "first")
    for name, values in (("all layers", scores), ("first layer", first)):
        figures(f"layered carbon, fit to {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in values.items()))
    assert scores["f"] < 0.10 < 0.5 * first["f"]
    assert scores["g"] < 0.05 < 0.5 * first["g"]
    assert scores["flux"] < 0.11 < 0.8 * first["flux"]
    assert abs(scores["bias"]) < 0.03


def test_the_column_respires_in_one_layer(tmp_path: Path) -> None:
    edit_settings(write_module(tmp_path / "module"), state="stock.nc", l_layeredc=True)
    modules = '[modules]\nrespiration = "module"\n'
    path = write_tower(tmp_path, ("[respiration]", f"{modules}[respiration]\nl_layeredc = true"))
    experiment = load_experiment(path)
    with pytest.raises(BadInput, match="l_layeredc is set, and the column always respires at the state of its first"):
        with_runs("respiration", [experiment], tmp_path / "out")
    with pytest.raises(BadInput, match="fitted to all layers"):
        with_learned_rate(experiment)
    with pytest.raises(BadInput, match="fitted to all layers"):
        export_rate(tmp_path / "module", tmp_path / "out", experiment)


def test_every_experiment_has_its_own_layers(loobos: xr.Dataset, tmp_path: Path) -> None:
    """Sites of a fit, of an adaptation and of an evaluation are read with the layers of their own file."""
    weights = []
    for cs in ((1.0, 1.0, 1.0, 1.0), (1.0, 0.0, 0.0, 0.0)):
        loobos.drop_vars("cs").assign_coords(time=loobos["time"] + np.timedelta64(23 * 365 + 6, "D")).to_netcdf(
            tmp_path / "run.nc"
        )
        change = f'[respiration]\nstate = "run.nc"\nl_layeredc = true\nlayers.cs = {list(cs)}\nlayers.tau_resp = 0.0'
        experiment = load_experiment(write_tower(tmp_path, ("[respiration]", change)))
        weights.append(KIND.site(experiment).attrs["layer_weights"])
    np.testing.assert_allclose(weights, [[0.25] * 4, [1.0, 0.0, 0.0, 0.0]])


def test_layers_of_sensors_are_refused(tmp_path: Path) -> None:
    settings = RespirationSettings(target="soil", l_layeredc=True)
    with pytest.raises(BadInput, match="needs the soil of a model"):
        fit_respiration(synthetic_record(), settings, tmp_path / "module")
