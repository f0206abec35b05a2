"""Mutations of run folders of JULES: other spellings of the same namelists, damaged ones, and damaged files of soil properties."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from fuzz.outcome import Class, Result, Results, class_of_error

from jules_ml.experiment import load_experiment
from jules_ml.jules.input_files import write_ancillary
from jules_ml.jules.preflight.check import preflight
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.swap.ancillary import read_ancillary

POINT: Final = Path(__file__).parents[2] / "namelists" / "point"
#: Files with entries that decide what a run computes.
_FILES: Final = ("jules_soil.nml", "ancillaries.nml", "timesteps.nml", "jules_surface.nml", "pft_params.nml")
_ENTRY: Final = re.compile(r"^  (?P<name>\w+)( *)= (?P<values>[^!\n]*?),?(?P<comment> *!.*)?$", re.MULTILINE)
_PROPERTIES: Final = {
    "b": 6.63,
    "sathh": 0.049,
    "satcon": 0.0047,
    "sm_sat": 0.458,
    "sm_crit": 0.242,
    "sm_wilt": 0.136,
    "hcap": 1.19e6,
    "hcon": 0.227,
}

Change = Callable[[str, random.Random], str | None]


def _entry(text: str, rng: random.Random, *, several: bool = False) -> re.Match[str] | None:
    """An entry with numbers; with several of them if asked."""
    found = [m for m in _ENTRY.finditer(text) if re.fullmatch(r"[-0-9.e, ]+", m["values"])]
    found = [m for m in found if "," in m["values"]] if several else found
    return rng.choice(found) if found else None


def _rewritten(new: Callable[[str, list[str], random.Random], str], *, several: bool = False) -> Change:
    """Write an entry anew from its name and values."""

    def change(text: str, rng: random.Random) -> str | None:
        match = _entry(text, rng, several=several)
        if match is None:
            return None
        values = [value.strip() for value in match["values"].split(",")]
        return text[: match.start()] + new(match["name"], values, rng) + text[match.end() :]

    return change


def _fortran(value: str) -> str:
    """A number with the exponent of double precision; integers stay."""
    return value if value.lstrip("-").isdigit() else (value.replace("e", "d") if "e" in value else f"{value}d0")


def _repeated(name: str, values: list[str], _rng: random.Random) -> str:
    runs: list[list[str]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1].append(value)
        else:
            runs.append([value])
    return f"  {name} = " + ", ".join(f"{len(run)}*{run[0]}" for run in runs) + ","


#: Spellings that mean the same in Fortran.
SPELLINGS: Final[dict[str, Change]] = {
    "namelist: names in capitals": _rewritten(lambda n, v, _: f"  {n.upper()} = {', '.join(v)},"),
    "namelist: from an element on": _rewritten(lambda n, v, _: f"  {n}(1) = {', '.join(v)},", several=True),
    "namelist: section": _rewritten(lambda n, v, _: f"  {n}(1:{len(v)}) = {', '.join(v)},", several=True),
    "namelist: element by element": _rewritten(
        lambda n, v, _: "\n".join(f"  {n}({i + 1}) = {x}," for i, x in enumerate(v)), several=True
    ),
    "namelist: last element again": _rewritten(
        lambda n, v, _: f"  {n} = {', '.join([*v[:-1], '0'])},\n  {n}({len(v)}) = {v[-1]},", several=True
    ),
    "namelist: repeated": _rewritten(_repeated, several=True),
    "namelist: blanks for commas": _rewritten(lambda n, v, _: f"  {n} = {' '.join(v)}", several=True),
    "namelist: double precision": _rewritten(lambda n, v, _: f"  {n} = {', '.join(map(_fortran, v))},"),
    "namelist: over lines": _rewritten(lambda n, v, _: f"  {n} =\n    " + ",\n    ".join(v) + ",", several=True),
    "namelist: entry twice": _rewritten(lambda n, v, _: f"  {n} = {', '.join('0' for _ in v)}\n  {n} = {', '.join(v)}"),
    "namelist: group twice": lambda text, _: text + re.sub(r"= [0-9.]+(e-?[0-9]+)?,", "= 0,", text),
    "namelist: tabs": lambda text, _: text.replace("  ", "\t"),
    "namelist: lines of Windows": lambda text, _: text.replace("\n", "\r\n"),
    "namelist: comment with an entry": _rewritten(lambda n, v, _: f"  ! {n} = 0\n  {n} = {', '.join(v)}, ! {n} = 1 /"),
    "namelist: text after the group": lambda text, _: text + "\nsm_levels = 9\n",
}


def _lost(piece: str) -> Change:
    def change(text: str, rng: random.Random) -> str | None:
        places = [m.start() for m in re.finditer(re.escape(piece), text)]
        at = rng.choice(places) if places else None
        return None if at is None else text[:at] + text[at + len(piece) :]

    return change


#: Damage; what is read is an error or the same.
DAMAGE: Final[dict[str, Change]] = {
    "namelist: slash lost": _lost("\n/"),
    "namelist: ampersand lost": _lost("&"),
    "namelist: equals sign lost": _lost("="),
    "namelist: quotation mark lost": _lost("'"),
    "namelist: text for a number": _rewritten(lambda n, v, _: f"  {n} = {', '.join(['x1', *v[1:]])},"),
    "namelist: decimal comma": _rewritten(lambda n, v, _: f"  {n} = {', '.join(v).replace('.', ',')},", several=True),
    "namelist: not a number": _rewritten(lambda n, v, _: f"  {n} = {', '.join(['NaN', *v[1:]])},", several=True),
    "namelist: two numbers joined": _rewritten(lambda n, v, _: f"  {n} = {', '.join([v[0] + v[0] + '.1.', *v[1:]])},"),
    "namelist: element 0": _rewritten(lambda n, v, _: f"  {n}(0) = {', '.join(v)},", several=True),
    "namelist: bracket lost": _rewritten(lambda n, v, _: f"  {n}(1 = {', '.join(v)},", several=True),
    "namelist: empty": lambda _text, _rng: "",
    "namelist: UTF-16": lambda text, _: "\ufeff" + "\0".join(text),
}


def _written(folder: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> tuple[Path, RunFolder]:
    """A file of soil properties on the four layers, changed."""
    run = read_run_folder(POINT)
    layered = {name: np.full((4, *run.grid.shape), value) for name, value in _PROPERTIES.items()}
    original = folder / "original.nc"
    write_ancillary(original, layered, grid=run.grid, form="van_genuchten", title="test")
    with xr.open_dataset(original) as ds:
        changed = change(ds.load())
    changed.to_netcdf(folder / "soil.nc")
    return folder / "soil.nc", run


def _factor(factor: float) -> Callable[[xr.Dataset, str], xr.Dataset]:
    return lambda ds, name: ds.assign({name: ds[name] * factor})


def _first(value: float) -> Callable[[xr.Dataset, str], xr.Dataset]:
    def change(ds: xr.Dataset, name: str) -> xr.Dataset:
        values = ds[name].to_numpy().copy()
        values.flat[0] = value
        return ds.assign({name: (ds[name].dims, values)})

    return change


#: Damage of soil properties, by name of the variable.
SOIL: Final[dict[str, Callable[[xr.Dataset, str], xr.Dataset]]] = {
    "soil file: -9999": _first(-9999.0),
    "soil file: nan": _first(np.nan),
    "soil file: infinite": _first(np.inf),
    "soil file: 1e20": _first(1e20),
    "soil file: sign turned": _factor(-1.0),
    "soil file: times 1e6": _factor(1e6),
    "soil file: dimension of another name": lambda ds, name: ds.assign({name: (("x9",), np.ones(4))}),
    "soil file: text": lambda ds, name: ds.assign({name: (ds[name].dims, np.full(ds[name].shape, "x"))}),
    "soil file: no property": lambda ds, _name: xr.Dataset({"t": ("x", [1.0])}),
}
#: Information that is missing if other values come out.
_LACKS: Final[dict[str, str]] = {}
FAULTS: Final = (*SPELLINGS, *DAMAGE, *SOIL)


def copy_of_point(folder: Path) -> None:
    """Copy the run folder of the package, with one year of weather and an experiment beside it."""
    shutil.copytree(POINT, folder / "run")
    (folder / "run" / "weather.dat").write_text("0 300 0 0 280 2 1e5 0.005\n" * 8760, encoding="ascii")
    text = '[jules]\nfolder = "run"\n[run]\nmodel = "jules"\nvia = []\n'
    (folder / "experiment.toml").write_text(text, encoding="utf-8")


def entries_of_run(folder: Path) -> tuple[list[tuple[str, str, dict[str, Any]]], list[str]]:
    """What a run of the folder reads, and the warnings before its start; of groups that are there twice the first."""
    run = read_run_folder(folder / "run")
    notes = preflight(load_experiment(folder / "experiment.toml"), run.namelists.copy(), run)
    _ = run.dzsoil, run.start, run.end, run.timestep, run.grid, run.van_genuchten
    seen: set[tuple[str, str]] = set()
    found = []
    for file, group, values in run.namelists.groups():
        if (file, group) not in seen or group in ("jules_output_profile",):
            found.append((file, group, values))
        seen.add((file, group))
    return found, notes


def _soil_outcome(fault: str, rng: random.Random, folder: Path) -> tuple[Class, str]:
    name = rng.choice(list(_PROPERTIES))
    path, run = _written(folder, lambda ds: SOIL[fault](ds, name))
    properties, _ = read_ancillary(path, run)
    same = all(np.allclose(properties[key], value) for key, value in _PROPERTIES.items() if key in properties)
    return ("right", "") if same else ("silent", f"{name} is read with other values")


def _outcome(fault: str, seed: int, folder: Path, expected: list[tuple[str, str, dict[str, Any]]]) -> Result | None:
    rng = random.Random(seed)
    file = rng.choice(_FILES)
    lacks = _LACKS.get(fault, "")
    if fault not in SOIL:
        text = (POINT / file).read_text(encoding="ascii")
        changed = (SPELLINGS | DAMAGE)[fault](text, rng)
        if changed is None or changed == text:
            return None
        copy_of_point(folder)
        (folder / "run" / file).write_bytes(changed.encode())
    message = ""
    found: Class = "right"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if fault in SOIL:
                found, message = _soil_outcome(fault, rng, folder)
            else:
                entries, notes = entries_of_run(folder)
                if entries != expected:
                    of_file = [note for note in notes if file in note]
                    found = "warned" if of_file else "unknowable" if lacks else "silent"
                    message = of_file[0] if of_file else f"{file} is read with other values"
    except Exception as error:  # the kind of exception is what is measured
        found, message = class_of_error(error, ["soil.nc", "run", "experiment.toml"])
        message = f"refused, but valid: {message}" if fault in SPELLINGS else message
    return Result("run folder", fault, seed, found, message, lacks if found == "unknowable" else "")


def plan(n: int, *, seed: int = 0) -> Iterator[tuple[str, int]]:
    """Kinds of damage in turn, each with a seed."""
    rng = random.Random(seed)
    for i in range(n):
        yield FAULTS[i % len(FAULTS)], rng.randrange(1_000_000)


def mutations(pairs: list[tuple[str, int]]) -> Results:
    """Classify mutations; those that do not apply are left out."""
    results = Results()
    with tempfile.TemporaryDirectory() as name:
        copy_of_point(Path(name))
        expected, _ = entries_of_run(Path(name))
    for fault, seed in pairs:
        with tempfile.TemporaryDirectory() as name:
            result = _outcome(fault, seed, Path(name), expected)
        if result is not None:
            results.results.append(result)
    return results
