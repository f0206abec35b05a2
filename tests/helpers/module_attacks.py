"""Attacks on module folders: seeded changes of every file of a folder, each a function that changes a copy of it.

Two sorts of changes are made to ``card.json``, weights and predictions. A *damaged* folder keeps its checksums, as after a broken copy or
an edit by hand. A *forged* folder has new checksums, as if another program had written it; nothing but the schema can refuse it. Forged
changes are those that make a folder invalid, not other valid numbers, which nothing can tell from the right ones.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from safetensors.torch import load_file, save_file
from torch import Tensor

from helpers.module_folders import edit_card, seal, without_checksums

_Change = Callable[[Path], object]
_WeightsChange = Callable[[dict[str, Tensor]], dict[str, Tensor]]
_PredictionsChange = Callable[[xr.Dataset], xr.Dataset]
#: An attack: its name, and the function that changes a copied folder.
Attack = tuple[str, _Change]
CARD, WEIGHTS, PREDICTIONS = "card.json", "model.safetensors", "predictions.nc"
#: File that a pickle creates in the folder when it is loaded, which must not happen.
EXECUTED = "executed"
#: Names of sites that are no file names, or leave a folder.
NAMES = (
    "../evil", "../../evil", "/tmp/jules_ml_evil", "..", ".", "", " ", "a/b", "a\\b", "..\\evil", "CON", "nul.nc", "x" * 300, "ü" * 200,
    "Ünïcödé 漢字", "%s%n", "$(touch evil)", "~", "-rf", "name\n", "a\x00b", "\ud800", "a:b", "*?",
)  # fmt: skip
_TYPES: tuple[Any, ...] = (None, [], {}, "text", "1.5", True, 7, -1.5, [None], [[1.0]], {"a": 1})


class Payload:
    """Pickle that creates a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def attacks(folder: Path, seed: int, *, others: Sequence[Path] = (), leaves: int = 15) -> Iterator[Attack]:
    """Yield the attacks on a module folder.

    Parameters
    ----------
    folder : Path
        A valid module folder, which is not changed.
    seed : int
        Seed of places and values.
    others : sequence of Path
        Module folders whose files are swapped in.
    leaves : int
        Number of entries of the card that are changed.
    """
    rng = random.Random(seed)
    yield from _files(folder, rng)
    yield from _pickles()
    yield from _swapped(others)
    yield from _card_text()
    yield from _card_entries(folder, rng, leaves)
    yield from _versions()
    yield from _weights(folder, rng)
    yield from _predictions(folder)
    yield from _names()


def _files(folder: Path, rng: random.Random) -> Iterator[Attack]:
    for name in (CARD, WEIGHTS, PREDICTIONS):
        size = (folder / name).stat().st_size
        yield f"{name}: emptied", _bytes(name, lambda _: b"")
        yield f"{name}: missing", _file(name, Path.unlink)
        yield f"{name}: renamed", _file(name, lambda path: path.rename(path.with_suffix(".bak")))
        yield f"{name}: folder", _file(name, _as_folder)
        yield f"{name}: dangling link", _file(name, _as_link)
        yield f"{name}: doubled", _bytes(name, lambda content: content + content)
        yield f"{name}: byte appended", _bytes(name, lambda content: content + b"\0")
        for k in range(3):
            at = rng.randrange(size)
            yield f"{name}: truncated {k}", _bytes(name, partial(_truncated, rng.randrange(size)))
            yield f"{name}: bit flipped {k}", _bytes(name, partial(_flipped, at, rng.randrange(8)))
            yield f"{name}: zeros {k}", _bytes(name, partial(_zeros, at))
            yield (
                f"{name}: random bytes {k}",
                _bytes(name, partial(_replaced, rng.randbytes(rng.choice((1, 8, 100, 5000))))),
            )


def _pickles() -> Iterator[Attack]:
    for name in (CARD, WEIGHTS, PREDICTIONS):
        yield f"{name}: pickle", _file(name, _as_pickle)
        yield (
            f"{name}: torch pickle",
            _file(name, lambda path: torch.save({"a": Payload(path.with_name(EXECUTED))}, path)),
        )
        yield f"{name}: pickle, sealed", _then_sealed(_file(name, _as_pickle))


def _swapped(others: Sequence[Path]) -> Iterator[Attack]:
    for k, other in enumerate(others):
        for name in (CARD, WEIGHTS, PREDICTIONS):
            copy = _file(name, partial(shutil.copy, other / name))
            yield f"{name}: of another module {k}", copy
            yield f"{name}: of another module {k}, sealed", _then_sealed(copy)


def _card_text() -> Iterator[Attack]:
    for content in (
        "",
        "null",
        "[]",
        "{}",
        "3",
        '"card"',
        "NaN",
        '{"module": null}',
        "[" * 100000,
        '{"a":' * 50000,
        "1" * 5000,
        "// x",
    ):
        yield f"card: {content[:16]}", _bytes(CARD, partial(_replaced, content.encode()))
    yield "card: UTF-16", _bytes(CARD, lambda content: content.decode().encode("utf-16"))
    yield (
        "card: Latin-1",
        _bytes(CARD, lambda content: content.replace(b'"module"', b'"\xe9": 1, "module"')),
    )
    yield "card: trailing comma", _bytes(CARD, lambda content: content.rstrip()[:-1] + b",}")
    yield "card: key repeated", _bytes(CARD, lambda content: content.rstrip()[:-1] + b', "module": "other"}')
    yield "card: two objects", _bytes(CARD, lambda content: content + content)


def _card_entries(folder: Path, rng: random.Random, leaves: int) -> Iterator[Attack]:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    card.pop("checksums", None)
    places = [place for place in _places(card) if place]
    top = [place for place in places if len(place) == 1]
    chosen = top + rng.sample(places, min(leaves, len(places)))
    for place in chosen:
        at = ".".join(map(str, place))
        value = _at(card, place)
        for k, other in enumerate(rng.sample(_TYPES, 2)):
            if type(other) is not type(value):
                yield f"card {at}: type {k}", _edit(place, other, sealed=False)
                yield f"card {at}: type {k}, sealed", _edit(place, other, sealed=True)
        yield f"card {at}: removed", _edit(place, _REMOVE, sealed=False)
        yield f"card {at}: removed, sealed", _edit(place, _REMOVE, sealed=True)
        if isinstance(value, int | float) and not isinstance(value, bool):
            for number in (float("nan"), float("inf"), float("-inf")):
                yield f"card {at}: {number}", _edit(place, number, sealed=False)
                yield f"card {at}: {number}, sealed", _edit(place, number, sealed=True)
            yield f"card {at}: other number", _edit(place, value * 1.5 + 1.0, sealed=False)
        if isinstance(value, list):
            yield f"card {at}: longer", _edit(place, [*value, *value, 1.0], sealed=False)
            yield f"card {at}: longer, sealed", _edit(place, [*value, *value, 1.0], sealed=True)
            yield f"card {at}: huge, sealed", _edit(place, value * (100000 // max(len(value), 1)), sealed=True)
    yield "card: extra key", _edit(("extra",), 1.0, sealed=False)
    yield (
        "card: key renamed",
        partial(edit_card, change=lambda card: card | {"Sites": card.pop("sites", {})}, sealed=False),
    )


def _versions() -> Iterator[Attack]:
    for version in (0, -1, 1, 2, 3, 99, 10**30, "4", None, True, 4.5, [4]):
        yield f"card_version {version!r}", _edit(("card_version",), version, sealed=False)
        yield f"card_version {version!r}, sealed", _edit(("card_version",), version, sealed=True)
    yield "checksums removed", partial(edit_card, change=without_checksums, sealed=False)
    checksums: tuple[Any, ...] = (None, {}, [], "x", {"card.json": 3}, {"card.json": None, WEIGHTS: None})
    for bad in checksums:
        yield f"checksums {bad!r}", _edit(("checksums",), bad, sealed=False)


def _weights(folder: Path, rng: random.Random) -> Iterator[Attack]:
    state = load_file(folder / WEIGHTS)
    changes: list[tuple[str, _WeightsChange]] = [
        ("none", lambda _: {}),
        ("extra", lambda state: state | {"extra": torch.ones(3)}),
    ]
    for name in rng.sample(sorted(state), min(5, len(state))):
        value = state[name]
        flat = rng.randrange(max(value.numel(), 1))
        if value.numel() and value.is_floating_point():
            numbers = {"nan": torch.nan, "inf": torch.inf, "-inf": -torch.inf}
            changes += [
                (f"{name} {label}", _of(name, partial(_with_value, flat, bad))) for label, bad in numbers.items()
            ]
        changes += [
            (f"{name} missing", partial(_dropped, name)),
            (f"{name} renamed", partial(_renamed_weights, name)),
            (f"{name} one more dimension", _of(name, lambda tensor: tensor[None])),
            (
                f"{name} longer",
                _of(name, lambda tensor: torch.cat([tensor.reshape(-1), torch.ones(1, dtype=tensor.dtype)])),
            ),
            (f"{name} empty", _of(name, lambda tensor: torch.zeros((*tensor.shape, 0)))),
            (f"{name} integers", _of(name, lambda tensor: tensor.nan_to_num().to(torch.int64))),
            (f"{name} complex", _of(name, lambda tensor: tensor.to(torch.complex64))),
            (f"{name} huge", _of(name, lambda _: torch.zeros(3_000_000))),
        ]
    for label, change in changes:
        yield f"weights: {label}", partial(_change_weights, change)
        yield f"weights: {label}, sealed", _then_sealed(partial(_change_weights, change))


def _predictions(folder: Path) -> Iterator[Attack]:
    with xr.open_dataset(folder / PREDICTIONS, decode_times=False) as opened:
        names = [str(name) for name in opened.variables]
    changes: list[tuple[str, _PredictionsChange]] = [("empty", lambda _: xr.Dataset())]
    for name in names:
        changes += [
            (f"{name} missing", partial(_without_variable, name)),
            (f"{name} inf", partial(_assigned, name, np.inf)),
            (f"{name} text", partial(_assigned, name, "text")),
            (f"{name} other dimension", partial(_flattened, name)),
        ]
    for label, change in changes:
        yield f"predictions: {label}", partial(_change_predictions, change)
        yield f"predictions: {label}, sealed", _then_sealed(partial(_change_predictions, change))


def _names() -> Iterator[Attack]:
    """Names of sites in card and predictions, with valid checksums."""
    for name in NAMES:
        yield f"site name {name[:20]!a}", partial(_rename_site, name)


_REMOVE = object()


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


def _at(value: Any, place: Sequence[Any]) -> Any:
    for key in place:
        value = value[key]
    return value


def _edit(place: Sequence[Any], value: Any, *, sealed: bool) -> _Change:
    def change(card: dict[str, Any]) -> dict[str, Any]:
        parent = _at(card, place[:-1])
        if value is _REMOVE:
            del parent[place[-1]]
        else:
            parent[place[-1]] = value
        return card

    return partial(edit_card, change=change, sealed=sealed)


def _file(name: str, change: Callable[[Path], object]) -> _Change:
    """Change of one file of a folder."""
    return lambda folder: change(folder / name)


def _bytes(name: str, change: Callable[[bytes], bytes]) -> _Change:
    """Change of the content of one file."""
    return _file(name, lambda path: path.write_bytes(change(path.read_bytes())))


def _then_sealed(change: _Change) -> _Change:
    """The same change with new checksums."""

    def changed(folder: Path) -> None:
        change(folder)
        seal(folder)

    return changed


def _of(name: str, change: Callable[[Tensor], Tensor]) -> _WeightsChange:
    """Change of one tensor."""
    return lambda state: state | {name: change(state[name])}


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(path.with_name(EXECUTED))))


def _truncated(length: int, content: bytes) -> bytes:
    return content[:length]


def _flipped(at: int, bit: int, content: bytes) -> bytes:
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def _zeros(start: int, content: bytes) -> bytes:
    return content[:start] + bytes(len(content) - start)


def _replaced(other: bytes, _: bytes) -> bytes:
    return other


def _with_value(at: int, value: float, tensor: Tensor) -> Tensor:
    changed = tensor.clone().reshape(-1)
    changed[at] = value
    return changed.reshape(tensor.shape)


def _dropped(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


def _renamed_weights(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {(f"{key}x" if key == name else key): value for key, value in state.items()}


def _change_weights(change: _WeightsChange, folder: Path) -> None:
    state = {name: value.clone().contiguous() for name, value in change(load_file(folder / WEIGHTS)).items()}
    save_file(state, folder / WEIGHTS)


def _without_variable(name: str, ds: xr.Dataset) -> xr.Dataset:
    return ds.drop_vars(name)


def _assigned(name: str, value: Any, ds: xr.Dataset) -> xr.Dataset:
    values = np.full(ds[name].shape, value, dtype=object if isinstance(value, str) else np.float64)
    return ds.drop_vars(name).assign({name: (ds[name].dims, values)})


def _flattened(name: str, ds: xr.Dataset) -> xr.Dataset:
    values = ds[name].to_numpy().reshape(-1)
    return ds.drop_vars(name).assign({name: ("elsewhere", np.concatenate([values, values]))})


def _change_predictions(change: _PredictionsChange, folder: Path) -> None:
    with xr.open_dataset(folder / PREDICTIONS, decode_times=False) as opened:
        ds = change(opened.load())
    (folder / PREDICTIONS).unlink()
    ds.to_netcdf(folder / PREDICTIONS, engine="netcdf4")


def _rename_site(name: str, folder: Path) -> None:
    """Give the first site of a module another name, in all places."""
    with xr.open_dataset(folder / PREDICTIONS, decode_times=False) as opened:
        ds = opened.load()
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    old = next(iter(card.get("sites", {})), None)
    if "site" in ds and old is not None:
        # netCDF has no text with NUL or half a surrogate pair
        clean = name.replace("\x00", "?").encode("utf-8", "replace").decode()
        names = np.array([clean if str(each) == old else str(each) for each in ds["site"].to_numpy()], dtype=object)
        changed = ds.assign_coords if "site" in ds.coords else ds.assign
        ds = changed({"site": (ds["site"].dims, names, ds["site"].attrs)})
        (folder / PREDICTIONS).unlink()
        ds.to_netcdf(folder / PREDICTIONS, engine="netcdf4")
    edit_card(folder, lambda card: _renamed(card, old, name), sealed=True)


def _renamed(value: Any, old: str | None, new: str) -> Any:
    if isinstance(value, dict):
        return {(new if key == old else key): _renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    return new if value == old and old is not None else value
