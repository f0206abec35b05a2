"""Interrupted commands: killed at seeded random moments, stopped, and run on a full disk.

Each command replaces an earlier result of another variant of its experiment. After a kill, its folder is the whole old one or the whole new
one, none of its processes lives, and the next command succeeds and leaves no temporary folder. An ensemble loses its manager, a worker or a
rank, and the same command completes it: no member that was done is lost or run again. On a full disk a command fails with a clear message.

Of ten interruptions, eight are SIGKILL, one SIGTERM and one Ctrl-C (SIGINT); six are spread over the life of the command, and four over its
last part, in which it writes.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path

from _claims import Claims, argument_parser
from _ensemble import MPI_ENVIRONMENT, mpiexec
from _interrupted_inputs import write_daily_sites, write_towers
from _interruptions import Command, Subject, fill, import_everything, on_small_disk, run, snapshot, temporary

#: Signals of ten interruptions.
SIGNALS = [signal.SIGKILL] * 3 + [signal.SIGTERM] + [signal.SIGKILL] * 3 + [signal.SIGINT] + [signal.SIGKILL] * 2
#: Part of the life of a command in which it writes.
WRITING = 0.75
MEMBERS = 12
#: Time after which a shortened run starts nothing more [s].
QUICK_SECONDS = 35.0
DISK_MEGABYTES = 24


def subjects(folder: Path, *, quick: bool) -> list[Subject]:
    """Commands that replace a folder."""

    def both(*words: str) -> dict[str, list[str]]:
        return {v: [word.replace("?", v) for word in words] for v in ("a", "b")}

    towers = [f"{folder}/tower_?.toml", f"{folder}/other_?.toml"]
    sites = [f"{folder}/site{k:02d}_?.toml" for k in range(9)]
    every = [
        Subject("run", both("run", f"{folder}/run_?.toml", "--out", "OUT")),
        Subject("fit respiration", both("fit", "respiration", f"{folder}/long_?.toml", "--out", "OUT")),
        Subject("fit moisture", both("fit", "moisture", sites[0], "--out", "OUT")),
        Subject("fit hydraulics", both("fit", "hydraulics", *towers, "--out", "OUT")),
        Subject("fit carbon", both("fit", "carbon", *sites, "--out", "OUT")),
        Subject("export", both("export", f"{folder}/curves_?", "--to", "curves", "--out", "OUT")),
    ]
    return every[:1] if quick else every


def moment(generator: random.Random, number: int, total: int) -> float:
    """Moment of an interruption as a fraction of the life of a command."""
    spread = max(round(0.6 * total), 1)
    if number < spread:
        return (number + generator.random()) / spread
    return WRITING + (1.0 - WRITING) * (number - spread + generator.random()) / max(total - spread, 1)


def interrupt(subject: Subject, folder: Path, generator: random.Random, kills: int) -> Counter[str]:
    """Interrupt a command again and again, and count what is found."""
    out = folder / subject.name.replace(" ", "_")
    run(subject.arguments("a", out), folder)
    present, found, late = "a", Counter[str](), 0
    while found["hit"] < kills and late < kills:
        number = found["hit"]
        variant = "b" if present == "a" else "a"
        before = snapshot(out)
        command = Command.start(subject.arguments(variant, out), folder)
        # earlier after each command that ended before its moment
        if command.wait(subject.seconds * 0.9**late * moment(generator, number, kills)) is None:
            found["hit"] += kill_one([command.process], generator, SIGNALS[number % len(SIGNALS)])
            command.wait()
        else:
            late += 1
        found["orphans"] += command.orphans()
        state = subject.state(out, before, variant)
        if state not in ("old", "new"):
            print(f"  {subject.name}: {state}", flush=True)
        found[state.partition(":")[0]] += 1
        present = variant if state == "new" else present
    run(subject.arguments("b" if present == "a" else "a", out), folder)
    found["temporary"] += len(temporary(folder))
    return found


def check_replaced(claims: Claims, subject: Subject, folder: Path, generator: random.Random, kills: int) -> None:
    """Check the kills of a command that replaces its folder."""
    found = interrupt(subject, folder, generator, kills)
    broken = found["mixed"] + found["damaged"]
    note = f"{found['old']} old, {found['new']} new; {subject.seconds:.1f} s uninterrupted"
    claims.check(f"{subject.name}: kills", found["hit"], ">=", kills, note=note)
    claims.check(f"{subject.name}: mixed or damaged folders", broken, "<=", 0)
    claims.check(f"{subject.name}: orphans", found["orphans"], "<=", 0)
    claims.check(f"{subject.name}: temporary folders after the next command", found["temporary"], "<=", 0)


def members_done(out: Path) -> dict[str, int]:
    """Time of the status of each member that is done."""
    paths = (out / "members").glob("*/status.json")
    return {p.parent.name: p.stat().st_mtime_ns for p in paths if '"done"' in p.read_text(encoding="utf-8")}


def until_done(out: Path, least: int, command: Command) -> None:
    """Wait until some members are done, or the command has ended."""
    while len(members_done(out)) < least and command.wait(0.0) is None:
        time.sleep(0.01)


def kill_one(processes: list[int], generator: random.Random, number: int = signal.SIGKILL) -> int:
    """Send a signal to one of the processes; return the number of those that it reached."""
    if not processes:
        return 0
    try:
        os.kill(generator.choice(processes), number)
    except ProcessLookupError:
        return 0
    return 1


def check_ensemble(claims: Claims, folder: Path, generator: random.Random, kills: int, victim: str) -> None:
    """Kill the manager or a worker of an ensemble; the same command then completes it."""
    words = ["ensemble", f"{folder}/ensemble_a.toml", "--workers", "2", "--out"]
    found: Counter[str] = Counter()
    for number in range(kills):
        out = folder / f"ensemble_{victim}_{number}"
        command = Command.start([*words, str(out)], folder)
        if victim == "manager":
            # the last kills reach it while it writes the results
            until_done(out, min(number * (MEMBERS + 3) // kills, MEMBERS), command)
            command.wait(0.4 * generator.random())
        else:
            until_done(out, generator.randrange(1, MEMBERS - 3), command)
        chosen = [command.process] if victim == "manager" else command.workers()
        found["hit"] += kill_one(chosen, generator) if command.status is None else 0
        complete(command, [*words, str(out)], folder, out, found)
    report_ensemble(claims, f"ensemble, {victim}", kills, found)


def complete(command: Command, words: list[str], folder: Path, out: Path, found: Counter[str]) -> None:
    """Wait for a command of an ensemble that lost a process, which the manager may replace; complete the ensemble, and count."""
    command.wait()
    found["orphans"] += command.orphans()
    found["done"] += len(before := members_done(out))
    run(words, folder)
    after = members_done(out)
    found["lost"] += MEMBERS - len(after)
    found["repeated"] += sum(after.get(member) != written for member, written in before.items())
    found["temporary"] += len(temporary(out))
    shutil.rmtree(out)


def check_ranks(claims: Claims, folder: Path, generator: random.Random, kills: int) -> None:
    """Kill a rank of an ensemble under mpiexec; the same command then completes it."""
    launcher = mpiexec()
    if launcher is None:
        claims.not_measured("ensemble, rank", why="mpi4py and its mpiexec are not installed")
        return
    program = "from jules_ml.cli import main; main()"
    words = ["ensemble", f"{folder}/ensemble_a.toml", "--quiet", "--out"]
    environment = os.environ | MPI_ENVIRONMENT
    found: Counter[str] = Counter()
    for number in range(kills):
        out = folder / f"ensemble_rank_{number}"
        launched = [str(launcher), "-n", "2", sys.executable, "-c", program, *words, str(out)]
        process = subprocess.Popen(
            launched, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        command = Command(process.pid, folder / "printed-rank")
        until_done(out, generator.randrange(1, MEMBERS - 3), command)
        found["hit"] += kill_one([each for each in command.family() if _runs(each, program)], generator)
        complete(command, [*words, str(out)], folder, out, found)
    report_ensemble(claims, "ensemble, rank", kills, found)


def _runs(process: int, program: str) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return program.encode() in words and words[0].endswith(Path(sys.executable).name.encode())


def report_ensemble(claims: Claims, name: str, kills: int, found: Counter[str]) -> None:
    """Check what was found of the kills of an ensemble."""
    claims.check(f"{name}: kills", found["hit"], ">=", kills, note=f"{found['done']} members were done before")
    claims.check(f"{name}: members lost", found["lost"], "<=", 0)
    claims.check(f"{name}: members that were done and run again", found["repeated"], "<=", 0)
    claims.check(f"{name}: orphans", found["orphans"], "<=", 0)
    claims.check(f"{name}: temporary folders after the next command", found["temporary"], "<=", 0)


def full_disk(subject: Subject, folder: Path, generator: random.Random) -> dict[str, str] | None:
    """Run a command on a disk that is full before it ends, and again when there is space."""
    spare = generator.randrange(0, 24) * 1024

    def work(disk: Path) -> dict[str, str]:
        out = disk / subject.name.replace(" ", "_")
        run(subject.arguments("a", out), folder)
        before, filler = snapshot(out), fill(disk, spare=spare)
        command = Command.start(subject.arguments("b", out), folder)
        status, printed = command.wait(), command.printed
        state = subject.state(out, before, "b")
        clear = re.search(r"Failed: .*(disk is full|No space left)", printed.replace("\n", " ")) is not None
        filler.unlink()
        left = len(temporary(disk))
        run(subject.arguments("b", out), folder)
        return {
            "status": str(status),
            "clear": str(clear and "Traceback" not in printed),
            "state": state,
            "left": str(left),
            "printed": printed[-600:],
        }

    return on_small_disk(folder, DISK_MEGABYTES, work)


def check_full_disk(claims: Claims, subject: Subject, folder: Path, generator: random.Random) -> None:
    """Check that a full disk is a clear error that leaves the earlier folder whole."""
    found = full_disk(subject, folder, generator)
    name = f"{subject.name}: clear failure on a full disk, old folder whole"
    if found is None:
        claims.not_measured(name, why="this system lets nobody mount a file system")
        return
    good = (found["status"], found["clear"], found["state"], found["left"]) == ("1", "True", "old", "0")
    if not good:
        print(f"  {found}", flush=True)
    claims.check(name, float(good), ">=", 1.0)


def ensemble_on_full_disk(claims: Claims, folder: Path) -> None:
    """Check an ensemble whose disk is full before its members are done, and one whose disk is full before its results are written."""
    for when, spare in (("members", 96 * 1024), ("results", 160 * 1024)):
        check_ensemble_on_full_disk(claims, folder, when, spare)


def check_ensemble_on_full_disk(claims: Claims, folder: Path, when: str, spare: int) -> None:
    """Check an ensemble whose disk has ``spare`` bytes."""
    words = ["ensemble", f"{folder}/ensemble_a.toml", "--out"]

    def work(disk: Path) -> dict[str, str]:
        filler = fill(disk, spare=spare)
        command = Command.start([*words, str(disk / "out")], folder)
        status, printed, before = command.wait(), command.printed, members_done(disk / "out")
        filler.unlink()
        run([*words, str(disk / "out")], folder)
        after = members_done(disk / "out")
        kept = all(after.get(member) == written for member, written in before.items())
        clear = "Failed:" in printed and "Traceback" not in printed and "free disk space" in printed.replace("\n", " ")
        return {"good": str(status == 1 and clear and kept and len(after) == MEMBERS), "printed": printed[-600:]}

    found = on_small_disk(folder, DISK_MEGABYTES, work)
    name = f"ensemble: full disk, clear failure, no member lost ({when})"
    if found is None:
        claims.not_measured(name, why="this system lets nobody mount a file system")
        return
    if found["good"] != "True":
        print(f"  {found}", flush=True)
    claims.check(name, float(found["good"] == "True"), ">=", 1.0)


def main() -> int:
    """Run the benchmark."""
    parser = argument_parser(__doc__)
    parser.add_argument("--kills", type=int, default=10, help="interruptions of each command")
    parser.add_argument(
        "--only", default="", help="measure commands whose names start with this, and keep the other results"
    )
    options = parser.parse_args()
    claims = Claims("interruptions", quick=options.quick or options.kills < 10)
    if options.only:
        claims.keep_others(options.only)
    kills = 3 if options.quick else options.kills
    generator = random.Random(11)
    began = time.monotonic()
    import_everything()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_towers(folder)
        chosen = [s for s in subjects(folder, quick=options.quick) if s.name.startswith(options.only)]
        if any(subject.name.startswith(("fit", "export")) for subject in chosen):
            write_daily_sites(folder)
        if any(subject.name == "export" for subject in chosen):
            prepare(folder)
        for subject in chosen:
            place = folder / "work"
            place.mkdir()
            subject.measure(place)
            check_replaced(claims, subject, place, generator, kills)
            check_full_disk(claims, subject, folder, generator)
            shutil.rmtree(place)
        check_ensembles(claims, folder, generator, kills, options, began=began)
    return claims.finish()


def check_ensembles(
    claims: Claims, folder: Path, generator: random.Random, kills: int, options: Namespace, *, began: float
) -> None:
    """Check kills of the manager, a worker and a rank, and a full disk."""
    if options.quick:
        if time.monotonic() - began < QUICK_SECONDS:
            check_ensemble(claims, folder, generator, 1, "manager")
        return
    for victim in ("manager", "worker"):
        if f"ensemble, {victim}".startswith(options.only):
            check_ensemble(claims, folder, generator, kills, victim)
    if "ensemble, rank".startswith(options.only):
        check_ranks(claims, folder, generator, kills)
    if "ensemble: full disk".startswith(options.only):
        ensemble_on_full_disk(claims, folder)


def prepare(folder: Path) -> None:
    """Write the modules that are exported, in both variants."""
    for variant in ("a", "b"):
        words = ["fit", "respiration", f"{folder}/long_{variant}.toml", "--out", str(folder / f"curves_{variant}")]
        run(words, folder)


if __name__ == "__main__":
    sys.exit(main())
