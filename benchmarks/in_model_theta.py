"""Soil moisture in the model: the soil of each site calibrated on the first half of its record, and the column scored on the second half.

Eleven NEON towers (stock soil: Rosetta), CH-Dav and US-Hn1 (HYPRES). The record of CH-Dav is that of ``jules-ml demo``, from the user's
cache or downloaded.

Run as ``python benchmarks/in_model_theta.py [--quick]``; it takes about half an hour on two cores.
"""

from __future__ import annotations

import sys

import torch
from _claims import Claims, argument_parser
from _in_model_theta import theta_claims


def main() -> int:
    """Run the benchmark; exit code 1 if a claim is missed."""
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("in_model_theta", quick=arguments.quick)
    theta_claims(claims, arguments.data, quick=arguments.quick)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
