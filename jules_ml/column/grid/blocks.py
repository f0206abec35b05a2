"""Blocks of land points, which are integrated together, and the files in which each keeps its state and output during a run.

Each block has a file of output, to which every segment of the run is appended, and a checkpoint with its state and the number of segments
done. What a killed run appended after the last checkpoint is overwritten: the run then continues as if it had not been killed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.column.grid.trees import with_tensors
from jules_ml.errors import BadInput
from jules_ml.physics.column import ColumnState
from jules_ml.physics.kernel.trees import tensors
from jules_ml.support.disk import disk_full_is_failure

#: Columns of a block are a multiple of this. A vectorised function differs in its last bit from a scalar one, and all columns of a block
#: are then vectorised, whatever their number.
LANES: Final = 64
_START_AGAIN: Final = "remove the folder of the unfinished run, and start again without --resume"


@dataclass(frozen=True)
class Block:
    """A range of land points."""

    number: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of land points."""
        return self.stop - self.start


def divide(points: int, most: int, ranks: int) -> list[Block]:
    """Divide land points into blocks of nearly equal size, whose number is a multiple of the ranks.

    Parameters
    ----------
    points : int
        Number of land points.
    most : int
        Most points of a block.
    ranks : int
        Number of ranks; with fewer points than ranks some have no block.

    Returns
    -------
    list of Block
    """
    count = min(-(-points // (most * ranks)) * ranks, points)
    ends = [points * k // count for k in range(count + 1)]
    return [Block(k, ends[k], ends[k + 1]) for k in range(count)]


def blocks_of_rank(blocks: Sequence[Block], rank: int, ranks: int) -> list[Block]:
    """Return the contiguous blocks of a rank, as many as those of any other or one fewer."""
    return list(blocks[len(blocks) * rank // ranks : len(blocks) * (rank + 1) // ranks])


def width_of(blocks: Sequence[Block]) -> int:
    """Columns of all blocks, filled up to whole vectors."""
    largest = max(block.size for block in blocks)
    return -(-largest // LANES) * LANES


@dataclass
class Progress:
    """State of a block between two segments of a run.

    Attributes
    ----------
    done : int
        Number of segments done.
    state : ColumnState
        Of all columns of the block.
    cycle : ColumnState
        State at the start of the present cycle of spin-up.
    spinning : Tensor, shape (column,)
        Columns that have not converged.
    rows : int
        Output periods written.
    """

    done: int
    state: ColumnState
    cycle: ColumnState
    spinning: torch.Tensor
    rows: int = 0


@dataclass(frozen=True, eq=False)
class BlockFiles:
    """Files of the blocks of a run.

    Attributes
    ----------
    folder : Path
    """

    folder: Path = field()

    def output(self, block: Block) -> Path:
        """File of the output of a block: 32-bit numbers (period, row, point)."""
        return self.folder / f"block_{block.number:05d}.dat"

    def checkpoint(self, block: Block) -> Path:
        """File of the checkpoint of a block."""
        return self.folder / f"block_{block.number:05d}.npz"

    def append(self, block: Block, after: int, values: NDArray[np.float32]) -> None:
        """Write output after a number of periods, and cut what lies beyond.

        Parameters
        ----------
        block : Block
        after : int
            Periods that precede.
        values : array, shape (period, row, point)
        """
        with disk_full_is_failure(self.folder):
            handle = os.open(self.output(block), os.O_RDWR | os.O_CREAT, 0o644)
            with os.fdopen(handle, "r+b") as file:
                file.seek(after * values[0].nbytes)
                file.truncate()
                file.write(np.ascontiguousarray(values).tobytes())
                file.flush()
                os.fsync(file.fileno())

    def save(self, block: Block, progress: Progress) -> None:
        """Write a checkpoint, which replaces the earlier one in one step."""
        arrays = {f"state_{k}": tensor.cpu().numpy() for k, tensor in enumerate(tensors(progress.state))}
        arrays |= {f"cycle_{k}": tensor.cpu().numpy() for k, tensor in enumerate(tensors(progress.cycle))}
        path = self.checkpoint(block)
        part = path.with_suffix(".part")
        with disk_full_is_failure(self.folder):
            with part.open("wb") as file:
                np.savez(
                    file,
                    done=np.int64(progress.done),
                    rows=np.int64(progress.rows),
                    spinning=progress.spinning.cpu().numpy(),
                    **arrays,  # type: ignore[arg-type]
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)

    def load(self, block: Block, start: Progress, *, rows: int) -> Progress:
        """Read the checkpoint of a block; without one, return ``start``.

        Parameters
        ----------
        block : Block
        start : Progress
            Before the first segment, whose structure the states have.
        rows : int
            Number of rows of an output period.

        Raises
        ------
        BadInput
            If the checkpoint is damaged or of another run, or the file of output is shorter than the checkpoint states.
        """
        path = self.checkpoint(block)
        if not path.is_file():
            return start
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                state, cycle = (_restored(saved, name, start.state) for name in ("state", "cycle"))
                spinning = torch.from_numpy(saved["spinning"]).to(start.spinning.device)
                progress = Progress(int(saved["done"]), state, cycle, spinning, int(saved["rows"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BadInput(
                f"the checkpoint is damaged or of another run ({error})",
                where=path,
                remedy=_START_AGAIN,
            ) from error
        output = self.output(block)
        expected, size = progress.rows * rows * block.size * 4, output.stat().st_size if output.is_file() else 0
        if size < expected:
            raise BadInput(
                f"it has {size} bytes, and by its checkpoint at least {expected}", where=output, remedy=_START_AGAIN
            )
        return progress


def _restored(saved: Any, name: str, like: ColumnState) -> ColumnState:
    old = tensors(like)
    new = [torch.from_numpy(saved[f"{name}_{k}"]) for k in range(len(old))]
    if any(one.shape != two.shape or one.dtype != two.dtype for one, two in zip(new, old, strict=True)):
        raise ValueError("its state has another shape or precision")
    return with_tensors(like, [one.to(two.device) for one, two in zip(new, old, strict=True)])


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write what a run must have in common with the one that continues it."""
    part = folder / "manifest.part"
    part.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(part, folder / "manifest.json")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of an unfinished run, or None."""
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise BadInput("it is damaged", where=path, remedy="remove the folder of the unfinished run") from error
