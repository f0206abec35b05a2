"""Starter of an ensemble: from an experiment that runs, and the modules whose draws its members take."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jules_ml.data.inspection.draft import toml_line, toml_value
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.learned.card import module_kind
from jules_ml.starters.starter import Hints, Starter, shown_path

#: Errors of pedotransfer functions as factors: parameter, prior, spread, bounds, meaning.
_FACTORS: Final = (
    ("sathh", "lognormal", 0.5, [0.25, 4.0]),
    ("satcon", "lognormal", 1.0, [0.1, 10.0]),
    ("b", "lognormal", 0.15, [0.7, 1.5]),
)
#: Parameter, prior, spread, bounds, comment.
_Factor = tuple[str, str, float, list[float], str]
_KINDS: Final = ("respiration", "hydraulics")


def ensemble_starter(source: Path, hints: Hints, folder: Path) -> Starter:
    """Write an experiment with a section ``[ensemble]`` after the sections of an experiment that runs.

    Parameters
    ----------
    source : Path
        Experiment file with ``[run]``.
    hints : Hints
        With the modules of which each member takes one draw; those of the experiment are taken too.
    folder : Path
        Folder of the new experiment. Relative paths are adjusted to it.

    Raises
    ------
    BadInput
        If the experiment runs nothing, is an ensemble already, or a module has no draws.
    """
    experiment = load_experiment(source)
    _refuse_unusable(experiment, source)
    text = source.read_text(encoding="utf-8")
    table = tomllib.loads(text)
    text = _moved(text, table, source.resolve().parent, folder)
    kinds = {kind: None for kind in _KINDS if table.get("modules", {}).get(kind)}
    new = []
    for module in hints.modules:
        kind = module_kind(module)
        if kind not in _KINDS:
            raise BadInput(
                f"a module of kind {kind} has no draws",
                where=module,
                remedy="give a module of respiration or hydraulics",
            )
        if kind not in kinds:
            new.append(toml_line(kind, shown_path(module, folder)))
        kinds[kind] = None
    text = _with_modules(text, new)
    assert experiment.run is not None
    is_jules = experiment.run.model == "jules"
    lines = [*_ensemble(list(kinds)), *_parameters(experiment, is_jules, active=not kinds)]
    note = () if kinds else ("no module is given, so members differ in parameters alone: give one with --module",)
    head = f"# Ensemble of runs of {source.name}. Its cost:  jules-ml ensemble ensemble.toml --dry-run\n"
    return Starter("ensemble.toml", f"{head}{text.rstrip()}\n\n" + "\n".join(lines) + "\n", note)


def _refuse_unusable(experiment: Experiment, source: Path) -> None:
    if experiment.run is None:
        raise BadInput(
            "the experiment has no [run]",
            where=source,
            remedy="give an experiment that 'jules-ml run' runs: with [run] and a model, soil and surface, or [jules]",
        )
    if experiment.ensemble is not None:
        raise BadInput(
            "the experiment has an [ensemble] already",
            where=source,
            remedy="run it with 'jules-ml ensemble', or edit it",
        )


def _moved(text: str, table: Mapping[str, Any], old: Path, folder: Path) -> str:
    """Return the text with relative paths of files written for another folder."""
    if folder.resolve() == old:
        return text
    for value in dict.fromkeys(_texts(table)):
        if value and not Path(value).is_absolute() and (old / value).exists() and (quoted := toml_value(value)) in text:
            text = text.replace(quoted, toml_value(shown_path(old / value, folder)))
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _with_modules(text: str, lines: list[str]) -> str:
    """Return the text with lines in its section ``[modules]``."""
    if not lines:
        return text
    rows = text.splitlines()
    if "[modules]" in rows:
        at = rows.index("[modules]") + 1
        return "\n".join([*rows[:at], *lines, *rows[at:]])
    return "\n".join([text.rstrip(), "", "[modules]", *lines])


def _ensemble(kinds: list[str]) -> list[str]:
    lines = [
        "[ensemble]",
        toml_line("members", 100, "number of members; of draws alone, as many as the module has by default"),
    ]
    if kinds:
        lines.append(toml_line("draws", kinds, "each member takes one draw of the module"))
    lines.append(f"# {toml_line('seed', 0, 'seed of the samples')}")
    return lines


def _parameters(experiment: Experiment, is_jules: bool, *, active: bool) -> list[str]:
    """Parameters of the soil with the spread of pedotransfer functions, as comments if members differ otherwise."""
    if is_jules:
        lines = [
            "# [[ensemble.parameters]]              # an entry of the namelists, by file and group",
            '# file = "jules_soil_biogeochem.nml"',
            '# group = "jules_soil_biogeochem"',
            '# parameter = "kaps"',
            '# prior = "lognormal"',
            "# mean = 1.0",
            "# sd = 0.3",
            "# factor = true",
        ]
        return ["", *([line.removeprefix("# ") for line in lines] if active else lines)]
    if experiment.soil is None or experiment.soil.properties is None:
        factors: tuple[_Factor, ...] = (("carbon.cs", "lognormal", 0.3, [0.3, 3.0], "multiplied by a factor"),)
    else:
        comment = "multiplied by a factor, for the error of pedotransfer functions"
        factors = tuple((f"soil.properties.{name}", prior, sd, bounds, comment) for name, prior, sd, bounds in _FACTORS)
    lines = []
    for name, prior, sd, bounds, comment in factors:
        lines += [
            "",
            "[[ensemble.parameters]]",
            toml_line("parameter", name, comment),
            toml_line("prior", prior),
            toml_line("mean", 1.0),
            toml_line("sd", sd),
            toml_line("bounds", bounds),
            toml_line("factor", True),
        ]
    return lines if active else [f"# {line}" if line else "" for line in lines]
