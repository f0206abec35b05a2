"""Which steps, or which sites, to learn from and which to be judged by.

Steps of a record are not independent: parts are made of whole years or blocks, never of single steps, and ``gap`` takes out of the
training part what lies closer to the test part than the memory of the soil. Years and months are those of the middle of each
interval in local standard time. The dataset may be any choice of rows of a site dataset, night-time rows for instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import end_of_interval, local_middle, place
from jules_ml.errors import BadInput

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of one record, as masks along ``time``; a step is in one part at most.

    ``validation`` may be empty: it is for choices made while fitting, and is never scored.
    """

    name: str
    train: xr.DataArray
    validation: xr.DataArray
    test: xr.DataArray

    def __post_init__(self) -> None:
        parts = np.stack([self.train.to_numpy(), self.validation.to_numpy(), self.test.to_numpy()])
        if (parts.sum(axis=0) > 1).any():
            raise ValueError(f"the parts of split {self.name} overlap")


@dataclass(frozen=True)
class SiteSplit:
    """Sites to train on, to choose by, and to test on; a site is in one part only."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        every = (*self.train, *self.validation, *self.test)
        if len(set(every)) < len(every):
            raise ValueError(f"the parts of split {self.name} overlap")


def by_year(ds: xr.Dataset, *, min_years: int = 3, min_rows: int = 1, gap: str | pd.Timedelta = "0D") -> list[Split]:
    """Leave one year out, each in turn.

    Parameters
    ----------
    ds : xarray.Dataset
        Rows of one site.
    min_years : int, optional
        Years that the record must have.
    min_rows : int, optional
        Rows that make a year worth holding out; poorer years are always in the training part.
    gap : str or Timedelta, optional
        Rows of the training part closer than this to the test part are left out.

    Returns
    -------
    list of Split
        One a year, named after it, without validation part (see :func:`hold_out_validation`).

    Raises
    ------
    BadInput
        If fewer than ``min_years`` years have ``min_rows`` rows.
    """
    years = local_middle(ds).year.to_numpy()
    names, counts = np.unique(years, return_counts=True)
    held_out = names[counts >= min_rows]
    if len(held_out) < min_years:
        raise BadInput(
            f"{len(held_out)} year(s) with {min_rows} rows or more, of {min_years} needed to leave one out",
            where=place(ds),
            remedy="split by blocks of months instead (by_block), or give a longer record",
        )
    return [_split(ds, str(year), test=years == year, validation=None, gap=gap) for year in held_out]


def by_block(
    ds: xr.Dataset, *, months: int = 2, folds: int = 5, gap: str | pd.Timedelta = "0D", seed: int = 0
) -> list[Split]:
    """Deal blocks of calendar months out to folds at random; leave one fold out, each in turn.

    Parameters
    ----------
    ds : xarray.Dataset
        Rows of one site.
    months : int, optional
        Length of a block.
    folds : int, optional
        Number of folds; they differ by one block at most.
    gap : str or Timedelta, optional
        Rows of the training part closer than this to the test part are left out.
    seed : int, optional
        Seed of the dealing.

    Returns
    -------
    list of Split
        One a fold.

    Raises
    ------
    BadInput
        If there are fewer blocks with rows than folds.
    """
    fold = _folds_of_blocks(ds, months, folds, seed)
    return [_split(ds, f"fold {k + 1}", test=fold == k, validation=None, gap=gap) for k in range(folds)]


def by_fraction(
    ds: xr.Dataset,
    *,
    train: float = 0.6,
    validation: float = 0.2,
    test: float = 0.2,
    gap: str | pd.Timedelta = "0D",
) -> Split:
    """Split the rows in order of time: first train, then validation, then test.

    Parameters
    ----------
    ds : xarray.Dataset
        Rows of one site.
    train, validation, test : float, optional
        Fractions of the rows [1], which sum to 1.
    gap : str or Timedelta, optional
        Rows closer than this to a later part are left out.

    Raises
    ------
    BadInput
        If the fractions do not sum to 1, or a part that was asked for is empty.
    """
    if min(train, validation, test) < 0.0 or abs(train + validation + test - 1.0) > 1e-9:
        raise BadInput(
            f"fractions {train:g}, {validation:g} and {test:g} do not sum to 1",
            where=place(ds),
            remedy="give three fractions between 0 and 1 that sum to 1, such as 0.6, 0.2, 0.2",
        )
    rows = np.arange(len(end_of_interval(ds)))
    first, second = (round(share * len(rows)) for share in (train, train + validation))
    split = _split(ds, "by fraction", test=rows >= second, validation=(rows >= first) & (rows < second), gap=gap)
    if validation > 0.0 and not split.validation.any():
        raise _empty(ds, "validation", "by fraction")
    return split


def by_date(
    ds: xr.Dataset,
    *,
    train_until: str | pd.Timestamp,
    validation_until: str | pd.Timestamp | None = None,
    gap: str | pd.Timedelta = "0D",
) -> Split:
    """Split at given dates: train before the first, test after the last, validation between.

    Parameters
    ----------
    ds : xarray.Dataset
        Rows of one site.
    train_until : str or Timestamp
        Start of the next part, in local standard time (``"2019-01-01"`` trains on 2018 and before).
    validation_until : str or Timestamp, optional
        Start of the test part; no validation when not given.
    gap : str or Timedelta, optional
        Rows closer than this to a later part are left out.

    Raises
    ------
    BadInput
        If the dates are out of order, or a part is empty.
    """
    first = pd.Timestamp(train_until)
    second = first if validation_until is None else pd.Timestamp(validation_until)
    if second < first:
        raise BadInput(
            f"validation ends ({second}) before training does ({first})",
            where=place(ds),
            remedy="give train_until before validation_until",
        )
    middle = local_middle(ds)
    split = _split(ds, "by date", test=middle >= second, validation=(middle >= first) & (middle < second), gap=gap)
    if validation_until is not None and not split.validation.any():
        raise _empty(ds, "validation", "by date")
    return split


def hold_out_validation(
    ds: xr.Dataset,
    split: Split,
    *,
    fraction: float = 0.15,
    months: int = 2,
    gap: str | pd.Timedelta = "0D",
    seed: int = 0,
) -> Split:
    """Turn blocks of the training part into a validation part; the test part stays as it is.

    Parameters
    ----------
    ds : xarray.Dataset
        The rows that ``split`` was made from.
    split : Split
        A split without validation part.
    fraction : float, optional
        Fraction [1] of the training part's blocks, one block at least.
    months : int, optional
        Length of a block.
    gap : str or Timedelta, optional
        Rows of the training part closer than this to the validation part are left out.
    seed : int, optional
        Seed of the choice.

    Raises
    ------
    BadInput
        If the training part has fewer than two blocks, or nothing is left of it.
    """
    train = split.train.to_numpy()
    block = _blocks(ds, months)
    names = np.unique(block[train])
    if len(names) < 2:
        raise BadInput(
            f"the training part of split {split.name} has {len(names)} block(s) of {months} months, too few to hold one out",
            where=place(ds),
            remedy="use shorter blocks or a longer record",
        )
    count = min(max(round(fraction * len(names)), 1), len(names) - 1)
    chosen = np.random.default_rng(seed).permutation(names)[:count]
    held_out = train & np.isin(block, chosen)
    left = train & ~held_out & ~_close(end_of_interval(ds), held_out, pd.Timedelta(gap))
    if not left.any():
        raise _empty(ds, "train", split.name)
    return Split(split.name, _mask(ds, left), _mask(ds, held_out), split.test)


def leave_one_site_out(sites: Sequence[str], *, validation_sites: int = 0, seed: int = 0) -> list[SiteSplit]:
    """Leave one site out, each in turn.

    Parameters
    ----------
    sites : sequence of str
        Names of the sites, each once.
    validation_sites : int, optional
        Sites drawn from the others for validation.
    seed : int, optional
        Seed of the draw.

    Raises
    ------
    BadInput
        If a name stands twice, or no site is left to train on.
    """
    return _site_splits(sites, [(site,) for site in sites], list(sites), validation_sites, seed)


def site_folds(sites: Sequence[str], *, folds: int = 5, validation_sites: int = 0, seed: int = 0) -> list[SiteSplit]:
    """Deal sites out to folds at random; leave one fold out, each in turn.

    Parameters
    ----------
    sites : sequence of str
        Names of the sites, each once; their order does not matter.
    folds : int, optional
        Number of folds; they differ by one site at most.
    validation_sites : int, optional
        Sites drawn from the others for validation.
    seed : int, optional
        Seed of dealing and draw.

    Raises
    ------
    BadInput
        If a name stands twice, there are fewer sites than folds, or no site is left to train on.
    """
    if not 2 <= folds <= len(sites):
        raise BadInput(
            f"{len(sites)} sites do not make {folds} folds",
            remedy="give at least as many sites as folds, and two folds at least",
        )
    dealt = np.random.default_rng(seed).permutation(sorted(sites))
    parts = [tuple(sorted(map(str, dealt[k::folds]))) for k in range(folds)]
    return _site_splits(sites, parts, [f"fold {k + 1}" for k in range(folds)], validation_sites, seed)


def _site_splits(
    sites: Sequence[str], tests: list[tuple[str, ...]], names: list[str], validation_sites: int, seed: int
) -> list[SiteSplit]:
    twice = sorted({site for site in sites if list(sites).count(site) > 1})
    if twice:
        raise BadInput(f"site {twice[0]} stands twice", remedy="name every site once")
    if len(sites) - max(map(len, tests), default=0) - validation_sites < 1:
        raise BadInput(
            f"of {len(sites)} site(s) none is left to train on", remedy="give more sites, or fewer for validation"
        )
    splits = []
    for number, (name, test) in enumerate(zip(names, tests, strict=True)):
        others = sorted(set(sites) - set(test))
        drawn = np.random.default_rng([seed, number]).permutation(others)[:validation_sites]
        validation = tuple(sorted(map(str, drawn)))
        splits.append(SiteSplit(name, tuple(s for s in others if s not in validation), validation, test))
    return splits


def _blocks(ds: xr.Dataset, months: int) -> NDArray[np.int64]:
    """Number of the block that each row lies in; blocks start in January."""
    if not 1 <= months <= 12 or 12 % months:
        raise BadInput(
            f"blocks of {months} months do not fit into a year",
            where=place(ds),
            remedy="give 1, 2, 3, 4, 6 or 12 months",
        )
    middle = local_middle(ds)
    return (middle.year.to_numpy() * 12 + middle.month.to_numpy() - 1) // months


def _folds_of_blocks(ds: xr.Dataset, months: int, folds: int, seed: int) -> NDArray[np.int64]:
    blocks, row_block = np.unique(_blocks(ds, months), return_inverse=True)
    if not 2 <= folds <= len(blocks):
        raise BadInput(
            f"{len(blocks)} block(s) of {months} months do not make {folds} folds",
            where=place(ds),
            remedy="use shorter blocks, fewer folds (two at least), or a longer record",
        )
    fold_of_block = np.empty(len(blocks), dtype=np.int64)
    fold_of_block[np.random.default_rng(seed).permutation(len(blocks))] = np.arange(len(blocks)) % folds
    return fold_of_block[row_block]


def _split(ds: xr.Dataset, name: str, *, test: _Mask, validation: _Mask | None, gap: str | pd.Timedelta) -> Split:
    """Build a split whose training part is all that is neither validation nor test, nor close to them."""
    times, width = end_of_interval(ds), pd.Timedelta(gap)
    chosen = np.zeros(len(times), dtype=bool) if validation is None else validation
    chosen = chosen & ~_close(times, test, width)
    train = ~(test | (chosen if validation is None else validation))
    train &= ~_close(times, test | chosen, width)
    for part, mask in (("train", train), ("test", test)):
        if not mask.any():
            raise _empty(ds, part, name)
    return Split(name, _mask(ds, train), _mask(ds, chosen), _mask(ds, test))


def _close(times: pd.DatetimeIndex, part: _Mask, gap: pd.Timedelta) -> _Mask:
    """Rows with a row of ``part`` nearer than ``gap``."""
    if gap <= pd.Timedelta(0) or not part.any():
        return np.zeros(len(times), dtype=bool)
    stamps = times.as_unit("ns").asi8
    inside = stamps[part]
    after = np.searchsorted(inside, stamps)
    to_next = np.abs(inside[np.minimum(after, len(inside) - 1)] - stamps)
    to_last = np.abs(stamps - inside[np.maximum(after - 1, 0)])
    return np.minimum(to_next, to_last) < gap.as_unit("ns").value


def _mask(ds: xr.Dataset, values: _Mask) -> xr.DataArray:
    return xr.DataArray(values, coords={"time": ds["time"]}, dims=("time",))


def _empty(ds: xr.Dataset, part: str, name: str) -> BadInput:
    return BadInput(
        f"nothing is left of the {part} part of split '{name}'",
        where=place(ds),
        remedy="give a longer record, a shorter gap, or other dates or fractions",
    )
