"""Phrases that the documentation, help texts, messages and docstrings avoid, each with the standard term."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.paths import REPOSITORY

#: Patterns of banned phrases, matched as whole words in any case and across line ends, with the term to use.
BANNED = {
    r"(?:taken|takes?|took|taking) apart": "disaggregated, split",
    r"parted into": "partitioned into",
    r"what stands in for": "gap-filling, substitution",
    r"mean diurnal course": "mean diurnal variation",
    r"foretold|foretells?|foretelling": "predicted",
    r"taught": "trained on, fitted to",
    r"tells? of": "contains, indicates",
    r"an? made (?:one|site|record|series|tower)|made (?:sites|towers|records|series)": "synthetic",
    r"found again|finds? again": "recovered",
    r"stands? twice": "is a duplicate",
    r"goes before (?:it|them|the)": "takes precedence over",
    r"counts? as none": "convergence tolerance",
    r"(?:lies|lie) too far to the (?:wet|dry) side": "is biased towards saturation",
    r"a factor of moisture|factor of temperature": "moisture modifier, temperature modifier",
    r"pass(?:es)? over (?:to|into)": "is blended into",
    r"shares? of": "fraction of",
    r"of a class, another object is asked": "a second object is used",
    r"said of|said_of|say_\w+": "message, note, warning",
    r"whole file|ready folder": "atomic write, writable output folder",
    r"mended|mends": "fixed",
    r"(?:is|are|too|and) dear": "expensive",
    r"for want of": "because … is missing",
    r"nobody knows|no one knows": "unknown",
    r"without a word": "silently",
    r"knows? nothing (?:of|about)": "does not depend on, does not contain",
    r"must be told": "needs",
    r"comes? round": "returns, converges",
    r"a soil of its own|soils of their own": "its own soil",
    r"brings no": "has no",
    r"anew": "again",
    r"told (?:from|by)": "distinguished from, shown by",
    r"who holds that": "state the result without a remark to the reader",
    r"handed over": "passed to, exported, used",
    r"in company": "among others",
    r"to their ends?": "run to completion",
    r"comes? near": "approaches, is close to",
    r"blind to": "independent of",
    r"tried and left": "tried and rejected",
    r"how choices were made|choices were made by": "choices used these data",
}
SUFFIXES = {".md", ".py", ".F90", ".f90", ".nml", ".toml", ".cylc", ".conf", ".html", ".txt"}
FOLDERS = ("docs", "jules_ml", "fortran_bridge", "namelists")
FILES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for name in FOLDERS for path in (REPOSITORY / name).rglob("*") if path.suffix in SUFFIXES),
]
PATTERN = re.compile(
    "|".join(rf"\b(?:{phrase})\b".replace(" ", r"(?:\s|#|!|\*)+") for phrase in BANNED), flags=re.IGNORECASE
)


def banned_phrases(text: str) -> list[str]:
    """Banned phrases of a text, each with its line number."""
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {' '.join(match[0].split())}"
        for match in PATTERN.finditer(text)
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *FOLDERS])
def test_no_banned_phrase(name: str) -> None:
    phrases = {
        str(path.relative_to(REPOSITORY)): lines
        for path in FILES
        if path.relative_to(REPOSITORY).parts[0] == name
        and (lines := banned_phrases(Path(path).read_text(encoding="utf-8")))
    }
    assert not phrases


@pytest.mark.parametrize(
    "text",
    ["the soil is\n# mended", "A share of trees", "It is Found again.", "its curve passes over\n    to the prior"],
)
def test_a_banned_phrase_is_found_across_lines(text: str) -> None:
    assert len(banned_phrases(text)) == 1


@pytest.mark.parametrize("text", ["recommended", "shared data", "the site dataset's names", "hydrology/asked_of.py"])
def test_other_words_are_not_banned(text: str) -> None:
    assert not banned_phrases(text)
