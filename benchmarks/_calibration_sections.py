"""Sections ``[calibration]`` of the benchmark."""

from __future__ import annotations

import pandas as pd

#: Fitted parameters of a tower: name, further keys, and the factor of the width of the prior.
_HORIZONS = ("[1, 2]", "[3, 4]")
_TOWER = (
    *(
        (name, f'separate = ["site"]\nlayers = {layers}')
        for name in ("b", "sathh", "satcon", "sm_sat", "theta_r")
        for layers in _HORIZONS
    ),
    *(
        (name, 'separate = ["site"]')
        for name in ("hcap", "hcon", "albsoil", "lai", "rootd_ft", "albsnf_max", "dz0v_dh", "nl0")
    ),
)


def calibration_section(
    width: float, temperature_error: float, *, fit_end: pd.Timestamp, method: str, iterations: int
) -> str:
    """Section of a tower, with an error of soil temperature [K]; ``SITES`` stands for the list of the other files."""
    parameters = "".join(
        f'[[calibration.parameters]]\nname = "{name}"\nprior_sd = {width}\n{keys}\n' for name, keys in _TOWER
    )
    return (
        f'[calibration]\nsites = SITES\nmethod = "{method}"\niterations = {iterations}\nstress_points = "curve"\n'
        f"fit_end = {fit_end:%Y-%m-%dT%H:%M:%S}\nsegment_days = 30\n{parameters}"
        '[[calibration.observations]]\nvariable = "theta"\nerror = 0.03\ndeep_offset = 0.1\n'
        '[[calibration.observations]]\nvariable = "t_soil"\n'
        f"error = {temperature_error}\n"
    )
