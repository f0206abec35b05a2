"""Print the oldest versions of the packages that jules_ml declares, as constraints for pip: ``make test-minimum`` tests with them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_DECLARED = re.compile(r"(?P<name>[A-Za-z0-9_-]+)>=(?P<version>[0-9.]+)(,<[0-9.]+)?")


def main() -> None:
    """Print one constraint for each dependency: the newest patch release of the oldest version that is allowed."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for dependency in project["dependencies"]:
        declared = _DECLARED.fullmatch(dependency)
        if declared is None:
            raise SystemExit(f"pyproject.toml: '{dependency}' is neither name>=version nor name>=version,<version")
        print(f"{declared['name']}=={declared['version']}.*")


if __name__ == "__main__":
    main()
