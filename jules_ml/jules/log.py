"""Log of a JULES run: progress, warnings and the reason of a failure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from jules_ml.jules.moments import Moment, parse_moment
from jules_ml.support.progress import Progress

_STEP = re.compile(r"Timestep: *(\d+); *Started at: *(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_CYCLE = re.compile(r"Spinup cycle: *(\d+)")
_FATAL = re.compile(r"\[FATAL ERROR\]\s*(.*)")
#: Messages of the runtimes of gfortran, Intel, NAG and Cray when a program crashes.
_CRASH = re.compile(
    r"(Program received signal|Backtrace for this error|forrtl: severe|Fortran runtime error|Segmentation fault"
    r"|No space left on device|lib-\d+ : UNRECOVERABLE|Runtime Error: )"
)
_TAG = re.compile(r"\[(INFO|WARNING|ERROR|FATAL ERROR|DEBUG)\]")
_WARNING = re.compile(r"\[(?:WARNING|ERROR)\]\s*(.*)")
#: Message of JULES 7.0 to 8.2 at the end of the main run.
_END = re.compile(r"\[INFO\] jules: Run completed successfully")
#: Message of the hooks before the first step.
_HOOKS = re.compile(r"\bjules_ml: (?:hooks on: *(.*)|hooks are linked and off)")


@dataclass
class JulesLog:
    """Parser of the log of a run, line by line.

    Attributes
    ----------
    start, end : Moment
        Main run.
    timestep : float
        [s].
    spin_up : tuple of Moment, optional
        Start and end of one cycle of spin-up.
    cycles : int
        Maximum number of spin-up cycles.
    progress : callable, optional
        Called for every step that JULES reports.
    calendar : str
        Calendar of the run; see :func:`~jules_ml.jules.moments.calendar_of_run`.
    reached : Moment or None
        Model time of the last step reported, in UTC.
    fatal : str or None
        The first fatal message.
    crash : str or None
        First message of the compiler's runtime about a crash.
    warnings : list of str
        Warnings and non-fatal errors of JULES, without duplicates.
    is_jules : bool
        Whether any line has the format of JULES's log.
    finished : bool
        Whether JULES has reported the end of the main run.
    hooks : str or None
        Hooks that are on, in the words of the hooks' own message; empty if they are linked and off; None without that message.
    expects_hooks : bool
        Whether hooks are to be on in this run.
    """

    start: Moment
    end: Moment
    timestep: float
    spin_up: tuple[Moment, Moment] | None = None
    cycles: int = 0
    progress: Progress | None = None
    calendar: str = "standard"
    reached: Moment | None = None
    fatal: str | None = None
    crash: str | None = None
    warnings: list[str] = field(default_factory=list)
    is_jules: bool = False
    finished: bool = False
    hooks: str | None = None
    expects_hooks: bool = False
    _first_step: int | None = None
    _stepped: bool = False
    _pending: Moment | None = None
    _spinning: bool = False
    _warning_open: bool = False

    def line(self, text: str) -> None:
        """Parse one line of the log."""
        if not self.is_jules and _TAG.search(text):
            self.is_jules = True
        if step := _STEP.search(text):
            self._flush()
            self._pending = self._moment(step[2])
            self._first_step = int(step[1]) if self._first_step is None else self._first_step
            self._stepped = self._stepped or int(step[1]) > self._first_step
        elif cycle := _CYCLE.search(text):
            # the line after that of a step shows that the step belongs to spin-up
            self._report_spin_up(int(cycle[1]))
        elif fatal := _FATAL.search(text):
            self.fatal = self.fatal or fatal[1].strip()
        elif _CRASH.search(text):
            self.crash = self.crash or text.strip()
        elif hooks := _HOOKS.search(text):
            self.hooks = self.hooks or (hooks[1] or "").strip()
        elif _END.search(text):
            self.finished = True
        elif warning := _WARNING.search(text):
            self._warn(warning[1].strip())
            return
        elif self._warning_open and text.strip() and not _TAG.search(text):
            # a message of several lines
            self.warnings[-1] += f" {text.strip()}"
            return
        self._warning_open = False

    def _warn(self, warning: str) -> None:
        """Add a warning that is new; its further lines may follow."""
        self._warning_open = not any(old == warning or old.startswith(f"{warning} ") for old in self.warnings)
        if self._warning_open:
            self.warnings.append(warning)

    @property
    def lacks_hooks(self) -> bool:
        """Whether JULES has gone through steps without the hooks that this run needs."""
        # a rank may report the first step before another one reports the hooks: judge at the next report of a step
        return self.expects_hooks and not self.hooks and (self._stepped or self.finished)

    def close(self, *, done: bool) -> None:
        """Report the last step at the end of the run; ``done`` is whether the run succeeded."""
        self._flush()
        if done and self.progress is not None:
            total = self._steps(self.start, self.end)
            self.progress("run", total, total)

    def _moment(self, text: str) -> Moment | None:
        try:
            return parse_moment(text, self.calendar)
        except ValueError:  # the progress of a run is no reason to stop it
            return None

    def _flush(self) -> None:
        moment, self._pending = self._pending, None
        if moment is None:
            return
        self.reached = moment
        if self.progress is not None:
            if self._spinning and self.spin_up is not None:
                self._spinning = False
                total = self._steps(*self.spin_up) * self.cycles
                self.progress("spin-up", total, total)
            self.progress("run", max(self._steps(self.start, moment), 0), self._steps(self.start, self.end))

    def _report_spin_up(self, cycle: int) -> None:
        moment, self._pending = self._pending, None
        if moment is None or self.spin_up is None:
            return
        self.reached, self._spinning = moment, True
        if self.progress is not None:
            length = self._steps(*self.spin_up)
            done = (cycle - 1) * length + self._steps(self.spin_up[0], moment)
            self.progress("spin-up", done, length * max(self.cycles, cycle))

    def _steps(self, start: Moment, end: Moment) -> int:
        return int((end - start) / timedelta(seconds=self.timestep))
