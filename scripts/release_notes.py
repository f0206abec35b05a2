"""Print the section of CHANGELOG.md for a tag, if the version of the package is that of the tag and the section has a date.

Usage: python scripts/release_notes.py v0.1.0
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Heading of a section, such as ``## [0.1.0] - 2026-12-24``.
_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>.+))?$", flags=re.MULTILINE)


def package_version(root: Path = ROOT) -> str:
    """Return the version in ``jules_ml/__init__.py`` without an import of the package."""
    for node in ast.parse((root / "jules_ml" / "__init__.py").read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "__version__"
        ):
            return str(ast.literal_eval(node.value))
    raise SystemExit("jules_ml/__init__.py has no __version__")


def sections(changelog: str) -> dict[str, tuple[str, str]]:
    """Return the date and the text of each version of a changelog."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return {
        heading["version"]: (heading["date"] or "", changelog[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    }


def release_notes(tag: str, root: Path = ROOT) -> str:
    """Return the text of the changelog for a tag; exit where version, changelog and tag do not agree."""
    version = package_version(root)
    if tag != f"v{version}":
        raise SystemExit(f"the tag is {tag}, and the version in jules_ml/__init__.py is {version}")
    date, text = sections((root / "CHANGELOG.md").read_text(encoding="utf-8")).get(version, ("", ""))
    if not text:
        raise SystemExit(f"CHANGELOG.md has no section [{version}]")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        raise SystemExit(f"CHANGELOG.md: give the section [{version}] the date of the release as YYYY-MM-DD")
    return text


if __name__ == "__main__":
    print(release_notes(sys.argv[1]))
