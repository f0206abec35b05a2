"""A full disk is found out, whichever library met it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jules_ml.errors import BadInput, RunFailed
from jules_ml.support import disk
from jules_ml.support.disk import disk_full_is_failure, is_disk_full, not_writable

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raised(error: BaseException, cause: BaseException) -> BaseException:
    try:
        raise error from cause
    except BaseException as both:
        return both


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FULL, True),
        (OSError(errno.EDQUOT, "quota"), True),
        (ValueError(f"cannot save: {os.strerror(errno.ENOSPC)}"), True),
        (raised(ValueError("a"), FULL), True),
        (PermissionError(errno.EACCES, "no"), False),
        (RuntimeError("NetCDF: HDF error"), False),
    ],
)
def test_errors_of_a_full_disk(tmp_path: Path, error: BaseException, expected: bool) -> None:
    assert is_disk_full(error, tmp_path) == expected
    assert not list(tmp_path.iterdir())


def test_a_library_that_does_not_say_why_has_the_disk_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_has_no_room", lambda folder: True)
    assert is_disk_full(RuntimeError("NetCDF: HDF error"), tmp_path)
    assert not is_disk_full(ValueError("a mistake"), tmp_path)


@pytest.mark.parametrize(
    ("error", "expected"), [(FULL, RunFailed), (ValueError("a mistake"), ValueError), (RunFailed("other"), RunFailed)]
)
def test_only_a_full_disk_changes_an_error(tmp_path: Path, error: Exception, expected: type[Exception]) -> None:
    def fail() -> None:
        with disk_full_is_failure(tmp_path):
            raise error

    with pytest.raises(expected) as caught:
        fail()
    assert ("the disk is full" in str(caught.value)) == (error is FULL)


@pytest.mark.parametrize(
    ("error", "expected"), [(FULL, RunFailed), (PermissionError(errno.EACCES, "Permission denied"), BadInput)]
)
def test_a_folder_that_cannot_be_written(tmp_path: Path, error: OSError, expected: Callable[..., Exception]) -> None:
    found = not_writable(tmp_path, error)
    assert isinstance(found, expected if isinstance(expected, type) else ())
    assert str(tmp_path) in str(found)
