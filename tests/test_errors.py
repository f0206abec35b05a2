"""Exceptions of the package."""

from __future__ import annotations

import pickle

from jules_ml.errors import BadInput


def test_an_error_returns_from_a_worker_process() -> None:
    error = BadInput("there are no days", where="site.csv", remedy="give a longer record")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problem, again.where, again.remedy) == (
        str(error),
        error.problem,
        error.where,
        error.remedy,
    )
