"""Standard time of a time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

#: A time of present zones: they rarely change.
_MOMENT = datetime(2010, 1, 1)


def standard_offset(zone: str) -> float:
    """Return standard time minus UTC [h], without summer time.

    Parameters
    ----------
    zone : str
        Name in the table of time zones, such as ``Australia/Sydney``.

    Raises
    ------
    ValueError
        If there is no such zone.
    """
    try:
        moment = _MOMENT.replace(tzinfo=ZoneInfo(zone))
    except (KeyError, OSError) as error:  # a name that is a folder of the table gives an error of the system
        raise ValueError(f"'{zone}' is not a time zone") from error
    standard = (moment.utcoffset() or timedelta(0)) - (moment.dst() or timedelta(0))
    return standard.total_seconds() / 3600.0
