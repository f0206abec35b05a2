"""Processes that end with the one that started them, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from helpers.interrupted_ensemble import alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")

PROGRAM = """
import os, subprocess, sys, time
from jules_ml.support.descendants import descendant_environment, end_descendants_with_this_process, this_is_a_command
if sys.argv[1] == "command":
    this_is_a_command()
end_descendants_with_this_process()
more = descendant_environment() if sys.argv[1] == "single" else {}
# in a session of its own, as JULES is, and with a child that has no other tie to this process
words = ["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait" if sys.argv[2] == "deaf" else "sleep 60 & echo $!; wait"]
child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | more)
print(child.pid, child.stdout.readline().strip(), flush=True)
time.sleep(60 if sys.argv[2] != "ends" else 0)
"""


def started(*words: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize("kind", ["command", "single"])
@pytest.mark.parametrize("behaviour", ["listens", "deaf", "ends"])
def test_descendants_end_with_their_process(kind: str, behaviour: str) -> None:
    process, descendants = started(kind, behaviour)
    assert len(descendants) == 2
    if behaviour != "ends":
        assert all(map(alive, descendants))
        process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not any(map(alive, descendants)), 30.0)


ORPHAN = """
import os, sys, time
from jules_ml.support.descendants import die_with_parent
parent = os.getpid()
if os.fork() == 0:
    if sys.argv[1] == "dead":
        while os.getppid() == parent:
            time.sleep(0.01)
    die_with_parent(parent)
    print("lives", flush=True)
    os._exit(0)
if sys.argv[1] == "alive":
    os.wait()
"""


@pytest.mark.parametrize(("parent", "expected"), [("alive", "lives"), ("dead", "")])
def test_a_process_whose_parent_died_before_ends_too(parent: str, expected: str) -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN, parent], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == expected


def test_descendants_of_other_programs_live_on() -> None:
    process, descendants = started("library", "ends")
    process.communicate()
    assert all(map(alive, descendants))
    for each in descendants:
        os.kill(each, signal.SIGKILL)
