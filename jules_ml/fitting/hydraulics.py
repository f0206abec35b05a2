"""Fit soil hydraulics to records of soil moisture, score them on what they have not seen, and keep them as a module folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.agreement import agreement
from jules_ml.coupling.files import LAYERED, RESIDUAL, write_ancillary
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.figures.hydraulics import hydraulic_curves, hydraulic_series
from jules_ml.figures.style import save_figure
from jules_ml.modules.hydraulics import LearnedHydraulics, input_table
from jules_ml.modules.hydraulics_inputs import INPUTS, TEXTURE
from jules_ml.modules.hydraulics_settings import HydraulicSettings
from jules_ml.modules.hydraulics_soil import LearnedSoil
from jules_ml.modules.store import (
    read_module_folder,
    read_predictions,
    refuse_foreign,
    write_evaluation_folder,
    write_module_folder,
)
from jules_ml.provenance import software
from jules_ml.training.hydraulics.columns import (
    ColumnBatch,
    HydraulicSite,
    Progress,
    at_sensors,
    batch_soil,
    column_batch,
    joined_soil,
    simulate,
)
from jules_ml.training.hydraulics.learning import Learning, Lesson, learn_hydraulics
from jules_ml.training.hydraulics.pretraining import pretrain, texture_parameters
from jules_ml.training.hydraulics.sites import (
    CARBON_UNKNOWN,
    SUBSOIL_CARBON,
    TIMESTEP,
    hydraulic_site,
    time_split,
)
from jules_ml.wholefile import file_name_of

#: Part of the members' spread that lines and bands show.
_LOW, _HIGH = 0.05, 0.95
#: Sites from which on the members of the ensemble each weigh the sites anew.
_ENOUGH_TO_DRAW = 5


@dataclass(frozen=True, eq=False)
class HydraulicsFit:
    """What a fit gave, and where it lies.

    Attributes
    ----------
    folder : Path
        The module folder.
    network : LearnedHydraulics
    scores : dict
        What ``scores.json`` holds.
    warnings : tuple of str
        What the user should be told.
    """

    folder: Path
    network: LearnedHydraulics
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_hydraulics(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> HydraulicsFit:
    """Learn soil hydraulics from experiments' records of soil moisture, and write the module folder.

    With one experiment this is a calibration of its site. The last part of each record, ``test_fraction`` of its days, is held out and
    scored, beside the same column with the texture regression's soil.

    Parameters
    ----------
    experiments : sequence of Experiment
        One a site; the first one's ``[hydraulics]`` and layers hold for all.
    out : Path
        Module folder to write; see :func:`~jules_ml.modules.store.write_module_folder`.
    progress : callable, optional
        Takes the part that is done, 0 to 1.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If an experiment cannot be learned from, layers differ between experiments, or the folder cannot be written.
    """
    refuse_foreign(out)
    settings = experiments[0].hydraulics or HydraulicSettings()
    sites = _sites(experiments, settings)
    dzsoil = _common_layers(experiments)
    held = time_split([site.observed for site in sites], settings.test_fraction)
    seen = [
        replace(s, observed=np.where(days[:, None], np.nan, s.observed)) for s, days in zip(sites, held, strict=True)
    ]
    batch = column_batch(seen, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    names = [
        name
        for name in INPUTS
        if (settings.texture or name not in TEXTURE)
        and any(np.isfinite(site.inputs.get(name, np.nan)) for site in sites)
    ]
    network = LearnedHydraulics(names, members=settings.members, hidden=settings.hidden, seed=settings.seed)
    pretrain(network, [site.inputs for site in sites])
    learning = Learning(
        rounds=settings.rounds,
        bias_weight=settings.bias_weight,
        deep_weight=settings.deep_weight,
        tie=settings.tie,
        bootstrap=len(sites) >= _ENOUGH_TO_DRAW,
        seed=settings.seed,
    )
    costs = learn_hydraulics(network, [Lesson(batch, np.ones(len(sites), dtype=bool))], learning, progress=progress)
    whole = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    predictions = predicted(network, whole, held)
    scores = scores_of(predictions, part="test" if settings.test_fraction else "train") | {"cost": costs}
    said = (*_said_of(scores), *_said_of_texture(sites))
    card = {
        "module": "hydraulics",
        "inputs": {name: dict(zip(("units", "meaning"), INPUTS[name], strict=True)) for name in names},
        "settings": settings.model_dump(),
        "dzsoil": list(dzsoil),
        "form": "van_genuchten",
        "sites": {s.name: {"start": str(s.start), "days": len(s.observed), "inputs": s.inputs} for s in sites},
        "records": [
            {k: str(e.record().attrs.get(k, "not stated")) for k in ("source", "licence")} for e in experiments
        ],
        "gradient": "displaced copies of every column, run beside it",
        "notes": list(said),
        "software": software(),
    }
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores=scores, predictions=predictions)
    _draw(predictions, out)
    return HydraulicsFit(out, network, scores, said)


def _sites(experiments: Sequence[Experiment], settings: HydraulicSettings) -> list[HydraulicSite]:
    """Sites of experiments, each of another name: by that their soils are known again."""
    sites: list[HydraulicSite] = []
    for each in experiments:
        site = hydraulic_site(each, settings)
        if site.name in [other.name for other in sites]:
            raise BadInput(
                f"two records are of a site called {site.name}",
                where=f"{each.file}, site.name",
                remedy="give each site once, under a name of its own",
            )
        sites.append(site)
    return sites


def _said_of_texture(sites: Sequence[HydraulicSite]) -> tuple[str, ...]:
    unknown = [s.name for s in sites if not all(np.isfinite(s.inputs.get(name, np.nan)) for name in TEXTURE)]
    if not unknown:
        return ()
    return (f"texture is not known at {', '.join(unknown)}: what 'texture' stands for there is the soil of a loam",)


def _common_layers(experiments: Sequence[Experiment]) -> tuple[float, ...]:
    layers = [each.required(each.soil, "soil").dzsoil for each in experiments]
    for each, found in zip(experiments, layers, strict=True):
        if found != layers[0]:
            raise BadInput(
                f"its layers are {list(found)} m and those of the first experiment {list(layers[0])} m",
                where=f"{each.file}, soil.dzsoil",
                remedy="give all experiments the same layers",
            )
    return layers[0]


def _said_of(scores: Mapping[str, Any]) -> tuple[str, ...]:
    learned, texture = scores["all"]["learned"]["ubrmse"], scores["all"]["texture"]["ubrmse"]
    if learned > texture:
        return (
            f"the learned soil does no better than the texture regression's on the days held out "
            f"(ubRMSE {learned:.3f} against {texture:.3f} m3 m-3)",
        )
    return ()


def predicted(
    network: LearnedHydraulics, batch: ColumnBatch, held: Sequence[NDArray[np.bool_]] | None = None
) -> xr.Dataset:
    """Run the columns with the soil that is learned, with every member's, and with the texture regression's.

    Parameters
    ----------
    network : LearnedHydraulics
    batch : ColumnBatch
    held : sequence of array of bool, shape (day,), optional
        Days of each site that were held out; all unless given.

    Returns
    -------
    xarray.Dataset
        ``observed``, ``learned``, ``low``, ``high`` and ``texture`` water content [m3 m-3] and ``test`` by ``day`` and ``sensor``; JULES's
        soil properties by ``soil`` and ``site``, those of the members (``member_*``) and of the texture regression (``texture_*``).
    """
    sites = batch.sites
    dtype = batch.dzsoil.dtype
    with torch.no_grad():
        members = network(torch.tensor(input_table([s.inputs for s in sites], network.inputs))).to(dtype)
    raws = [members.mean(0), texture_parameters([s.inputs for s in sites]).to(dtype), *members]
    soils = [batch_soil(batch, raw) for raw in raws]
    theta = simulate(batch, joined_soil(soils))
    at = [at_sensors(batch, part).numpy() for part in theta.split(len(sites), dim=2)]
    low, high = np.quantile(np.stack(at[2:]), [_LOW, _HIGH], axis=0)
    test = np.ones(at[0].shape, dtype=bool)
    if held is not None:
        for sensor, column in enumerate(batch.sensor_column.tolist()):
            test[: len(held[column]), sensor] = held[column]
    water = {"units": "m3 m-3", "cell_methods": "time: mean"}
    data: dict[str, Any] = {
        "observed": (("day", "sensor"), batch.observed.numpy(), water),
        "learned": (("day", "sensor"), at[0], water),
        "texture": (("day", "sensor"), at[1], water),
        "low": (("day", "sensor"), low, water),
        "high": (("day", "sensor"), high, water),
        "test": (("day", "sensor"), test.astype(np.int8), {"flag_meanings": "learned_from held_out"}),
        "depth": (("sensor",), np.concatenate([s.sensor_depth for s in sites]), {"units": "m"}),
        "sensor_site": (("sensor",), batch.sensor_column.numpy()),
        "dzsoil": (("soil",), batch.dzsoil.flatten().numpy(), {"units": "m"}),
        "albsoil": (("site",), np.array([s.albsoil for s in sites]), {"units": "1"}),
    }
    for name in (*LAYERED, *RESIDUAL):
        units, meaning = (LAYERED | RESIDUAL)[name]
        attrs = {"units": units, "long_name": meaning}
        values = [_property(soil, name) for soil in soils]
        data[name] = (("soil", "site"), values[0], attrs)
        data[f"texture_{name}"] = (("soil", "site"), values[1], attrs)
        data[f"member_{name}"] = (("member", "soil", "site"), np.stack(values[2:]), attrs)
    return xr.Dataset(data, coords={"site": [s.name for s in sites], "start": ("site", [str(s.start) for s in sites])})


def _property(soil: LearnedSoil, name: str) -> NDArray[np.float64]:
    values: Tensor = soil.theta_r if name == "theta_r" else getattr(soil.properties, name)
    return values.numpy().astype(np.float64)


def scores_of(predictions: xr.Dataset, *, part: str = "test") -> dict[str, Any]:
    """Score every sensor, and take medians over the first sensors of all sites.

    Parameters
    ----------
    predictions : xarray.Dataset
        As :func:`predicted` gives it.
    part : {'test', 'train'}
        Days that are scored.

    Returns
    -------
    dict
        By sensor, and ``all``: ``learned`` and ``texture``, each with ``n``, ``r``, ``ubrmse``, ``rmse``, ``bias`` [m3 m-3].
    """
    sensors: list[dict[str, Any]] = []
    counted = predictions["test"].to_numpy() == (part == "test")
    for k in range(predictions.sizes["sensor"]):
        observed = np.where(counted[:, k], predictions["observed"].to_numpy()[:, k], np.nan)
        column = int(predictions["sensor_site"][k])
        entry: dict[str, Any] = {
            "site": str(predictions["site"].to_numpy()[column]),
            "depth": float(predictions["depth"][k]),
        }
        for source in ("learned", "texture"):
            found = agreement(predictions[source].to_numpy()[:, k], observed)
            ubrmse = float(np.sqrt(max(found.rmse**2 - found.bias**2, 0.0))) if found.n >= 3 else float("nan")
            entry[source] = {"n": found.n, "r": found.r, "ubrmse": ubrmse, "rmse": found.rmse, "bias": found.bias}
        sensors.append(entry)
    sites = [s["site"] for s in sensors]
    first = [sensors[sites.index(site)] for site in dict.fromkeys(sites)]
    overall = {
        source: {key: float(np.nanmedian([s[source][key] for s in first])) for key in ("r", "ubrmse", "rmse", "bias")}
        for source in ("learned", "texture")
    }
    return {"part": part, "all": overall, "sensors": sensors}


def _draw(predictions: xr.Dataset, out: Path) -> None:
    for name, figure in {"curves": hydraulic_curves(predictions), "series": hydraulic_series(predictions)}.items():
        save_figure(figure, out / "figures" / f"{name}.png")


def load_hydraulics(folder: str | Path) -> tuple[LearnedHydraulics, dict[str, Any]]:
    """Read a fitted network and its card.

    Parameters
    ----------
    folder : str or Path
        Module folder.

    Returns
    -------
    LearnedHydraulics, dict

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, or damaged.
    """
    state, card = read_module_folder(folder, kind="hydraulics")
    settings = HydraulicSettings(**card["settings"])
    network = LearnedHydraulics(list(card["inputs"]), members=settings.members, hidden=settings.hidden)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadInput(
            "weights and card do not go together", where=Path(folder), remedy="fit the module again"
        ) from error
    return network, card


def evaluate_hydraulics(
    folder: str | Path, experiments: Sequence[Experiment], out: Path | None = None
) -> dict[str, Any]:
    """Score a fitted module at sites or times that it has never seen.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        As for :func:`fit_hydraulics`.
    out : Path, optional
        Folder for ``scores.json``, ``predictions.nc`` and figures.

    Returns
    -------
    dict
        As :func:`scores_of`.

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, an experiment has no soil moisture, or other layers than were learned with;
        if two are of one site, or one reaches into the days that its site was learned from.
    """
    network, card = load_hydraulics(folder)
    settings = HydraulicSettings(**card["settings"])
    dzsoil = _common_layers(experiments)
    if list(dzsoil) != card["dzsoil"]:
        raise BadInput(
            f"the layers are {list(dzsoil)} m, and the module was learned with {card['dzsoil']} m",
            where=f"{experiments[0].file}, soil.dzsoil",
            remedy="give the layers that the module was learned with",
        )
    sites = [_as_learned(site, card, Path(folder)) for site in _sites(experiments, settings)]
    batch = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    predictions = predicted(network, batch)
    scores = scores_of(predictions)
    if out is not None:
        write_evaluation_folder(out, scores=scores, predictions=predictions)
        _draw(predictions, out)
    return scores


def _as_learned(site: HydraulicSite, card: Mapping[str, Any], folder: Path) -> HydraulicSite:
    """A site with the inputs that it was learned with, where it was: other years of weather make it no other soil."""
    learned = card["sites"].get(site.name)
    if learned is None:
        return site
    start, days = pd.Timestamp(learned["start"]), learned.get("days")
    end = start if days is None else start + pd.Timedelta(days=days)
    assert site.start is not None
    last = site.start + pd.Timedelta(days=len(site.observed))
    if site.start == start or (site.start < end and start < last):
        raise BadInput(
            f"the record of {site.name} from {site.start:%Y-%m-%d} to {last:%Y-%m-%d} meets what the module was learned from, "
            f"from {start:%Y-%m-%d} on",
            where=folder,
            remedy="give other sites or years, by [run] start and end; the fit itself has scored what it held out",
        )
    inputs = {name: float("nan") if value is None else value for name, value in learned["inputs"].items()}
    carbon = inputs.get("soc", float("nan"))
    carbon = carbon if np.isfinite(carbon) else CARBON_UNKNOWN
    return replace(site, inputs=inputs, carbon_density=(carbon, SUBSOIL_CARBON * carbon))


def export_ancillaries(folder: str | Path, out: Path) -> list[Path]:
    """Write the learned soil of every site as a file for JULES_SOIL_PROPS.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    out : Path
        Folder for the files, ``SITE.nc`` each; what is neither letter nor digit in a site's name becomes ``_``.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, or a file cannot be written.

    Notes
    -----
    JULES's water content leaves out residual water. The file has it as ``theta_r`` [m3 m-3] by layer, which JULES does not read: a sensor
    reads ``smcl/(1000 dz) + theta_r``.
    """
    predictions = read_predictions(folder, kind="hydraulics")
    written = []
    for k, site in enumerate(predictions["site"].to_numpy()):
        values: dict[str, Any] = {name: predictions[name].to_numpy()[:, k] for name in (*LAYERED, *RESIDUAL)}
        values["albsoil"] = float(predictions["albsoil"][k])
        title = f"soil properties of {site}, learned from soil moisture"
        written.append(
            write_ancillary(out / f"{file_name_of(str(site))}.nc", values, form="van_genuchten", title=title)
        )
    return written


def properties_at(
    folder: str | Path, sites: Sequence[HydraulicSite], dzsoil: Sequence[float]
) -> dict[str, NDArray[np.float64]]:
    """Learned soil properties of any sites, measured or not.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of HydraulicSite
        Their static inputs and carbon are read.
    dzsoil : sequence of float
        Layer thicknesses [m].

    Returns
    -------
    dict of str to array, shape (soil, site)
        JULES's soil properties, and ``theta_r``.
    """
    network, _ = load_hydraulics(folder)
    batch = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=0)
    with torch.no_grad():
        raw = network(torch.tensor(input_table([s.inputs for s in sites], network.inputs))).mean(0)
    soil = batch_soil(batch, raw.to(batch.dzsoil.dtype))
    return {name: _property(soil, name) for name in (*LAYERED, *RESIDUAL)}
