"""Learned modules in the model, on times that they were not fitted to: the swap has to make the run better.

- Night respiration in the column, the base rate of every form fitted to the training period: US-Hn1 by four folds of two-month blocks,
  CH-Dav fitted to 2013-2020. Beside it the curves fitted to sensors, and baselines on the state of the column.

- The swap in a real JULES at Loobos, by hooks and by namelist, with curves and base rate from another forest. Without the variable
  JULES_BUILD_DIR, the folder of an FCM build of JULES 7.6, this part is not measured.

Soil moisture with calibrated soil is in ``in_model_theta.py``. The record of CH-Dav is that of ``jules-ml demo``, from the user's cache or
downloaded.

Run as ``python benchmarks/in_model.py [--quick]``; it takes about ten minutes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from _claims import Claims, argument_parser
from _in_model_loobos import loobos_claims
from _in_model_nights import night_claims


def main() -> int:
    """Run the benchmark; exit code 1 if a claim is missed."""
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("in_model", quick=arguments.quick)
    night_claims(claims, arguments.data, quick=arguments.quick)
    build = os.environ.get("JULES_BUILD_DIR")
    loobos_claims(claims, arguments.data, None if build is None or arguments.quick else Path(build))
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
