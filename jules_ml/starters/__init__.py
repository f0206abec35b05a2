"""Starters: complete experiments for the files of a user, with comments on each line that may be changed."""

from jules_ml.starters.start import start
from jules_ml.starters.starter import Hints, Written, n_lines

__all__ = ["Hints", "Written", "n_lines", "start"]
