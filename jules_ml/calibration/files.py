"""Files of a calibration: namelists and ancillaries for JULES, sections of an experiment, and the folder of results."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import f90nml
import numpy as np
from numpy.typing import NDArray

from jules_ml.calibration.figures import captions, parameter_intervals, series_before_after
from jules_ml.calibration.report import outcome, predictions
from jules_ml.calibration.run import Calibration
from jules_ml.calibration.simulations import write_simulations
from jules_ml.calibration.value_table import HEADERS, value_table
from jules_ml.column.soil_processes import soil_switches
from jules_ml.experiment.inputs import input_paths
from jules_ml.experiment.sections import SoilSection
from jules_ml.experiment.surface import TileSection
from jules_ml.jules.input_files import write_ancillary
from jules_ml.learned.kind import Outcome
from jules_ml.learned.page import write_report
from jules_ml.learned.store import json_text
from jules_ml.physics.hydraulics import VAN_GENUCHTEN
from jules_ml.physics.parameter_names import PARAMETERS
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.physics.tiles import TILES
from jules_ml.support.cf import write_dataset
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write, safe_file_names
from jules_ml.support.namelist_text import seven_digits
from jules_ml.support.output_folder import Contents

_JSON, _PREDICTIONS = "calibration.json", "predictions.nc"
#: Contents of the folder of a calibration.
CALIBRATION: Final = Contents(
    "a calibration",
    (_JSON,),
    (_JSON, _PREDICTIONS, "experiment.toml", "report.html", "figures", "jules", "sections", "simulations"),
)
#: PFTs in the order of JULES's standard five-type configuration, whose namelists have one value for each.
STANDARD_PFTS: Final = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub")
#: Namelist file of each group.
_FILES: Final = {
    "jules_pftparm": "pft_params.nml",
    "jules_soil_props": "ancillaries.nml",
    "jules_soil_biogeochem": "jules_soil_biogeochem.nml",
    "jules_initial": "initial_conditions.nml",
}


def write_calibration(result: Calibration, folder: Path) -> Outcome:
    """Write all files of a calibration.

    Parameters
    ----------
    result : Calibration
    folder : Path
        Created if it does not exist. ``jules/SITE`` has the namelists and the ancillary, ``sections/SITE.toml`` the sections of an
        experiment.

    Returns
    -------
    Outcome

    Raises
    ------
    BadInput
        If a file cannot be written.
    """
    made = outcome(result, folder)
    _write_text(folder / _JSON, json_text(made.scores))
    _write_text(folder / "experiment.toml", result.experiment.text)
    write_dataset(
        predictions(result),
        folder / _PREDICTIONS,
        title="observations and simulations of a calibration of JULES's column",
        history=f"jules-ml calibrate {result.experiment.file.name}",
    )
    if result.section.simulations:
        write_simulations(result, folder / "simulations")
    values = {
        name: value.numpy()
        for name, value in result.simulation.columns.consistent(result.values(result.displacements)).items()
    }
    names = [site.name for site in result.simulation.columns.sites]
    for number, (name, file) in enumerate(safe_file_names(names).items()):
        of_site = {key: value[:, number] for key, value in values.items()}
        _write_jules(result, number, of_site, folder / "jules" / file)
        _write_text(folder / "sections" / f"{file}.toml", sections(result, number, of_site))
        save_figure(series_before_after(result, number), folder / "figures" / f"series_{file}.png")
        del name
    save_figure(parameter_intervals(result), folder / "figures" / "parameters.png")
    write_report(
        made,
        title=f"Calibration of {', '.join(names)}",
        compared="The columns with the parameters of the experiment (prior) and with the fitted ones are scored on the same days.",
        contents="Parameters, their uncertainty and correlation, costs and all scores are in calibration.json, daily values in "
        "predictions.nc, and files for JULES in the folder jules of {folder}.",
        titles={"parameters": "Fitted parameters, before and after"}
        | {
            f"series_{file}": f"Observations and simulations at {name}" for name, file in safe_file_names(names).items()
        },
        captions=captions(result, [f"series_{file}" for file in safe_file_names(names).values()]),
        values=[HEADERS, *value_table(made.scores["parameters"])],
        inputs=input_paths([result.experiment, *(site.experiment for site in result.simulation.columns.sites)]),
    )
    return made


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def _write_jules(result: Calibration, number: int, values: Mapping[str, NDArray[np.float64]], folder: Path) -> None:
    """Namelists with the changed entries of a site, and the ancillary of its soil."""
    for file, text in namelists(result, number, values).items():
        _write_text(folder / file, text)
    fitted = result.simulation.columns.fitted
    if any(PARAMETERS[name].dimension == "layer" or name == "albsoil" for name in fitted):
        site = result.simulation.columns.sites[number]
        soil: dict[str, Any] = {name: values[name] for name in (*LAYERED, *RESIDUAL)}
        soil["albsoil"] = float(values["albsoil"][0])
        form = "van_genuchten" if site.soil.form is VAN_GENUCHTEN else "clapp_hornberger"
        write_ancillary(folder / "soil.nc", soil, form=form, title=f"calibrated soil properties of {site.name}")


def namelists(result: Calibration, number: int, values: Mapping[str, NDArray[np.float64]]) -> dict[str, str]:
    """Namelist files with the entries that the calibration changed.

    Parameters
    ----------
    result : Calibration
    number : int
        Index of the site.
    values : mapping of str to array, shape (row,)
        Its values.

    Returns
    -------
    dict of str to str
        Text by file name. Entries of PFTs have a value for each of :data:`STANDARD_PFTS`: those without a tile at the site keep JULES's
        default. With ``[physics]`` they have one for each PFT of its parameter file. The soil is that of ``soil.nc``, with ``use_file`` for
        all its variables.
    """
    fitted = sorted(result.simulation.columns.fitted)
    groups: dict[str, dict[str, Any]] = {}
    for name in fitted:
        known = PARAMETERS[name]
        if known.dimension == "type":
            entry: Any = [seven_digits(x) for x in _of_pfts(result, number, name, values[name])]
        elif known.group not in ("", "jules_soil_props"):
            entry = seven_digits(float(values[name][0]))
        else:
            continue
        groups.setdefault(known.group, {})[known.entry] = entry
    if "jules_initial" in groups:
        groups["jules_initial"] = _listed({"cs": groups["jules_initial"]["cs"]})
    if any(PARAMETERS[name].group == "jules_soil_props" for name in fitted):
        names = [*LAYERED, "albsoil"]
        groups["jules_soil_props"] = {
            "const_z": False,
            "file": "soil.nc",
            "nvars": len(names),
            "var": names,
            "use_file": [True] * len(names),
        }
    texts = {}
    for group, entries in groups.items():
        text = io.StringIO()
        f90nml.Namelist({group: entries}).write(text)
        texts[_FILES[group]] = text.getvalue()
    return texts


def _of_pfts(result: Calibration, number: int, name: str, values: NDArray[np.float64]) -> list[float]:
    """Values of a parameter for all PFTs of JULES's configuration, in its order."""
    tiles = result.simulation.columns.tiles
    if tiles.land is not None:
        return [float(x) for x in values]
    of_type = {kind: float(values[row]) for row, kind in enumerate(tiles.types[number]) if kind is not None}
    return [of_type.get(kind, float(getattr(TILES[kind], name))) for kind in STANDARD_PFTS]


def _listed(constants: Mapping[str, float]) -> dict[str, Any]:
    """Entries of a group that lists its variables, each a constant."""
    return {
        "nvars": len(constants),
        "var": list(constants),
        "use_file": [False] * len(constants),
        "const_val": list(constants.values()),
    }


def sections(result: Calibration, number: int, values: Mapping[str, NDArray[np.float64]]) -> str:
    """Sections ``[soil]``, ``[surface]`` and ``[carbon]`` of an experiment with the fitted values (TOML).

    Parameters
    ----------
    result : Calibration
    number : int
        Index of the site.
    values : mapping of str to array, shape (row,)
        Its values.

    Returns
    -------
    str
    """
    columns = result.simulation.columns
    site = columns.sites[number]
    soil, surface = site.experiment.soil, site.experiment.surface
    assert soil is not None
    assert surface is not None

    def array(numbers: NDArray[np.float64]) -> str:
        return "[" + ", ".join(f"{float(x):.7g}" for x in numbers) + "]"

    lines = [
        f"# Calibrated parameters of {site.name}, by jules-ml calibrate. They replace these sections of the experiment.",
        "[soil]",
        f"dzsoil = {array(np.asarray(soil.dzsoil))}",
        f'form = "{"van_genuchten" if site.soil.form is VAN_GENUCHTEN else "clapp_hornberger"}"',
        *(f"{name} = {json.dumps(value)}" for name, value in soil_switches(soil).items()),
        "",
        "[soil.properties]",
        *(f"{name} = {array(values[name])}" for name in (*LAYERED, *RESIDUAL)),
        *topmodel_lines(soil),
        "",
        "[surface]",
        f"albsoil = {float(values['albsoil'][0]):.7g}",
        f"co2 = {surface.co2!r}",
    ]
    if surface.pft_params is not None and surface.nveg_params is not None:
        lines += [f'pft_params = "{surface.pft_params}"', f'nveg_params = "{surface.nveg_params}"']
    for row, tile in zip(site.rows, site.tiles, strict=True):
        lines += ["", *_tile_lines(tile, {name: values[name][row] for name in _fitted_here(result, number, row)})]
    lines += ["", "[carbon]", f"cs = {float(values['cs'][0]):.7g}", f"kaps = {float(values['kaps'][0]):.7g}"]
    if "q10_soil" in columns.fitted:
        lines.append(
            f"# q10_soil is {float(values['q10_soil'][0]):.7g}, which is not a key of an experiment: see the namelists"
        )
    return "\n".join(lines) + "\n"


def topmodel_lines(soil: SoilSection) -> list[str]:
    """Lines of ``[soil.topmodel]`` of an experiment (TOML), which is not fitted; none without it."""
    if soil.topmodel is None:
        return []
    given = soil.topmodel.model_dump(exclude_none=True)
    return ["", "[soil.topmodel]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())]


def _fitted_here(result: Calibration, number: int, row: int) -> list[str]:
    """Names of the fitted parameters of the type in a row of a site."""
    parameters = result.simulation.parameters
    return sorted(
        {
            section.name
            for k, each in enumerate(parameters.displacements)
            if PARAMETERS[each.parameter].dimension == "type"
            for section, of_row, site in parameters.places(k)
            if (of_row, site) == (row, number)
        }
    )


def _tile_lines(tile: TileSection, fitted: Mapping[str, float]) -> list[str]:
    """Tile of an experiment with other values of some parameters (TOML)."""
    changes = tile.model_dump(include={"lai", "canht_ft", "rootd_ft"}, exclude_none=True) | tile.parameters
    changes |= {name: float(f"{value:.7g}") for name, value in fitted.items()}
    own = {name: value for name, value in changes.items() if name in TileSection.model_fields}
    others = {name: value for name, value in changes.items() if name not in own}
    lines = ["[[surface.tiles]]", f"type = {json.dumps(tile.type)}", f"frac = {tile.frac!r}"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in own.items()]
    listed = ", ".join(f"{name} = {value!r}" for name, value in others.items())
    return [*lines, f"parameters = {{{listed}}}"] if others else lines
