"""The command line: it reads what was typed, calls, and prints. Each command is one function of another module, a file each.

Exit codes: 0 done, 1 failed, 2 bad input.
"""

from jules_ml.cli import calibrate, compare, demo, ensemble, evaluate, export, fit, hooks, init, run  # noqa: F401  (each adds its command)
from jules_ml.cli.application import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of ``jules-ml``."""
    app()
