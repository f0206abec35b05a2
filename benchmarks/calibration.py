"""Calibration of the column: known parameters recovered, and NEON towers fitted on the first halves of their records.

Run as ``python benchmarks/calibration.py [--quick]``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from _calibration_neon import neon_claims
from _calibration_twin import twin_claims
from _claims import Claims, argument_parser


def main() -> int:
    """Run the benchmark; exit code 1 if a claim is missed."""
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("calibration", quick=arguments.quick)
    for make in (twin_claims, neon_claims):
        with tempfile.TemporaryDirectory() as folder:
            make(claims, arguments.data, Path(folder), quick=arguments.quick)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
