"""Signals that ask a command to end: it stops, and removes its temporary files."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

#: Requests to end by Ctrl-C, batch queues and users, and of a terminal that is closed.
_REQUESTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """Have requests to end raise KeyboardInterrupt once, except for those that are ignored, as by ``nohup``."""
    for number in _REQUESTS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    # further requests must not interrupt the removal of temporary files
    for each in _REQUESTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
