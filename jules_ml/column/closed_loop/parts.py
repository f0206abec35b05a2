"""Parts of the closed loop of an experiment: initial carbon, soil as a function of carbon, and learned moisture."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from jules_ml.column.closed_loop.carbon_soil import hypres_of_carbon, learned_of_carbon
from jules_ml.column.closed_loop.learned_moisture import Place, learned_wetness
from jules_ml.column.closed_loop.loop import SoilOfCarbon
from jules_ml.column.closed_loop.moisture_analysis import FollowedMoisture
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.closed_loop import ClosedLoopSection
from jules_ml.experiment.sections import SoilSection
from jules_ml.learned.carbon.stock import carbon_stock
from jules_ml.learned.hydraulics.columns import TOPSOIL_DEPTH
from jules_ml.learned.hydraulics.inputs import climate_inputs
from jules_ml.learned.hydraulics.site import network_inputs
from jules_ml.learned.predictions import read_predictions
from jules_ml.physics.column import SoilColumn
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.surface import Forcing


class FirstCarbon(NamedTuple):
    """Initial carbon of a loop.

    Attributes
    ----------
    cs : Tensor, shape (1,)
        Carbon of the column [kg m-2].
    topsoil : float or None
        Learned carbon of 0-30 cm [kg m-3]; ``None`` if that of the soil's description applies.
    notes : list of str
        Source of the carbon.
    """

    cs: torch.Tensor
    topsoil: float | None
    notes: list[str]


def first_carbon(experiment: Experiment, section: ClosedLoopSection, dtype: torch.dtype) -> FirstCarbon:
    """Take the initial carbon from the module that the section names or from ``[carbon]``.

    Cores of a module take precedence over its predictions.

    Parameters
    ----------
    experiment : Experiment
        With ``[carbon]``, or ``[data]`` of a site of the module.
    section : ClosedLoopSection
        ``[closed_loop]`` of the experiment.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    FirstCarbon

    Raises
    ------
    BadInput
        If the module has no carbon for the site.
    """
    if section.carbon is None:
        cs = experiment.required(experiment.carbon, "carbon").cs
        return FirstCarbon(torch.tensor([cs], dtype=dtype), None, [f"initial carbon {cs:g} kg m-2, from [carbon]"])
    predictions = read_predictions(section.carbon, kind="carbon")
    site = str(experiment.record().attrs.get("site", ""))
    names = [str(name) for name in predictions["site"].to_numpy()]
    if site not in names:
        raise BadInput(
            f"the module has no carbon for the site '{site}'",
            where=section.carbon,
            remedy=f"name the site as one of {', '.join(names)}, or fit with its experiment among the others",
        )
    stock = carbon_stock(predictions.isel(site=names.index(site)), predicted=False)
    learned, topsoil = float(stock["cs"]), float(stock["soc_density"])
    mark = str(predictions.attrs.get("mark", "none"))
    notes = [
        f"initial carbon {learned:.3g} kg m-2, learned, with {topsoil:.3g} kg m-3 in the topsoil; {stock['origin']}"
    ]
    return FirstCarbon(torch.tensor([learned], dtype=dtype), topsoil, notes + ([] if mark == "none" else [mark]))


def following_soil(
    experiment: Experiment,
    section: ClosedLoopSection,
    column: SoilColumn,
    forcing: Forcing,
    first: FirstCarbon,
    notes: list[str],
) -> tuple[SoilOfCarbon | None, torch.Tensor | None]:
    """Soil as a function of carbon, by learned hydraulics or by HYPRES.

    Learned carbon of the topsoil takes precedence over that of ``[soil.texture]``.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]``.
    section : ClosedLoopSection
        ``[closed_loop]`` of the experiment.
    column : SoilColumn
        Column of the experiment.
    forcing : Forcing
        Weather of one pass, for the climate inputs of learned hydraulics.
    first : FirstCarbon
        Initial carbon.
    notes : list of str
        Receives the source of the soil.

    Returns
    -------
    callable or None
        See :data:`~jules_ml.column.closed_loop.loop.SoilOfCarbon`; ``None`` for a constant soil.
    Tensor or None
        Residual water at the start, if it is learned [m3 m-3].

    Raises
    ------
    BadInput
        If the experiment has neither learned hydraulics nor a soil of HYPRES, or the carbon of the topsoil is missing.
    """
    cs = first.cs
    if not section.soil_follows:
        notes.append("the soil is constant")
        return None, None
    soil = experiment.required(experiment.soil, "soil")
    if section.hydraulics is not None:
        inputs = climate_inputs(forcing, timestep=column.timestep) | network_inputs(experiment.properties())
        inputs |= {} if first.topsoil is None else {"soc_density": first.topsoil}
        if "soc_density" not in inputs:
            raise BadInput(
                "the carbon of the topsoil is missing",
                where=f"{experiment.file}, place",
                remedy="give organic_carbon and bulk_density under [place] or [soil.texture], or learned carbon in [closed_loop]",
            )
        notes.append(f"the soil follows carbon by learned hydraulics of {section.hydraulics.name}")
        learned = learned_of_carbon(section.hydraulics, inputs, column.dzsoil, inputs["soc_density"], cs)
        return (lambda now: learned(now).properties), learned(cs).theta_r
    notes.append("the soil follows carbon by HYPRES, bulk density by mixing")
    return _hypres_soil(experiment, soil, column, first), None


def _hypres_soil(experiment: Experiment, soil: SoilSection, column: SoilColumn, first: FirstCarbon) -> SoilOfCarbon:
    """Soil of ``[soil.texture]`` as a function of carbon by HYPRES."""
    texture = soil.texture
    if texture is None or texture.pedotransfer != "hypres":
        raise BadInput(
            "the soil cannot follow its carbon without learned hydraulics or HYPRES",
            where=f"{experiment.file}, soil",
            remedy="give [soil.texture] with pedotransfer = 'hypres', closed_loop.hydraulics, or closed_loop.soil_follows = false",
        )
    assert texture.bulk_density is not None
    assert texture.organic_carbon is not None
    n_layers, dtype = len(soil.dzsoil), column.dzsoil.dtype

    def layers(values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype).expand(n_layers)[:, None]

    middle = column.dzsoil.cumsum(0) - 0.5 * column.dzsoil
    density, organic = layers(texture.bulk_density), layers(texture.organic_carbon)
    cs_described = first.cs
    if first.topsoil is not None:
        # carbon of the column when the topsoil has the carbon of its description
        upper = column.dzsoil * (middle <= middle[0].clamp(min=TOPSOIL_DEPTH))
        cs_described = first.cs * float((upper * density * organic).sum() / upper.sum()) / first.topsoil
    return hypres_of_carbon(
        layers(texture.silt),
        layers(texture.clay),
        density,
        organic,
        (middle <= texture.topsoil_depth).to(dtype),
        cs_described,
    )


def followed_moisture(
    experiment: Experiment,
    section: ClosedLoopSection,
    column: SoilColumn,
    forcing: Forcing,
    theta_r: torch.Tensor,
    cs: torch.Tensor,
    notes: list[str],
) -> FollowedMoisture | None:
    """Learned moisture towards which the column is nudged.

    Parameters
    ----------
    experiment : Experiment
        With ``[data]``, which has the site and its position.
    section : ClosedLoopSection
        ``[closed_loop]`` of the experiment.
    column : SoilColumn
        Column with the soil at the start.
    forcing : Forcing
        Weather of one pass.
    theta_r : Tensor, shape (layer, 1)
        Residual water [m3 m-3].
    cs : Tensor, shape (1,)
        Carbon at the start [kg m-2].
    notes : list of str
        Receives the source of the moisture.

    Returns
    -------
    FollowedMoisture or None
        ``None`` if the section names no module of moisture.

    Raises
    ------
    BadInput
        If the time step does not divide a day, or the module cannot be used.
    """
    if section.moisture is None:
        return None
    day = round(SECONDS_PER_DAY / column.timestep)
    if day * column.timestep != SECONDS_PER_DAY:
        raise BadInput(
            f"a time step of {column.timestep:g} s does not divide a day, and learned moisture is daily",
            where=f"{experiment.file}, run.timestep",
            remedy="give a step that divides a day, such as 1800 or 3600 s",
        )
    record = experiment.record()
    attrs = record.attrs
    place = Place(
        site=str(attrs.get("site", "")),
        latitude=float(attrs.get("latitude", np.nan)),
        longitude=float(attrs.get("longitude", np.nan)),
        static=experiment.properties(record),
    )
    learned = learned_wetness(
        section.moisture,
        place,
        forcing,
        timestep=column.timestep,
        dzsoil=column.dzsoil,
        sm_sat=column.soil.sm_sat[:, :1].expand(column.dzsoil.shape),
        theta_r=theta_r,
        cs=cs,
        levels=section.moisture_levels,
    )
    matched = section.moisture_level == "matched"
    level = "rescaled to mean and standard deviation of the free first pass" if matched else "not rescaled"
    notes.append(f"{learned.note}, with a time scale of {section.moisture_tau_hours:g} h, {level}")
    return FollowedMoisture(learned.wetness, 1.0 - math.exp(-24.0 / section.moisture_tau_hours), day, matched=matched)
