"""The threshold of frozen soil, shared by all learned modules; :func:`jules_ml.data.quality.thawed` applies it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

FROZEN_BELOW: Final = (
    "soil colder than this is excluded as frozen [K]; if soil temperature is missing, air temperature minus 1 K is used"
)
FrozenBelow = Annotated[float, Field(ge=223.0, le=283.0, description=FROZEN_BELOW)]
