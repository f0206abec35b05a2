"""Checks of soil properties and surface types of land points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.column.grid.files import LandPoints
from jules_ml.data.model_variables import check_model_values
from jules_ml.errors import BadInput
from jules_ml.physics.soil_names import LAYERED

_Array = NDArray[np.float64]
#: Deviation of the sum of the fractions from 1 that JULES removes.
FRACTIONS_TOLERANCE: Final = 1e-2


def check_fractions(frac: _Array, points: LandPoints, where: str | Path) -> None:
    """Check fractions of surface types, all types of the file included.

    Parameters
    ----------
    frac : array, shape (type, point)
    points : LandPoints
    where : str or Path
        File, and its section, for messages.

    Raises
    ------
    BadInput
        If a fraction is impossible, or their sum is not 1 at a point.
    """
    check_model_values("frac", frac, where=where, tolerance=0.0)
    wrong = ~(np.abs(frac.sum(axis=0) - 1.0) < FRACTIONS_TOLERANCE)
    if wrong.any():
        raise BadInput(
            f"the fractions do not add up to 1 at {_places(wrong, points)}",
            where=where,
            remedy="give fractions whose sum is 1 on land, or correct the land mask",
        )


def check_soil(
    soil: Mapping[str, _Array], points: LandPoints, where: str | Path, *, albsoil_may_be_missing: bool
) -> None:
    """Check the properties of points with soil.

    Parameters
    ----------
    soil : mapping of str to array, shape (layer, point)
        By JULES's names, and ``albsoil``, shape (1, point), where there is one.
    points : LandPoints
        Those with soil.
    where : str or Path
        File or namelist group, for messages.
    albsoil_may_be_missing : bool
        Whether ``albsoil`` may be NaN, at points for which it has a substitute.

    Raises
    ------
    BadInput
        If a property is missing at a point, or is not possible.
    """
    for name in LAYERED:
        # soil that never holds plants back has a wilting point of 0
        lowest = soil[name] >= 0.0 if name in ("sm_wilt", "sm_crit") else soil[name] > 0.0
        wrong = ~lowest.all(axis=0)
        if wrong.any():
            raise BadInput(
                f"{name} is missing or not above 0 at {_places(wrong, points)}",
                where=where,
                remedy="give all properties where there is soil, and sm_sat = 0 or missing where there is none",
            )
        check_model_values(name, soil[name], where=where)
    if "albsoil" not in soil:
        return
    possible = (soil["albsoil"] > 0.0) & (soil["albsoil"] < 1.0)
    impossible = ~(possible | (np.isnan(soil["albsoil"]) & albsoil_may_be_missing)).all(axis=0)
    if impossible.any():
        raise BadInput(
            f"albsoil is not between 0 and 1 at {_places(impossible, points)}",
            where=where,
            remedy="give an albedo above 0 and below 1"
            + (", or missing values for grid.albsoil" if albsoil_may_be_missing else ""),
        )


def _places(wrong: NDArray[np.bool_] | np.bool_, points: LandPoints) -> str:
    at = np.flatnonzero(wrong)
    return (
        f"{len(at)} of {points.size} land points, the first at {points.latitude[at[0]]:.4f}, "
        f"{points.longitude[at[0]]:.4f}"
    )
