"""The log of a run of JULES."""

from __future__ import annotations

from datetime import datetime

from jules_ml.jules.log import JulesLog

START, END = datetime(2001, 1, 1), datetime(2001, 1, 3)


def test_progress_distinguishes_spin_up_and_main_run() -> None:
    reports: list[tuple[str, int, int]] = []
    log = JulesLog(START, END, 43200.0, (START, END), 2, lambda *x: reports.append(x))
    for line in (
        "[INFO] next_time: Timestep: 1; Started at: 2001-01-01 12:00:00",
        "[INFO] next_time: Spinup cycle: 1",
        "{MPI Task 0} [INFO] next_time: Timestep: 5; Started at: 2001-01-01 12:00:00",
        "[INFO] next_time: Spinup cycle: 2",
        "[INFO] next_time: Timestep: 9; Started at: 2001-01-01 12:00:00",
        "[INFO] next_time: Timestep: 10; Started at: 2001-01-02 00:00:00",
    ):
        log.line(line)
    log.close(done=True)
    assert reports == [
        ("spin-up", 1, 8),
        ("spin-up", 5, 8),
        ("spin-up", 8, 8),
        ("run", 1, 4),
        ("run", 2, 4),
        ("run", 4, 4),
    ]
    assert log.reached == datetime(2001, 1, 2)
    assert log.is_jules


def test_first_fatal_message_is_reported_and_each_warning_once() -> None:
    log = JulesLog(START, END, 1800.0)
    for line in (
        "[WARNING] init: this",
        "[WARNING] init: this",
        "[FATAL ERROR] file_ncdf_open: no such file",
        "[FATAL ERROR] then: another",
        "Program received signal SIGABRT: Process abort signal.",
    ):
        log.line(line)
    assert log.fatal == "file_ncdf_open: no such file"
    assert log.warnings == ["init: this"]
    assert log.crash is not None
    assert log.crash.startswith("Program received signal SIGABRT")


def test_warning_of_several_lines_is_complete() -> None:
    log = JulesLog(START, END, 43200.0)
    for _ in range(2):
        for line in ("[WARNING] init: this", "  and that", "[INFO] init: done", "text", "[WARNING] init: other"):
            log.line(line)
    assert log.warnings == ["init: this and that", "init: other"]
