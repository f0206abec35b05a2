"""Mean gain over units, and its standard error."""

import numpy as np
import pytest

from jules_ml.scoring.margin import mean_gain


def test_a_gain_has_the_standard_error_of_its_mean() -> None:
    gains = np.array([1.0, 2.0, 3.0, 6.0])
    mean, standard_error = mean_gain(gains)
    assert mean == 3.0
    assert standard_error == pytest.approx(np.std(gains, ddof=1) / 2.0)


def test_fewer_than_two_units_tell_nothing() -> None:
    assert mean_gain(np.array([1.0])) == (1.0, np.inf)
    assert mean_gain(np.zeros(0)) == (0.0, np.inf)
