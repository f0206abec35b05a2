"""Command line ``jules-ml``, with one module per command.

Exit codes: 0 done, 1 failed, 2 bad input.
"""

from jules_ml.cli import (  # noqa: F401  (each registers its command)
    calibrate,
    compare,
    convert,
    demo,
    doctor,
    ensemble,
    evaluate,
    export,
    fit,
    gather,
    hooks,
    init,
    inspect,
    modules,
    run,
)
from jules_ml.cli.application import app
from jules_ml.cli.signals import stop_on_signals
from jules_ml.support.descendants import this_is_a_command

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of ``jules-ml``."""
    stop_on_signals()
    this_is_a_command()
    app()
