"""Folders of ready-made modules: written, described, measured and compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import xarray as xr
from _claims import environment
from safetensors.torch import load_file

from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.card import CARD, read_card
from jules_ml.learned.checksums import CHECKSUMS, with_checksums
from jules_ml.learned.ready import READY
from jules_ml.learned.respiration.site import thinned_rows
from jules_ml.learned.store import PREDICTIONS, json_text
from jules_ml.support.ready import FOLDER

_WEIGHTS: Final = "model.safetensors"
#: Figures that are kept; the others show training data.
_FIGURES: Final = ("curves.png",)
#: Most training rows in ``predictions.nc``.
_ROWS: Final = 2000


class Described(NamedTuple):
    """A module: the function that writes its folder, and the entry of its card."""

    write: Callable[[Path], object]
    entry: Mapping[str, Any]


def write_ready(module: Described, folder: Path) -> Path:
    """Write the folder of a module, add its description to the card, and leave out figures of training data."""
    module.write(folder)
    for figure in (folder / "figures").glob("*"):
        if figure.name not in _FIGURES:
            figure.unlink()
    _thin(folder / PREDICTIONS)
    card = read_card(folder / CARD)
    files = [folder / name for name in card[CHECKSUMS] if name != CARD]
    content = {key: value for key, value in card.items() if key != CHECKSUMS}
    # a plain JSON type throughout: the checksum is that of the content
    limits = [*module.entry["limits"], *_limits_of_fit(card)]
    made = {
        "limits": limits,
        "training_range": training_range(card),
        "script": "benchmarks/ready_modules.py",
        "made_with": environment(),
    }
    entry = json.loads(json_text({**module.entry, **made}))
    (folder / CARD).write_text(json_text(with_checksums({**content, READY: entry}, files)), encoding="utf-8")
    return folder


def _limits_of_fit(card: Mapping[str, Any]) -> list[str]:
    """Limits that follow from a fit of respiration: the spread of the base respiration, and collinear drivers."""
    if card["module"] != "respiration":
        return []
    rates = card["level"].values()
    return [
        f"the base rate is the geometric mean of the training sites, whose R0 is {min(rates):.2g} to {max(rates):.2g} umol m-2 s-1: "
        "[modules] base_rate = 'jules' keeps the rate of the run",
        *(warning for warning in card["warnings"] if "are collinear" in warning),
    ]


def _thin(path: Path) -> None:
    """Keep some of the training rows: ``evaluate`` fits the baselines to them, which have few parameters."""
    with xr.open_dataset(path) as ds:
        if ds.sizes.get("row", 0) <= _ROWS:
            return
        thinned = ds.isel(row=thinned_rows(ds.sizes["row"], _ROWS)).load()
    note = f"{_ROWS} of {ds.sizes['row']} training rows, drawn at random"
    encoding = {name: {"zlib": True} | _encoding(each) for name, each in thinned.variables.items()}
    thinned.assign_attrs(note=note).to_netcdf(path, encoding=encoding)


def _encoding(variable: xr.Variable) -> dict[str, Any]:
    """Text as characters and numbers in single precision, which compress well."""
    if variable.dtype.kind in "OU":
        return {"dtype": "S1"}
    return {"dtype": "float32"} if variable.dtype.kind == "f" else {}


def training_range(card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Range of each input over the training data, by its name."""
    if card["module"] == "respiration":
        return {
            str(each["variable"] if name == "temperature" else "wetness"): {
                "min": each["seen"][0],
                "max": each["seen"][1],
                "units": each["units"],
            }
            for name, each in card["inputs"].items()
        }
    entry = "inputs" if card["module"] == "hydraulics" else "static"
    values: dict[str, list[float]] = {}
    for site in card["sites"].values():
        for name, value in site[entry].items():
            values.setdefault(name, []).extend([] if value is None else [float(value)])
    return {
        name: {"min": min(each), "max": max(each), "units": PROPERTIES[name].units if name in PROPERTIES else "1"}
        for name, each in values.items()
        if each
    }


def difference_of_weights(one: Path, other: Path) -> float:
    """Greatest difference of a weight of two modules; infinite where they have other weights."""
    first, second = load_file(one / _WEIGHTS), load_file(other / _WEIGHTS)
    if {name: x.shape for name, x in first.items()} != {name: x.shape for name, x in second.items()}:
        return float("inf")
    return max(float((x.double() - second[name].double()).abs().max()) for name, x in first.items() if x.numel())


def size_of_package() -> float:
    """Size of all ready-made modules [MB]."""
    return sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) / 1e6
