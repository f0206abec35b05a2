"""The soil in unifhy."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("bmipy")
try:
    import unifhy
except (ImportError, FileNotFoundError) as error:  # cf-python without the library UDUNITS-2
    pytest.skip(f"unifhy cannot be imported ({error})", allow_module_level=True)

from helpers.components import write_component
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.soil_only import SoilOnlyBmi
from jules_ml.frameworks.unifhy import SoilSubSurface

START = datetime(2001, 6, 1)
STEP = timedelta(seconds=1800.0)
SHAPE = (2, 3)


class Surface(unifhy.component.SurfaceLayerComponent):  # type: ignore[misc]
    """A surface layer with showers at noon, more in the east, and evaporation by day where the soil is wet."""

    _inwards: ClassVar = {"soil_water_stress_for_transpiration"}
    _outwards: ClassVar = {
        "canopy_liquid_throughfall_and_snow_melt_flux",
        "transpiration_flux_from_root_uptake",
        "direct_water_evaporation_flux_from_soil",
    }

    def initialise(self, **_: Any) -> None:
        pass

    def run(self, soil_water_stress_for_transpiration: Any, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        hour = (self.current_datetime - START) / timedelta(hours=1) % 24.0
        sun = max(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
        rain = 2e-3 * (abs(hour - 12.0) < 1.0) * (1.0 + np.arange(6.0).reshape(SHAPE))
        return (
            {
                "canopy_liquid_throughfall_and_snow_melt_flux": rain,
                "transpiration_flux_from_root_uptake": 6e-5 * sun * soil_water_stress_for_transpiration,
                "direct_water_evaporation_flux_from_soil": np.full(SHAPE, 2e-5 * sun),
            },
            {},
        )

    def finalise(self, **_: Any) -> None:
        pass


class Recorded(SoilSubSurface):
    """Soil that notes what it exchanges."""

    exchanged: ClassVar[list[tuple[dict[str, Any], dict[str, Any], NDArray[np.float64]]]] = []
    most_ice: ClassVar[list[float]] = []

    def run(self, **given: Any) -> Any:  # type: ignore[override]
        fluxes = {name: np.array(given[name]) for name in self._inwards}
        result = super().run(**given)
        self.most_ice.append(float(given["soil_ice"].get_timestep(0).max()))
        self.exchanged.append((fluxes, result[0], np.array(given["soil_water"].get_timestep(0))))
        return result


def domains(days: int, step: timedelta = STEP) -> dict[str, Any]:
    """Time and space of a component."""
    return {
        "timedomain": unifhy.TimeDomain.from_start_end_step(START, START + timedelta(days=days), step),
        "spacedomain": unifhy.LatLonGrid.from_extent_and_resolution(
            latitude_extent=(50.0, 51.0), longitude_extent=(0.0, 1.5), latitude_resolution=0.5, longitude_resolution=0.5
        ),
    }


def model(folder: Path, soil: Any, days: int) -> Any:
    """Model of a surface and a soil, without open water and nutrients."""
    where = {"saving_directory": str(folder)}
    absent = {
        name: unifhy.component.NullComponent(**domains(days), substituting_class=kind)
        for name, kind in (
            ("openwater", unifhy.component.OpenWaterComponent),
            ("nutrientsurfacelayer", unifhy.component.NutrientSurfaceLayerComponent),
            ("nutrientsubsurface", unifhy.component.NutrientSubSurfaceComponent),
            ("nutrientopenwater", unifhy.component.NutrientOpenWaterComponent),
        )
    }
    return unifhy.Model(
        identifier="soil",
        config_directory=str(folder),
        saving_directory=str(folder),
        surfacelayer=Surface(**where, **domains(days)),
        subsurface=soil(**where, **domains(days), records={"soil_water": {timedelta(days=1): ["point"]}}),
        **absent,
    )


def test_ten_days_equal_the_plain_soil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_component(
        tmp_path, "latitude = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]\nlongitude = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]"
    )
    monkeypatch.setattr(Recorded, "experiment", path)
    monkeypatch.setattr(Recorded, "exchanged", [])
    # unifhy 1.0.0 calls it for its records, and NumPy 2.4 has it no more
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    model(tmp_path, Recorded, 10).simulate()
    plain = SoilOnlyBmi()
    plain.initialize(str(path))
    assert len(Recorded.exchanged) == 480
    for fluxes, outwards, water in Recorded.exchanged:
        plain.set_value("tfall", fluxes["canopy_liquid_throughfall_and_snow_melt_flux"])
        plain.set_value("et_stom_gb", fluxes["transpiration_flux_from_root_uptake"])
        plain.set_value("esoil_gb", fluxes["direct_water_evaporation_flux_from_soil"])
        plain.set_value("surf_ht_flux_gb", np.zeros(6))
        plain.update()
        expected = plain.get_value_ptr("smcl").reshape(4, 6).T.reshape(2, 3, 4)
        np.testing.assert_allclose(water, expected, rtol=1e-10)
        for name, jules in (
            ("surface_runoff_flux_delivered_to_rivers", "surf_roff"),
            ("net_groundwater_flux_to_rivers", "sub_surf_roff"),
        ):
            np.testing.assert_allclose(outwards[name].reshape(-1), plain.get_value_ptr(jules), rtol=1e-10, atol=1e-18)
    last = Recorded.exchanged[-1]
    assert last[0]["transpiration_flux_from_root_uptake"].max() >= 0.0
    assert last[2][0, 0].sum() < last[2][1, 2].sum()


def test_other_layers_and_time_steps_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_component(tmp_path)
    where = {"saving_directory": str(tmp_path)}
    with pytest.raises(BadInput, match="names no experiment"):
        model(tmp_path, SoilSubSurface, 1).simulate()
    monkeypatch.setattr(Recorded, "experiment", path)
    soil = Recorded(**where, **domains(1), constants={"soil_layers": (5, "1")})
    soil.identifier = "soil"
    with pytest.raises(BadInput, match="has layers 4, and the component 5"):
        soil.initialise_("run", True)
    soil = Recorded(**where, **domains(1, timedelta(hours=1)))
    soil.identifier = "soil"
    with pytest.raises(BadInput, match="1800, and the component 3600"):
        soil.initialise_("run", True)


@pytest.mark.parametrize(
    ("before", "section"),
    [
        ("[soil.properties]", "[soil.topmodel]\nti_mean = 6.0\nti_sig = 2.0\nfexp = 2.0"),
        ("[run]", "[carbon.four_pools]\nfractions = [0.01, 0.2, 0.02, 0.77]\nlitter = 0.5\nclay = 0.2"),
    ],
)
def test_state_that_a_dump_does_not_keep_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, section: str
) -> None:
    path = write_component(tmp_path, changes={before: f"{section}\n\n{before}"})
    monkeypatch.setattr(Recorded, "experiment", path)
    soil = Recorded(saving_directory=str(tmp_path), **domains(1))
    soil.identifier = "soil"
    with pytest.raises(BadInput, match=r"which dumps of unifhy do not keep"):
        soil.initialise_("run", True)


def test_it_passes_the_checks_of_components_of_the_framework(tmp_path: Path) -> None:
    soil = SoilSubSurface(saving_directory=str(tmp_path), **domains(1))
    assert soil.category == "subsurface"
    assert set(SoilSubSurface.inwards_info) == SoilSubSurface._inwards
    assert set(SoilSubSurface.outwards_info) == SoilSubSurface._outwards


def test_restart_from_a_dump_is_equal_to_the_bit_with_ice_that_is_not_in_equilibrium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = {"t_soil = [285.0, 284.0, 283.0, 282.0]": "t_soil = [273.2, 274.0, 275.0, 276.0]"}
    monkeypatch.setattr(Recorded, "experiment", write_component(tmp_path, changes=cold))
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    monkeypatch.setattr(Recorded, "_constants_info", frozen_constants())
    for resumed in (False, True):
        monkeypatch.setattr(Recorded, "exchanged", [])
        soil = model(tmp_path, Recorded, 2)
        if resumed:
            soil.resume("run", START + timedelta(days=1))
        else:
            soil.simulate(dumping_frequency=timedelta(days=1))
            expected = Recorded.exchanged[-48:]
    assert len(Recorded.exchanged) == 48
    assert Recorded.most_ice[-1] > 0.01
    for (_, outwards, water), (_, others, other) in zip(Recorded.exchanged, expected, strict=True):
        np.testing.assert_array_equal(water, other)
        np.testing.assert_array_equal(
            outwards["surface_runoff_flux_delivered_to_rivers"], others["surface_runoff_flux_delivered_to_rivers"]
        )


@pytest.mark.parametrize(
    ("rain", "text"),
    [(np.full(SHAPE, np.nan), "is not finite"), (np.full(SHAPE, 3.6), r"tfall is 3.6, outside 0 to 0.15 kg m-2 s-1")],
)
def test_missing_fluxes_and_those_in_other_units_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rain: NDArray[np.float64], text: str
) -> None:
    monkeypatch.setattr(Recorded, "experiment", write_component(tmp_path))
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    fluxes = {name: rain if "throughfall" in name else np.zeros(SHAPE) for name in Surface._outwards}
    monkeypatch.setattr(Surface, "run", lambda *_, **__: (fluxes, {}))
    with pytest.raises(BadInput, match=text):
        model(tmp_path, Recorded, 1).simulate()


def frozen_constants() -> dict[str, Any]:
    """Constants of the soil with a heat flux that cools it."""
    heat = SoilSubSurface._constants_info["soil_heat_flux"] | {"default_value": -30.0}
    return SoilSubSurface._constants_info | {"soil_heat_flux": heat}
