"""Progress of long work."""

from __future__ import annotations

from helpers.progress import Reports

from jules_ml.support.progress import counted, portion, renamed


def test_a_portion_lies_between_its_ends() -> None:
    reports = Reports()
    for k in range(2):
        inside = portion(reports, 0.5 * k, 0.5 * (k + 1))
        assert inside is not None
        for done in range(1, 4):
            inside("fit", done, 3)
    reports.check("fit")
    assert [done for _, done, _ in reports.reports] == [167, 333, 500, 667, 833, 1000]


def test_a_portion_of_a_portion() -> None:
    reports = Reports()
    inside = portion(portion(reports, 0.2, 0.6), 0.5, 1.0)
    assert inside is not None
    inside("fit", 0, 7)
    inside("fit", 7, 7)
    assert reports.reports == [("fit", 400, 1000), ("fit", 600, 1000)]


def test_stages_take_another_name() -> None:
    reports = Reports()
    for name in ("adapt", "{} 2"):
        inside = renamed(reports, name)
        assert inside is not None
        inside("run", 3, 3)
    reports.check("adapt", "run 2")


def test_steps_are_added_up() -> None:
    reports = Reports()
    count = counted(reports, "run", 10)
    assert count is not None
    for steps in (4, 4, 2):
        count(steps)
    assert reports.reports == [("run", 4, 10), ("run", 8, 10), ("run", 10, 10)]


def test_nothing_is_reported_to_nobody() -> None:
    assert portion(None, 0.0, 1.0) is None
    assert renamed(None, "fit") is None
    assert counted(None, "run", 10) is None
