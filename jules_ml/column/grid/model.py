"""What is run on a grid, read from an experiment."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import pandas as pd
import torch

from jules_ml.column.grid.driving import Driving, FileDriving
from jules_ml.column.grid.engine import CPU
from jules_ml.column.grid.land import GridColumn, grid_column
from jules_ml.column.grid.land_driving import LandDriving
from jules_ml.column.grid.segments import Timetable, timetable
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.output import outputs_of
from jules_ml.column.run import to_be_compiled
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import RunSection, SpinUpSection
from jules_ml.physics.column import jules_one_pool_factors
from jules_ml.support.cf import file_attributes

#: Outputs of a run on a grid whose experiment names none.
DEFAULT_OUTPUTS: Final = (
    "sthu",
    "sthf",
    "t_soil",
    "snow_mass_gb",
    "latent_heat",
    "ftl_gb",
    "fqw_gb",
    "runoff",
    "gpp_gb",
    "resp_s_gb",
)
#: Files of ``[grid]`` that a run reads once at its start.
_ANCILLARIES: Final = ("frac", "soil_props", "latlon", "land_frac", "initial", "pft_params", "nveg_params")


@dataclass(frozen=True, eq=False)
class GridModel:
    """What is run on a grid, from an experiment or from elsewhere.

    Attributes
    ----------
    land : GridColumn
        Land points, their column and state.
    driving : Driving
    timetable : Timetable
    outputs : tuple of str
    spin_up : SpinUpSection
    fingerprint : str
        Checksum of the inputs: a run is continued only if it has not changed.
    compiled : bool
    device : torch.device
    block : int
        Most points of a block.
    weather : bool
        Also write the weather.
    format : {'netcdf', 'zarr'}
    attrs : dict of str to str
        Attributes of the output.
    notes : tuple of str
        Messages for the user.
    """

    land: GridColumn
    driving: Driving
    timetable: Timetable
    outputs: tuple[str, ...]
    spin_up: SpinUpSection
    fingerprint: str
    compiled: bool = False
    device: torch.device = CPU
    block: int = 1024
    weather: bool = False
    format: Literal["netcdf", "zarr"] = "netcdf"
    attrs: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def experiment_model(experiment: Experiment) -> GridModel:
    """Read what an experiment with ``[grid]`` runs.

    Parameters
    ----------
    experiment : Experiment
        With ``[grid]``, ``[soil]``, ``[carbon]`` and ``[run]``.

    Returns
    -------
    GridModel

    Raises
    ------
    BadInput
        If a section, a file or a value is missing or not possible, or the device does not exist.
    """
    run = experiment.required(experiment.run, "run")
    section = experiment.required(experiment.grid, "grid")
    if run.model != "column" or experiment.closed_loop is not None or experiment.modules.hydraulics is not None:
        raise BadInput(
            "a grid is run by the column, without [closed_loop] and [modules] hydraulics",
            where=experiment.file,
            remedy="remove them; soil properties of a module: 'jules-ml export DIR --to ancillary --grid MAP.nc', and grid.soil_props",
        )
    if experiment.carbon is not None and experiment.carbon.four_pools is not None:
        raise BadInput(
            "a grid has one pool of soil carbon",
            where=f"{experiment.file}, carbon.four_pools",
            remedy="leave out [carbon.four_pools]",
        )
    if section.format == "zarr":
        _require_zarr()
    device = device_of(run, experiment.file)
    dtype = torch.float32 if run.precision == "float32" else torch.float64
    folder = experiment.modules.respiration
    factors = jules_one_pool_factors if folder is None else learned_factors(folder)
    land = grid_column(experiment, dtype=dtype, factors=factors)
    start = pd.Timestamp(run.start or section.drive.data_start)
    table = timetable(
        start,
        pd.Timestamp(run.end or section.drive.data_end),
        run.timestep,
        mean_over=run.mean_over,
        chunk_days=section.chunk_days,
        monthly=section.monthly,
        cycles=run.spin_up.cycles,
        cycle=(start, start + pd.DateOffset(years=run.spin_up.years)),
    )
    files = FileDriving(section.drive, land.points, start, run.timestep)
    physics = experiment.physics
    notes: list[str] = list(land.notes)
    steps = sum(segment.steps for segment in table.segments)
    return GridModel(
        land,
        files if physics is None else LandDriving(files, physics.l_cosz, physics.diff_frac_const),
        table,
        _outputs(run, land, experiment.file),
        run.spin_up,
        _fingerprint(experiment),
        # a kernel is for the processor
        compiled=device.type == "cpu" and to_be_compiled(run, steps, notes),
        device=device,
        block=section.block,
        weather=section.weather,
        format=section.format,
        attrs=file_attributes("JULES's soil column on a grid", history=f"jules-ml run {experiment.file.name}"),
        notes=tuple(notes),
    )


def _require_zarr() -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "the package zarr is not installed",
            where="[grid] format",
            remedy="install it (pip install 'jules_ml[zarr]'), or remove format",
        ) from error


def device_of(run: RunSection, file: Path) -> torch.device:
    """Device of a run.

    Raises
    ------
    BadInput
        If ``run.device`` is ``cuda`` and there is no GPU that torch can use.
    """
    if run.device == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda is not None
        raise BadInput(
            "there is no GPU that torch can use" + ("" if built else ": this torch is built for the CPU alone"),
            where=f"{file}, run.device",
            remedy="set device = 'cpu'" + ("" if built else ", or install torch for CUDA (pytorch.org)"),
        )
    return torch.device(run.device)


def _outputs(run: RunSection, land: GridColumn, file: Path) -> tuple[str, ...]:
    available = outputs_of(land.column)
    unknown = [name for name in run.outputs or () if name not in available]
    if unknown:
        raise BadInput(
            f"the column has no output {', '.join(unknown)} on a grid",
            where=f"{file}, run.outputs",
            remedy=f"choose among {', '.join(available)}",
        )
    return run.outputs or DEFAULT_OUTPUTS


def _fingerprint(experiment: Experiment) -> str:
    """Checksum of an experiment without what affects only the form of its output, and of its ancillaries and modules."""
    raw = tomllib.loads(experiment.text)
    for key in ("format", "block"):
        raw.get("grid", {}).pop(key, None)
    digest = hashlib.sha256(json.dumps(raw, sort_keys=True, default=str).encode())
    paths = [getattr(experiment.grid, name) for name in _ANCILLARIES]
    module = experiment.modules.respiration
    paths += [] if module is None else [module / "card.json", module / "model.safetensors"]
    for path in paths:
        if path is not None and path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
