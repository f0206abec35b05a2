"""Networks of torch that the native backend cannot evaluate: the callable for the hook of respiration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput

Array = NDArray[Any]


class NetworkModifiers:
    """Moisture and temperature modifiers of an exported network, as the native backend evaluates dense networks.

    Parameters
    ----------
    description, exported : Path
        Files of :func:`~jules_ml.jules.net_backend.write_respiration_net`.
    """

    def __init__(self, description: Path, exported: Path) -> None:
        self.description = description
        settings = json.loads(description.read_text(encoding="utf-8"))
        self.inputs, self.outputs = settings["inputs"], settings["outputs"]
        self.clamp = settings["outside"] == "clamp"
        self.net = torch.export.load(exported).module()

    def __call__(
        self,
        *,
        sthu: Array,
        sthf: Array,
        v_sat: Array,
        v_wilt: Array,
        t_soil: Array,
        l_soil_point: Array,
        v_crit: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return f and g [1] of shape (sm_levels, land_pts); g is 1 if the output of the network is their product.

        Raises
        ------
        BadInput
            If the network has the input ``v_crit``, and there is none.
        """
        columns = {
            "sthu": sthu,
            "sthf": sthf,
            "sthu+sthf": sthu + sthf,
            "theta": sthu * v_sat,
            "v_sat": v_sat,
            "v_wilt": v_wilt,
            "t_soil": t_soil,
        }
        if v_crit is not None:
            columns["v_crit"] = v_crit
        elif any(item["name"] == "v_crit" for item in self.inputs):
            raise BadInput(
                "the network has the input v_crit, which JULES does not pass",
                where=self.description,
                remedy="use JULES 8.2, or run JULES with one soil tile and calls of microbe with all points",
            )
        where = np.broadcast_to(l_soil_point, sthu.shape)
        features = np.stack([self._scaled(item, columns[item["name"]][where]) for item in self.inputs], axis=-1)
        with torch.no_grad():
            result = self.net(torch.from_numpy(features.astype(np.float32))).numpy()
        f, g = np.ones_like(sthu), np.ones_like(sthu)
        for column, output in enumerate(self.outputs):
            (g if output == "ftemp" else f)[where] = np.maximum(result[:, column], 0.0)
        return f, g

    def _scaled(self, item: dict[str, Any], x: Array) -> Array:
        if self.clamp:
            x = np.clip(x, item["seen_min"], item["seen_max"])
        return np.asarray((x - item["offset"]) / item["scale"])
