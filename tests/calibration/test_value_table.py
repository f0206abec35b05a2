"""Table of fitted values."""

from __future__ import annotations

from jules_ml.calibration.value_table import HEADERS, value_table


def test_layers_with_the_same_values_share_a_row() -> None:
    same = {"site": "one", "prior": 4.0, "fitted": 5.9876, "fitted_interval": [5.5, 6.5], "prior_interval": [2.0, 8.0]}
    parameters = [
        {"parameter": "b", "units": "1", "values": [same | {"layer": 1}, same | {"layer": 2}]},
        {"parameter": "lai", "units": "1", "values": [same | {"type": "c3_grass", "fitted": 2.5}]},
        {"parameter": "cs", "units": "kg m-2", "values": [same]},
    ]
    rows = value_table(parameters)
    assert rows == [
        ("b", "one", "1, 2", "1", "4", "5.988", "5.5 to 6.5"),
        ("lai", "one", "c3_grass", "1", "4", "2.5", "5.5 to 6.5"),
        ("cs", "one", "", "kg m-2", "4", "5.988", "5.5 to 6.5"),
    ]
    assert {len(row) for row in rows} == {len(HEADERS)}
