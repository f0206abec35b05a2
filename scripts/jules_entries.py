"""Write the table of JULES's namelist entries by version, ``jules_ml/jules/entries.csv``.

Names, types, allowed values and versions are facts that the Rose metadata of JULES states; no text of the metadata is copied. Versions
whose metadata are not in the tree follow from ``scripts/jules_changes.csv``, which lists the entries that upgrade macros add and remove.

    python scripts/jules_entries.py JULES/rose-meta [--changes scripts/jules_changes.csv] [--out jules_ml/jules/entries.csv]
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

#: Versions in the table, in order.
VERSIONS = (*(f"7.{minor}" for minor in range(10)), "8.0", "8.1", "8.2")
COLUMNS = ("group", "entry", "type", "length", "values", "range", "first", "last")
_SECTION = re.compile(r"^\[(!{0,2})namelist:(\w+)(?:=(\w+)(?:\([^)]*\))?)?\]\s*$")

#: Type, length, values and range of an entry.
Facts = tuple[str, str, str, str]
#: Facts by group and entry.
Entries = dict[tuple[str, str], Facts]


def main() -> None:
    """Read the metadata and the changes, and write the table."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meta", type=Path, help="folder rose-meta of a JULES tree")
    parser.add_argument("--changes", type=Path, default=here / "jules_changes.csv")
    parser.add_argument("--out", type=Path, default=here.parent / "jules_ml" / "jules" / "entries.csv")
    arguments = parser.parse_args()
    by_version = all_versions(arguments.meta, arguments.changes)
    rows = table(by_version)
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    for version, entries in by_version.items():
        print(f"{version}: {len(entries)} entries in {len({group for group, _ in entries})} groups", file=sys.stderr)


def all_versions(meta: Path, changes: Path) -> dict[str, Entries]:
    """Return the entries of every version, from the metadata where they exist and otherwise from the changes."""
    with changes.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_version: dict[str, Entries] = {}
    entries: Entries = {}
    for version in VERSIONS:
        conf = meta / "jules-standalone" / f"vn{version}" / "rose-meta.conf"
        if conf.is_file():
            entries = dict(metadata_entries(conf, meta))
        by_version[version] = entries = changed(entries, [row for row in rows if row["version"] == version])
    # members of the code that no metadata list
    for row in rows:
        if row["version"] == "all":
            for entries in by_version.values():
                entries[row["group"], row["entry"]] = facts_of(row)
    return by_version


def changed(entries: Entries, rows: list[dict[str, str]]) -> Entries:
    """Return the entries with those of one version added and removed."""
    result = dict(entries)
    for row in rows:
        key = row["group"], row["entry"]
        if row["change"] == "+":
            result[key] = facts_of(row)
        elif row["entry"]:
            result.pop(key, None)
        else:
            result = {k: v for k, v in result.items() if k[0] != row["group"]}
    return result


def facts_of(row: Mapping[str, str]) -> Facts:
    """Return the facts in a row of the changes."""
    return row["type"], row["length"], row["values"], row["range"]


def metadata_entries(conf: Path, meta: Path) -> Iterator[tuple[tuple[str, str], Facts]]:
    """Yield the entries of a metadata file and of those that it imports; own sections take precedence."""
    sections = read_sections(conf)
    for imported in sections.get("", {}).get("import", "").split():
        source = (meta / imported.removeprefix("../") / "rose-meta.conf").resolve()
        yield from metadata_entries(source, meta)
    for name, section in sections.items():
        match = _SECTION.match(f"[{name}]")
        if match and match[3] and not match[1]:
            yield (match[2].lower(), match[3].lower()), facts(section)


def read_sections(conf: Path) -> dict[str, dict[str, str]]:
    """Read the keys of each section; continuation lines are joined."""
    sections: dict[str, dict[str, str]] = {"": {}}
    section, key = sections[""], ""
    for line in conf.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            section, key = sections.setdefault(line.strip()[1:-1], {}), ""
        elif line[0].isspace() and key:
            section[key] += "\n" + line.strip().removeprefix("=").strip()
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key] = value.strip()
    return sections


def facts(section: Mapping[str, str]) -> Facts:
    """Return type, length, allowed values and range of an entry in the notation of the table."""
    values = [value.strip() for value in section.get("values", "").replace("\n", " ").split(",") if value.strip()]
    kind = section.get("type", "")
    if {value.lower() for value in values} == {".true.", ".false."}:
        kind, values = "logical", []
    if not kind and values:
        kind = "integer" if all(re.fullmatch(r"[-+]?\d+", value) for value in values) else "character"
    kind = {"quoted": "character", "boolean": "logical"}.get(kind, kind)
    if kind not in ("character", "integer", "logical", "real"):
        kind = ""
    limits = section.get("range", "").replace(" ", "")
    limits = "0<" if limits == "this>0" else limits
    if not re.fullmatch(r"0<|[-+.\deE:,]*", limits):
        limits = ""
    words = [value.strip("'\"") for value in values]
    return kind, "list" if section.get("length") else "", "|".join(words), limits


def table(by_version: Mapping[str, Entries]) -> list[tuple[str, ...]]:
    """Return a row for each period of versions in which an entry exists with the same facts."""
    rows = []
    for key in sorted({key for entries in by_version.values() for key in entries}):
        first, current = None, None
        previous = ""
        for version, entries in [*by_version.items(), ("", {})]:
            now = entries.get(key)
            if now != current:
                if current is not None and first is not None:
                    rows.append((*key, *current, first, previous))
                first, current = version, now
            previous = version
    return rows


if __name__ == "__main__":
    main()
