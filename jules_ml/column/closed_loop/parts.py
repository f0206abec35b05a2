"""What an experiment puts into its closed loop: the carbon it begins with, the soil that follows it, the moisture that is followed."""

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
from jules_ml.learned.carbon.stock import carbon_stock
from jules_ml.learned.hydraulics.columns import TOPSOIL_DEPTH
from jules_ml.learned.hydraulics.inputs import climate_inputs
from jules_ml.learned.hydraulics.site import network_inputs
from jules_ml.learned.predictions import read_predictions
from jules_ml.physics.column import SoilColumn
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.surface import Forcing


class FirstCarbon(NamedTuple):
    """Carbon that a loop begins with.

    Attributes
    ----------
    cs : Tensor, shape (1,)
        Of the column [kg m-2].
    topsoil : float or None
        Of 0-30 cm [kg m-3], as learned with it; the soil's description says it where ``None``.
    notes : list of str
        Where it is from.
    """

    cs: torch.Tensor
    topsoil: float | None
    notes: list[str]


def first_carbon(experiment: Experiment, section: ClosedLoopSection, dtype: torch.dtype) -> FirstCarbon:
    """Carbon to begin with: of a module, where the section names one, in which cores go before what is predicted; or of ``[carbon]``.

    Raises
    ------
    BadInput
        If the module has no carbon for the site.
    """
    if section.carbon is None:
        given = experiment.required(experiment.carbon, "carbon").cs
        return FirstCarbon(torch.tensor([given], dtype=dtype), None, [f"begins with {given:g} kg m-2 of [carbon]"])
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
        f"begins with {learned:.3g} kg m-2 of learned carbon, {topsoil:.3g} kg m-3 in the topsoil; {stock['origin']}"
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
    """The soil that follows carbon, or none where it is to stay; and its residual water at the start where that is learned too.

    Learned carbon says how much the topsoil has at the start, whatever ``[soil.texture]`` says.
    """
    cs = first.cs
    if not section.soil_follows:
        notes.append("the soil stays as it is")
        return None, None
    soil = experiment.required(experiment.soil, "soil")
    texture = soil.texture
    if section.hydraulics is not None:
        inputs = climate_inputs(forcing, timestep=column.timestep) | network_inputs(experiment.properties())
        inputs |= {} if first.topsoil is None else {"soc_density": first.topsoil}
        if "soc_density" not in inputs:
            raise BadInput(
                "carbon of the topsoil is not known",
                where=f"{experiment.file}, place",
                remedy="give soc and bulk_density under [place] or [soil.texture], or learned carbon in [closed_loop]",
            )
        notes.append(f"the soil follows carbon by learned hydraulics of {section.hydraulics.name}")
        learned = learned_of_carbon(section.hydraulics, inputs, column.dzsoil, inputs["soc_density"], cs)
        return (lambda now: learned(now).properties), learned(cs).theta_r
    if texture is None or texture.pedotransfer != "hypres":
        raise BadInput(
            "nothing says how the soil follows its carbon",
            where=f"{experiment.file}, soil",
            remedy="give [soil.texture] with pedotransfer = 'hypres', closed_loop.hydraulics, or closed_loop.soil_follows = false",
        )
    assert texture.bulk_density is not None
    assert texture.soc is not None
    n_layers, dtype = len(soil.dzsoil), column.dzsoil.dtype

    def layers(values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype).expand(n_layers)[:, None]

    middle = column.dzsoil.cumsum(0) - 0.5 * column.dzsoil
    notes.append("the soil follows carbon by HYPRES, bulk density by mixing")
    density, organic = layers(texture.bulk_density), layers(texture.soc)
    described_with = cs
    if first.topsoil is not None:
        # what the description has in its topsoil, and what the column has when the topsoil has that
        upper = column.dzsoil * (middle <= middle[0].clamp(min=TOPSOIL_DEPTH))
        described_with = cs * float((upper * density * organic).sum() / upper.sum()) / first.topsoil
    described = hypres_of_carbon(
        layers(texture.silt),
        layers(texture.clay),
        density,
        organic,
        (middle <= texture.topsoil_depth).to(dtype),
        described_with,
    )
    return described, None


def followed_moisture(
    experiment: Experiment,
    section: ClosedLoopSection,
    column: SoilColumn,
    forcing: Forcing,
    theta_r: torch.Tensor,
    cs: torch.Tensor,
    notes: list[str],
) -> FollowedMoisture | None:
    """Learned moisture that the column follows, or none."""
    if section.moisture is None:
        return None
    day = round(SECONDS_PER_DAY / column.timestep)
    if day * column.timestep != SECONDS_PER_DAY:
        raise BadInput(
            f"a time step of {column.timestep:g} s does not part a day evenly, and learned moisture is daily",
            where=f"{experiment.file}, run.timestep",
            remedy="give a step that does, 1800 or 3600 s",
        )
    record = experiment.record()
    attrs = record.attrs
    place = Place(
        site=str(attrs.get("site", "")),
        latitude=float(attrs.get("latitude", np.nan)),
        longitude=float(attrs.get("longitude", np.nan)),
        static=experiment.properties(record),
    )
    found = learned_wetness(
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
    level = (
        "mean and spread those of the column's first pass, which is free" if matched else "mean and spread as learned"
    )
    notes.append(f"{found.note}, over {section.moisture_tau_hours:g} h, {level}")
    return FollowedMoisture(found.wetness, 1.0 - math.exp(-24.0 / section.moisture_tau_hours), day, matched=matched)
