"""The script that writes the table of namelist entries, with metadata of three versions."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from helpers.paths import REPOSITORY

FIRST = """\
import=jules-shared/soil/vn7.0

[namelist:one=switch]
compulsory=true
values=.true.,.false.

[namelist:one=old]
length=:
range=0:1
type=real

[!!namelist:one=ignored]
type=real
"""
SHARED = """\
[namelist:two=option]
description=of a trap,
           =range=9:9
values=1,2,
      =3
"""
CHANGES = """\
version,change,group,entry,type,length,values,range
7.2,-,two,,,,,
7.3,+,one,added,integer,,0|1,
all,+,three,code_only,character,,,
"""


def test_table_follows_metadata_and_changes(tmp_path: Path) -> None:
    meta = tmp_path / "rose-meta"
    for folder, text in (
        ("jules-standalone/vn7.0", FIRST),
        ("jules-standalone/vn7.1", FIRST.replace("=old]", "=new]")),
        ("jules-shared/soil/vn7.0", SHARED),
    ):
        (meta / folder).mkdir(parents=True)
        (meta / folder / "rose-meta.conf").write_text(text, encoding="ascii")
    (tmp_path / "changes.csv").write_text(CHANGES, encoding="ascii")
    script, out = REPOSITORY / "scripts" / "jules_entries.py", tmp_path / "entries.csv"
    arguments = [str(meta), "--changes", str(tmp_path / "changes.csv"), "--out", str(out)]
    subprocess.run([sys.executable, str(script), *arguments], check=True, capture_output=True)
    with out.open(encoding="utf-8") as file:
        rows = {(row["group"], row["entry"]): row for row in csv.DictReader(file)}
    facts = {key: (*list(row.values())[2:6], row["first"], row["last"]) for key, row in rows.items()}
    assert facts == {
        ("one", "switch"): ("logical", "", "", "", "7.0", "8.2"),
        ("one", "old"): ("real", "list", "", "0:1", "7.0", "7.0"),
        ("one", "new"): ("real", "list", "", "0:1", "7.1", "8.2"),
        ("one", "added"): ("integer", "", "0|1", "", "7.3", "8.2"),
        ("two", "option"): ("integer", "", "1|2|3", "", "7.0", "7.1"),
        ("three", "code_only"): ("character", "", "", "", "7.0", "8.2"),
    }
