"""Mutations of experiment files: keys, values, sections, syntax and encodings."""

from __future__ import annotations

import random
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzz.experiment_texts import NEEDED, POSSIBLE, TEXTS
from fuzz.outcome import Class, Result, Results, class_of_error
from fuzz.sources import Source
from fuzz.text_sources import SOURCES as _TEXT_SOURCES

from jules_ml.ensemble.parameters import check_parameters
from jules_ml.experiment import load_experiment

_LINE: Final = re.compile(r"^([a-z0-9_]+) = (.*)$")
_NUMBER: Final = re.compile(r"^-?[0-9.]+(e-?[0-9]+)?$")
_CHOSEN_BY_USER: Final = "the value that was meant: the file states it once, and the other is possible"


@dataclass
class Mutation:
    """A damaged experiment file; ``lacks`` is the information that is missing if another valid file came out."""

    content: bytes
    lacks: str = ""
    is_folder: bool = False


#: Keys with any text, or with a path that a later step of the command looks for.
_FREE: Final = ("name", "site", "licence", "folder")

Change = Callable[[list[str], random.Random], Mutation | None]


def _text(lines: list[str], *, lacks: str = "") -> Mutation:
    return Mutation(("\n".join(lines) + "\n").encode(), lacks)


def _entries(lines: list[str], *, numbers: bool | None = None, keys: tuple[str, ...] = ()) -> list[int]:
    """Lines with an entry; of single numbers, of others, or of certain keys."""
    found = []
    for i, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None or (keys and match[1] not in keys):
            continue
        if numbers is None or bool(_NUMBER.match(match[2])) == numbers:
            found.append(i)
    return found


def _parts(line: str) -> tuple[str, str]:
    match = _LINE.match(line)
    assert match is not None
    return match[1], match[2]


def _misspelt(lines: list[str], rng: random.Random) -> Mutation:
    at = rng.choice(_entries(lines))
    key, value = _parts(lines[at])
    i = rng.randrange(len(key))
    lines[at] = (
        f"{rng.choice((key[:i] + key[i + 1 :] or 'x', key[:i] + 'x' + key[i:], key + 's', key.upper()))} = {value}"
    )
    return _text(lines)


def _removed(lines: list[str], rng: random.Random) -> Mutation:
    del lines[rng.choice(_entries(lines))]
    return _text(lines, lacks="the entry: a key with a default value may be absent")


def _doubled(lines: list[str], rng: random.Random) -> Mutation:
    at = rng.choice(_entries(lines))
    lines.insert(at, lines[at])
    return _text(lines)


def _value(
    new: Callable[[str, random.Random], str], *, numbers: bool | None = None, keys: tuple[str, ...] = ()
) -> Change:
    """Replace a value; another number that is possible for its key is unknowable."""

    def change(lines: list[str], rng: random.Random) -> Mutation | None:
        entries = _entries(lines, numbers=numbers, keys=keys)
        if not entries:
            return None
        at = rng.choice(entries)
        key, value = _parts(lines[at])
        lines[at] = f"{key} = {new(value, rng)}"
        return _text(lines, lacks=_CHOSEN_BY_USER if _is_possible(key, lines[at]) else "")

    return change


def _is_possible(key: str, line: str) -> bool:
    """Whether all numbers of an entry are in the possible range of its key."""
    if (
        key in _FREE
        or (key in ("start", "end") and ("9999" in line or "0001-" in line))
        or (key, _parts(line)[1]) == ("cycles", "0")
    ):
        return True
    if key not in POSSIBLE:
        return False
    low, high = POSSIBLE[key]
    try:
        numbers = [float(text) for text in _parts(line)[1].strip("[]").split(",")]
    except ValueError:
        return False
    return all(low <= number <= high for number in numbers)


def _scaled(factor: float) -> Callable[[str, random.Random], str]:
    def new(value: str, _rng: random.Random) -> str:
        return re.sub(r"-?[0-9.]+(e-?[0-9]+)?", lambda m: repr(float(m[0]) * factor), value)

    return new


def _physical(new: Callable[[str, random.Random], str]) -> Change:
    """Change of a physical quantity or fraction."""
    return _value(new, keys=tuple(POSSIBLE))


_COUNTS: Final = (
    "members",
    "steps",
    "width",
    "heads",
    "hidden",
    "rounds",
    "mean_over",
    "bootstrap_days",
    "batch",
    "cycles",
    "years",
    "pools",
)


def _exchanged(lines: list[str], rng: random.Random) -> Mutation:
    """Values of two entries with numbers are exchanged."""
    entries = [i for i in _entries(lines, numbers=True) if _parts(lines[i])[0] in POSSIBLE]
    a, b = rng.sample(entries, 2)
    (key_a, value_a), (key_b, value_b) = _parts(lines[a]), _parts(lines[b])
    lines[a], lines[b] = f"{key_a} = {value_b}", f"{key_b} = {value_a}"
    possible = _is_possible(key_a, lines[a]) and _is_possible(key_b, lines[b])
    return _text(lines, lacks=_CHOSEN_BY_USER if possible else "")


def _order_of_soil(lines: list[str], rng: random.Random) -> Mutation | None:
    """Water contents of a soil that are possible alone, and not together."""
    at = {_parts(lines[i])[0]: i for i in _entries(lines, keys=("sm_sat", "sm_crit", "sm_wilt", "theta_r"))}
    pairs = [
        pair for pair in (("sm_sat", "sm_wilt"), ("sm_crit", "sm_wilt"), ("sm_sat", "theta_r")) if set(pair) <= set(at)
    ]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    values = _parts(lines[at[first]])[1], _parts(lines[at[second]])[1]
    lines[at[first]], lines[at[second]] = f"{first} = {values[1]}", f"{second} = {values[0]}"
    return _text(lines)


def _header(new: Callable[[str, random.Random], str]) -> Change:
    def change(lines: list[str], rng: random.Random) -> Mutation | None:
        headers = [i for i, line in enumerate(lines) if line.startswith("[") and not line.startswith("[data.columns")]
        at = rng.choice(headers)
        lines[at] = new(lines[at], rng)
        return _text([line for line in lines if line is not None], lacks="the section: a section may be absent")

    return change


def _misspelt_header(line: str, rng: random.Random) -> str:
    i = rng.randrange(2, len(line) - 2)
    return line[:i] + "x" + line[i:]


def _syntax(old: str, new: str) -> Change:
    """Replace a piece of syntax in one entry."""

    def change(lines: list[str], rng: random.Random) -> Mutation | None:
        entries = [i for i in _entries(lines) if old in lines[i]]
        if not entries:
            return None
        at = rng.choice(entries)
        lines[at] = lines[at].replace(old, new, 1)
        return _text(lines)

    return change


def _whole(new: Callable[[str], bytes]) -> Change:
    return lambda lines, _rng: Mutation(new("\n".join(lines) + "\n"))


def _cut(lines: list[str], rng: random.Random) -> Mutation:
    content = ("\n".join(lines) + "\n").encode()
    return Mutation(
        content[: rng.randrange(20, len(content))], lacks="the rest of the file: sections and keys may be absent"
    )


def _comma(value: str, _rng: random.Random) -> str:
    return value.replace(".", ",", 1) if "." in value else f"{value},0"


def _path(new: str) -> Change:
    return _value(lambda _value, _rng: new, keys=("path",))


def _date(value: str, rng: random.Random) -> str:
    return rng.choice(
        (
            "2020-02-30T00:00:00",
            "2020-13-01",
            '"26/02/2020"',
            "20200226",
            '"yesterday"',
            "0001-01-01T00:00:00",
            "9999-01-01T00:00:00",
        )
    )


_BOOLEANS: Final = ("true", "false")
FAULTS: Final[dict[str, Change]] = {
    "key: misspelt": _misspelt,
    "key: removed": _removed,
    "key: doubled": _doubled,
    "key: of another section": lambda lines, rng: _text([*lines, "latitude = 3.0", 'reader = "x"']),
    "value: number as text": _value(lambda value, _: f'"{value}"', numbers=True),
    "value: text without quotes": _syntax('"', ""),
    "value: boolean for a number": _value(lambda _, rng: rng.choice(_BOOLEANS), numbers=True),
    "value: number for other": _value(lambda _, rng: rng.choice(("1", "0", "2.5")), numbers=False),
    "value: list for a number": _value(lambda value, _: f"[{value}, {value}]", numbers=True),
    "value: empty": _value(lambda _, rng: rng.choice(('""', "[]", "{}"))),
    "value: nan": _physical(lambda _, rng: rng.choice(("nan", "-nan"))),
    "value: infinite": _physical(lambda _, rng: rng.choice(("inf", "-inf", "1e400"))),
    "value: negative": _physical(_scaled(-1.0)),
    "value: times 100": _physical(_scaled(100.0)),
    "value: times 1000": _physical(_scaled(1000.0)),
    "value: divided by 1000": _physical(_scaled(0.001)),
    "value: times 1e30": _physical(_scaled(1e30)),
    "value: 0": _value(lambda _, __: "0", keys=_COUNTS),
    "value: -5": _value(lambda _, __: "-5", keys=_COUNTS),
    "value: 2.5": _value(lambda _, __: "2.5", keys=_COUNTS),
    "value: 10^30": _value(lambda _, __: "1" + "0" * 30, keys=_COUNTS),
    "value: temperatures in degC": _value(_scaled(0.02), keys=("t_soil", "t_air_mean", "frozen_below")),
    "value: of two keys exchanged": _exchanged,
    "value: water contents exchanged": _order_of_soil,
    "value: decimal comma": _value(_comma, numbers=True),
    "value: unknown choice": _value(lambda _, __: '"banana"', numbers=False),
    "value: another date": _value(_date, keys=("start", "end")),
    "section: misspelt": _header(_misspelt_header),
    "section: header lost": _header(lambda _line, _rng: ""),
    "section: doubled": lambda lines, rng: _text([*lines, "[site]", 'name = "x"']),
    "section: bracket lost": _header(lambda line, _rng: line.replace("]", "", 1)),
    "syntax: colon": _syntax(" = ", ": "),
    "syntax: bracket lost": _syntax("]", ""),
    "syntax: quotation mark lost": _syntax('"', ""),
    "syntax: backslashes": _path('"C:\\Users\\me\\tower.csv"'),
    "path: no such file": _path('"nowhere/tower.csv"'),
    "path: a folder": _path('"."'),
    "path: the experiment": _path('"experiment.toml"'),
    "path: address": _path('"https://example.org/tower.csv"'),
    "path: too long": _path('"' + "x" * 5000 + '"'),
    "path: zero byte": _path('"tower\\u0000.csv"'),
    "file: cut": _cut,
    "file: empty": _whole(lambda _text: b""),
    "file: UTF-16": _whole(lambda text: text.encode("utf-16")),
    "file: byte order mark": _whole(lambda text: text.encode("utf-8-sig")),
    "file: latin-1": _whole(lambda text: text.replace("NL-Loo", "Düsseldorf").encode("latin-1")),
    "file: lines of Windows": _whole(lambda text: text.replace("\n", "\r\n").encode()),
    "file: lines of old Macs": _whole(lambda text: text.replace("\n", "\r").encode()),
    "file: JSON": _whole(lambda _text: b'{"site": {"name": "x"}}'),
    "file: YAML": _whole(lambda _text: b"site:\n  name: x\n"),
    "file: zero bytes": _whole(lambda text: text[:200].encode() + b"\0" * 50),
    "file: deep table": _whole(
        lambda text: (text + "\n[" + ".".join("a" * 1 for _ in range(3000)) + "]\nx = 1\n").encode()
    ),
    "file: a folder": lambda _lines, _rng: Mutation(b"", is_folder=True),
}


def outcome(kind: str, fault: str, seed: int, folder: Path) -> Result | None:
    """Damage an experiment file, load it and its record, and classify the answer; None if the damage does not apply.

    Parameters
    ----------
    kind, fault : str
        Keys of :data:`~fuzz.experiment_texts.TEXTS` and :data:`FAULTS`.
    seed : int
    folder : Path
        Folder with the record files, from :func:`write_records`.
    """
    mutation = FAULTS[fault](TEXTS[kind].splitlines(), random.Random(seed))
    if mutation is None or mutation.content == TEXTS[kind].encode():
        return None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "experiment.toml"
        for file in folder.glob("*.*"):
            if file.is_file():
                (Path(name) / file.name).symlink_to(file)
        if mutation.is_folder:
            path.mkdir()
        else:
            path.write_bytes(mutation.content)
        found, text = _class_of(path, kind, mutation)
    return Result(f"experiment of {kind}", fault, seed, found, text, mutation.lacks if found == "unknowable" else "")


def _class_of(path: Path, kind: str, mutation: Mutation) -> tuple[Class, str]:
    original = path.with_name("original.toml")
    original.write_text(TEXTS[kind], encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            experiment = load_experiment(path)
            for name in NEEDED[kind]:
                experiment.required(getattr(experiment, name), name)
            if kind == "ensemble":
                check_parameters(experiment, None)
            if experiment.data is not None:
                experiment.record()
    except Exception as error:  # the kind of exception is what is measured
        names = ["experiment.toml", "tower.csv", "driving.dat", path.parent.name]
        return class_of_error(error, names)
    expected = load_experiment(original)
    if experiment.model_dump() == expected.model_dump():
        return "right", ""
    changed = [name for name in type(expected).model_fields if getattr(experiment, name) != getattr(expected, name)]
    return ("unknowable" if mutation.lacks else "silent"), f"accepted with other values in {', '.join(changed)}"


def write_records(folder: Path) -> None:
    """Write the record files of the experiments."""
    for source, name in ((_TEXT_SOURCES[0], "tower.csv"), (_driving(), "driving.dat")):
        table, _ = source.table(0)
        assert source.write_document is not None
        document = source.write_document(table, source)
        if name == "tower.csv":
            names = ["time", "TA", "RH", "SWC", "TS", "NEE"]
            keep = [document.header.index(column) for column in names]
            document.header = names
            document.rows = [[row[i] for i in keep] for row in document.rows]
        (folder / name).write_text(document.text(), encoding="utf-8")


def _driving() -> Source:
    return next(source for source in _TEXT_SOURCES if source.name == "ASCII driving")


def plan(n: int, *, seed: int = 0) -> Iterator[tuple[str, str, int]]:
    """Pairs of kind and damage in random order, each with a seed: all pairs once, then all again, until ``n`` times."""
    rng = random.Random(seed)
    pairs = [(kind, fault) for kind in TEXTS for fault in FAULTS]
    count = 0
    while True:
        rng.shuffle(pairs)
        for kind, fault in pairs:
            yield kind, fault, rng.randrange(1_000_000)
            count += 1
            if count >= n:
                return


def mutations(pairs: list[tuple[str, str, int]], folder: Path) -> Results:
    """Classify mutations; those that do not apply are left out."""
    write_records(folder)
    results = Results()
    for kind, fault, seed in pairs:
        result = outcome(kind, fault, seed, folder)
        if result is not None:
            results.results.append(result)
    return results
