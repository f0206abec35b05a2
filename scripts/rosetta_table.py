"""Write the table of Rosetta 3, ``jules_ml/physics/rosetta3.npz``, from the package ``rosetta-soil`` (CC0).

Rosetta 3 is the mean of 1 000 small networks. The table has their result on a regular grid, so that a map of many points needs neither the
networks nor their time::

    python scripts/rosetta_table.py [--out jules_ml/physics/rosetta3.npz]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rosetta import rosetta

#: Nodes: clay [1], sand as a fraction of sand and silt [1], bulk density [kg m-3].
CLAY = np.linspace(0.0, 0.8, 17)
SAND = np.linspace(0.0, 1.0, 21)
DENSITY = np.linspace(500.0, 2000.0, 16)
#: Number of soils in one call, which limits memory.
_AT_ONCE = 500


def table(clay: NDArray[np.float64], sand: NDArray[np.float64], *density: NDArray[np.float64]) -> NDArray[np.float32]:
    """Result of Rosetta 3 in its own units, shape (5, ...): residual and saturated water, lg alpha, lg n and lg K."""
    silt = np.maximum(1.0 - clay - sand, 0.0)
    rows = 100.0 * np.stack([sand, silt, clay], axis=-1).reshape(-1, 3)
    rows = np.column_stack([rows, *(0.001 * each.ravel() for each in density)])
    mean = np.concatenate(
        [rosetta(3, rows[k : k + _AT_ONCE], estimate_type="geo")[0][:, :5] for k in range(0, len(rows), _AT_ONCE)]
    )
    mean[:, 2:] = np.log10(mean[:, 2:])
    return mean.T.reshape(5, *clay.shape).astype(np.float32)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here.parent / "jules_ml" / "physics" / "rosetta3.npz")
    out = parser.parse_args().out
    clay, of_rest = np.meshgrid(CLAY, SAND, indexing="ij")
    with_density = np.meshgrid(CLAY, SAND, DENSITY, indexing="ij")
    np.savez_compressed(
        out,
        clay=CLAY,
        sand=SAND,
        bulk_density=DENSITY,
        texture=table(clay, of_rest * (1.0 - clay)),
        texture_density=table(with_density[0], with_density[1] * (1.0 - with_density[0]), with_density[2]),
    )


if __name__ == "__main__":
    main()
