"""The setting of the frost rule, which all learned modules share; :func:`jules_ml.data.quality.thawed` applies it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

FROZEN_BELOW: Final = (
    "soil colder than this is left out as frozen [K]; where it was not measured, air temperature minus 1 K is used"
)
FrozenBelow = Annotated[float, Field(ge=223.0, le=283.0, description=FROZEN_BELOW)]
