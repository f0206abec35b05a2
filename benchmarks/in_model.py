"""Learned modules in the model, on times that they were not fitted to: the swap has to make the run better.

- Night respiration in the column, the base rate of every form fitted to the training period: US-Hn1 by four folds of two-month blocks,
  CH-Dav fitted to 2013-2020. Beside it the curves fitted to sensors, and baselines on the state of the column.

The record of CH-Dav is that of ``jules-ml demo``, from the user's cache or downloaded.

Run as ``python benchmarks/in_model.py [--quick]``.
"""

from __future__ import annotations

import sys

import torch
from _claims import Claims, argument_parser


def main() -> int:
    """Run the benchmark; exit code 1 if a claim is missed."""
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("in_model", quick=arguments.quick)
    from _in_model_nights import night_claims

    night_claims(claims, arguments.data, quick=arguments.quick)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
