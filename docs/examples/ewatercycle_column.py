"""The column as a model of eWaterCycle, with the record of its experiment.

Run as ``python ewatercycle_column.py loobos.toml DAYS``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ewatercycle.base.parameter_set import ParameterSet

from jules_ml.frameworks.ewatercycle import JulesSoilColumn

config = Path(sys.argv[1]).resolve()
parameters = ParameterSet(name="loobos", directory=config.parent, config=config, target_model="julessoilcolumn")
model = JulesSoilColumn(parameter_set=parameters, process="local")
experiment, _ = model.setup(cfg_dir="ewatercycle_run")
model.initialize(experiment)
while model.time < model.start_time + float(sys.argv[2]) * 86400.0:
    model.update()
print(model.get_value_as_xarray("t_soil"))
model.finalize()
