"""A request to end stops a command once; further ones do not interrupt the removal of its temporary files."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator

import pytest

from jules_ml.cli.signals import stop_on_signals

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Handlers of a process in the foreground of a terminal."""
    before = {number: signal.getsignal(number) for number in REQUESTS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in REQUESTS[1:]:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(REQUESTS, REQUESTS)))
def test_a_second_request_does_not_interrupt_the_removal_of_files(
    first: signal.Signals, second: signal.Signals
) -> None:
    def interrupted_twice() -> list[str]:
        done = []
        try:
            signal.raise_signal(first)
        except KeyboardInterrupt:
            done.append("stopped")
            try:
                signal.raise_signal(second)
            except KeyboardInterrupt:
                return done
            done.append("removed")
        return done

    stop_on_signals()
    assert interrupted_twice() == ["stopped", "removed"]


def test_requests_that_are_ignored_stay_so() -> None:
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)
    stop_on_signals()
    assert all(signal.getsignal(number) is signal.SIG_IGN for number in REQUESTS)
