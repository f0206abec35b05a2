"""Sites of a calibration as columns of one batch, and their column as a function of parameter values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.calibration.site import DTYPE, CalibrationSite
from jules_ml.calibration.tiles import Tiles, site_tiles
from jules_ml.column.soil_processes import soil_switches
from jules_ml.errors import BadInput
from jules_ml.physics.column import ColumnState, Factors, SoilColumn, SoilProperties
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.hydraulics import (
    SUCTION_CRIT,
    SUCTION_WILT,
    VAN_GENUCHTEN,
    HydraulicForm,
    wetness_at_suction_ch,
    wetness_at_suction_vg,
)
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.respiration import Q10_SOIL, fsth, ftemp_q10
from jules_ml.physics.surface import Forcing
from jules_ml.physics.topmodel import Topmodel

#: Greatest critical point relative to saturation, and wilting point relative to the critical point [1].
_BELOW: Final = 0.98


@dataclass(frozen=True, eq=False)
class TemperatureFactors:
    """JULES's modifiers of respiration in the one-pool scheme, with a Q10 for each column, shape (column,)."""

    q10: Tensor

    def __call__(self, sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        """Compute the modifiers; see :func:`jules_ml.physics.column.jules_one_pool_factors`."""
        del sthf
        return Factors(fsth=fsth(sthu, soil.sm_wilt, soil.sm_sat, pools=1), ftemp=ftemp_q10(t_soil, self.q10))


@dataclass(frozen=True, eq=False)
class SiteColumns:
    """Columns of several sites, along the last dimension.

    Attributes
    ----------
    sites : tuple of CalibrationSite
    forcing : Forcing or LandForcing
        Shape (step, ..., site) each; shorter records are repeated to the length of the longest.
    prior : dict of str to Tensor, shape (row, site)
        Parameters of the experiments: a row is a layer, a tile, or the column.
    tiles : Tiles
        Surface types.
    topmodel : Topmodel or None
        Properties of the grid boxes, shape (site,) each, which are not fitted.
    stress_points : {"fixed", "curve"}
        Where the critical and the wilting point are that are not fitted.
    fitted : frozenset of str
        Names of the fitted parameters.
    """

    sites: tuple[CalibrationSite, ...]
    forcing: Forcing | LandForcing
    prior: Mapping[str, Tensor]
    tiles: Tiles
    topmodel: Topmodel | None
    stress_points: str
    fitted: frozenset[str]

    @property
    def dzsoil(self) -> Tensor:
        """Layer thicknesses [m], shape (layer, 1)."""
        return self.sites[0].soil.dzsoil

    @property
    def timestep(self) -> float:
        """Time step [s]."""
        return self.sites[0].timestep

    @property
    def steps_per_day(self) -> int:
        """Number of time steps of a day."""
        return round(SECONDS_PER_DAY / self.timestep)

    @property
    def days(self) -> int:
        """Number of days of the longest record."""
        return max(site.days for site in self.sites)

    def column(self, values: Mapping[str, Tensor]) -> SoilColumn:
        """Make the columns.

        Parameters
        ----------
        values : mapping of str to Tensor, shape (row, copy * site)
            Values of all parameters; gradients flow through them.

        Returns
        -------
        SoilColumn
        """
        soil = self.sites[0].experiment.soil
        assert soil is not None
        copies = values["b"].shape[1] // len(self.sites)
        co2 = torch.tensor([_co2(site) for site in self.sites], dtype=DTYPE).repeat(copies)
        height = torch.tensor([site.experiment.forcing.height for site in self.sites], dtype=DTYPE).repeat(copies)
        return SoilColumn(
            self._soil(values),
            self.dzsoil,
            timestep=self.timestep,
            form=self.sites[0].soil.form,
            surface=self.tiles.surface(values, dzsoil=self.dzsoil, height=height, co2=co2),
            factors=TemperatureFactors(values["q10_soil"][0]),
            cs=values["cs"][0] * values["kaps"][0],
            kaps=1.0,
            co2=co2,
            height=height,
            topmodel=mapped(lambda x: x.repeat(copies), self.topmodel),
            **soil_switches(soil),
        )

    def consistent(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Values of all parameters, with the critical and the wilting point that the columns have, shape (row, copy * site)."""
        return dict(values) | self._soil(values)._asdict()

    def _soil(self, values: Mapping[str, Tensor]) -> SoilProperties:
        """Soil properties, with the critical and the wilting point in order."""
        b, sathh, sm_sat = values["b"], values["sathh"], values["sm_sat"]
        stress = {}
        for name, suction in (("sm_crit", SUCTION_CRIT), ("sm_wilt", SUCTION_WILT)):
            if name in self.fitted:
                stress[name] = values[name]
            elif self.stress_points == "curve":
                stress[name] = sm_sat * _wetness(self.sites[0].soil.form, suction, b, sathh)
            else:
                before = (self.prior[name] / self.prior["sm_sat"]).repeat(1, b.shape[1] // len(self.sites))
                stress[name] = sm_sat * before
        crit = torch.minimum(stress["sm_crit"], _BELOW * sm_sat)
        wilt = torch.minimum(stress["sm_wilt"], _BELOW * crit)
        return SoilProperties(b, sathh, values["satcon"], sm_sat, crit, wilt, values["hcap"], values["hcon"])


def _wetness(form: HydraulicForm, suction: float, b: Tensor, sathh: Tensor) -> Tensor:
    curve: Callable[..., Tensor] = wetness_at_suction_vg if form is VAN_GENUCHTEN else wetness_at_suction_ch
    return curve(suction, b, sathh)


def site_columns(
    sites: Sequence[CalibrationSite], *, fitted: Sequence[str] = (), stress_points: str = "fixed"
) -> SiteColumns:
    """Combine sites as columns of one batch.

    Parameters
    ----------
    sites : sequence of CalibrationSite
    fitted : sequence of str
        Names of the fitted parameters.
    stress_points : {"fixed", "curve"}
        Where the critical and the wilting point are that are not fitted.

    Returns
    -------
    SiteColumns

    Raises
    ------
    BadInput
        If layers, time step, hydraulic form or switches differ between the sites, or two sites have the same name.
    """
    _refuse_different(sites)
    _refuse_varying(sites, fitted)
    n_steps = max(site.weather.t_air.shape[0] for site in sites)
    of_sites = [iter(tensors(site.weather)) for site in sites]
    forcing = mapped(
        lambda _: torch.cat([_repeated(next(each), n_steps) for each in of_sites], dim=-1), sites[0].weather
    )
    tiles = site_tiles(sites)
    prior = dict(tiles.prior)
    for k, name in enumerate(SoilProperties._fields):
        prior[name] = torch.cat([site.soil.properties[k] for site in sites], dim=1)
    prior["theta_r"] = torch.cat([site.soil.theta_r for site in sites], dim=1)
    for name, values in _column_values(sites).items():
        prior[name] = torch.tensor([values], dtype=DTYPE)
    boxes = [iter(tensors(site.topmodel)) for site in sites]
    topmodel = mapped(lambda _: torch.cat([next(box) for box in boxes]), sites[0].topmodel)
    return SiteColumns(tuple(sites), forcing, prior, tiles, topmodel, stress_points, frozenset(fitted))


def _column_values(sites: Sequence[CalibrationSite]) -> dict[str, list[float]]:
    """Parameters with one value for a column."""
    values: dict[str, list[float]] = {"cs": [], "kaps": [], "q10_soil": [], "albsoil": []}
    for site in sites:
        carbon, surface = site.experiment.carbon, site.experiment.surface
        assert carbon is not None
        assert surface is not None
        for name, value in (
            ("cs", carbon.cs),
            ("kaps", carbon.kaps),
            ("q10_soil", Q10_SOIL),
            ("albsoil", surface.albsoil),
        ):
            values[name].append(value)
    return values


def _co2(site: CalibrationSite) -> float:
    assert site.experiment.surface is not None
    return site.experiment.surface.co2


def _repeated(x: Tensor, n_steps: int) -> Tensor:
    return x if len(x) == n_steps else torch.cat([x] * -(-n_steps // len(x)))[:n_steps]


def _refuse_different(sites: Sequence[CalibrationSite]) -> None:
    """Refuse sites that cannot be columns of one batch."""
    first = sites[0]
    names = [site.name for site in sites]
    for site in sites:
        if names.count(site.name) > 1:
            raise BadInput(
                f"two experiments have the same site name, {site.name}",
                where=f"{site.experiment.file}, site.name",
                remedy="give different sites different names",
            )
        own, common = _common(site), _common(first)
        for key, value in own.items():
            if value != common[key]:
                raise BadInput(
                    f"{key} is {value} here and {common[key]} at {first.name}",
                    where=f"{site.experiment.file}, {key}",
                    remedy=f"give all experiments of a joint calibration the same {key}",
                )


def _refuse_varying(sites: Sequence[CalibrationSite], fitted: Sequence[str]) -> None:
    """Refuse to fit leaf area or height that the weather prescribes."""
    for site in sites:
        for name, prescribed in (("lai", "lai"), ("canht_ft", "canht")):
            if name in fitted and getattr(site.weather, prescribed, None) is not None:
                raise BadInput(
                    f"{name} varies in time, and cannot be fitted",
                    where=f"{site.experiment.file}, surface.tiles",
                    remedy=f"give one number, or remove {name} from [[calibration.parameters]]",
                )


def _common(site: CalibrationSite) -> dict[str, Any]:
    """Settings that all columns of a batch have in common."""
    soil = site.experiment.soil
    assert soil is not None
    return {
        "run.timestep": site.timestep,
        "soil.dzsoil": list(soil.dzsoil),
        "soil.form": "van_genuchten" if site.soil.form is VAN_GENUCHTEN else "clapp_hornberger",
        **{f"soil.{name}": value for name, value in soil_switches(soil).items()},
        **_topmodel_settings(site),
        "physics": None if site.land is None else site.land.switches,
        "physics.bl_height": None if site.land is None else site.land.bl_height,
        "snow": None if site.land is None else site.land.snow,
        "surface.pft_params": None if site.land is None else site.land.types.names,
        "surface.tiles": f"{len(tensors(site.weather))} series of weather and vegetation",
    }


def _topmodel_settings(site: CalibrationSite) -> dict[str, Any]:
    """Whether a site has TOPMODEL, and what of it is not a number of a column."""
    assert site.experiment.soil is not None
    top = site.experiment.soil.topmodel
    if top is None:
        return {"soil.topmodel": "left out"}
    given = {f"soil.topmodel.{name}": "left out" if getattr(top, name) is None else "given" for name in ("sthzw", "zw")}
    return {"soil.topmodel": "given", "soil.topmodel.l_wetland_unfrozen": top.l_wetland_unfrozen} | given


class ColumnTensors(NamedTuple):
    """Tensors that the step of a column depends on, as a tree for :class:`~jules_ml.physics.adjoint.AdjointSteps`."""

    soil: Any
    surface: Any
    cs: Any
    co2: Any
    height: Any
    factors: Any
    topmodel: Any


def column_tensors(column: SoilColumn) -> ColumnTensors:
    """Return the tensors that the step of a column depends on."""
    return ColumnTensors(*(getattr(column, name) for name in ColumnTensors._fields))


def column_step(column: SoilColumn) -> Callable[[Any, Any, Any], tuple[ColumnState, dict[str, Tensor]]]:
    """Step of a column as a function of its tensors, its state and the weather."""

    def step(tensors: Any, state: Any, forcing: Any) -> tuple[ColumnState, dict[str, Tensor]]:
        twin = copy.copy(column)
        for name, value in zip(ColumnTensors._fields, tensors, strict=True):
            setattr(twin, name, value)
        return twin.step(state, forcing)

    return step
