"""The soil column as a component of coupling frameworks: CSDMS's Basic Model Interface.

:class:`SoilColumnBmi` is the column of an experiment, with the learned modules that the experiment names, at one place or at many. Its
weather is that of the experiment's record, or that which other components set.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Hutton et al. (2020), Journal of Open Source Software 5(51), 2317: the Basic Model Interface 2.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from jules_ml.frameworks.coupled import CoupledComponent
from jules_ml.frameworks.setup import read_setup
from jules_ml.frameworks.variables import COLUMN_OUTPUTS, STATE, TEMPERATURE, WATER, WEATHER
from jules_ml.physics.surface import Forcing

__all__ = ["COLUMN_OUTPUTS", "STATE", "TEMPERATURE", "WATER", "WEATHER", "SoilColumnBmi"]


class SoilColumnBmi(CoupledComponent):
    """JULES's soil column with its surface, with the modules that its experiment names, as a component.

    The configuration is an experiment file with ``[soil]``, ``[surface]``, ``[carbon]`` and ``[run]``, and with ``[data]`` unless all
    inputs are coupled. Learned modules of ``[modules]`` replace JULES's forms. ``[component]`` sets the mode:

    - *record*: the record drives all inputs that nobody has set. What has been set keeps its value until it is set again. The run starts
      from the state after ``[run.spin_up]``.
    - *coupled*: there is no record. Every input must be set before each call of :meth:`update` or :meth:`update_until`.
    - *mixed*: this holds for the inputs of a list, and the record drives the others.

    Setting a value, and writing it to the array of :meth:`get_value_ptr`, is the same. Water and temperature of the layers can be set too;
    ice is then in equilibrium with them. Outputs are 0 before the first step, except the state and its wetness.
    """

    variables: ClassVar = {**WEATHER, **STATE, **COLUMN_OUTPUTS}
    _name = "jules_ml soil column"

    def initialize(self, config_file: str) -> None:
        """Read an experiment file, and set up and spin up its columns.

        Parameters
        ----------
        config_file : str
            Experiment file.

        Raises
        ------
        BadInput
            As :func:`~jules_ml.frameworks.setup.read_setup`.
        """
        setup = read_setup(Path(config_file))
        self.begin(setup, setup.column, Forcing)
