"""Networks of torch that the native backend cannot evaluate: the callable for the hook of respiration."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jules_ml.errors import BadInput

Array = NDArray[Any]


class _Input(BaseModel):
    """Input of the network, see :class:`~jules_ml.jules.net_files.NetInput`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    name: Literal["sthu", "sthf", "sthu+sthf", "theta", "v_sat", "v_crit", "v_wilt", "t_soil"]
    seen_min: float
    seen_max: float
    offset: float
    scale: Annotated[float, Field(gt=0.0)]


class _Description(BaseModel):
    """Description of the network; files of earlier versions have no checksum."""

    model_config = ConfigDict(strict=True)

    inputs: Annotated[list[_Input], Field(min_length=1)]
    outputs: Annotated[list[Literal["fsth", "ftemp", "joint"]], Field(min_length=1, max_length=2)]
    outside: Literal["clamp", "extend"]
    sha256: str | None = None


def _read(description: Path) -> _Description:
    try:
        return _Description.model_validate_json(description.read_bytes())
    except (OSError, ValueError) as error:
        detail = error.errors()[0] if isinstance(error, ValidationError) else None
        reason = str(error) if detail is None else f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
        raise BadInput(
            f"the file is no description of a network ({reason})", where=description, remedy="write the network again"
        ) from error


class NetworkModifiers:
    """Moisture and temperature modifiers of an exported network, as the native backend evaluates dense networks.

    Parameters
    ----------
    description, exported : Path
        Files of :func:`~jules_ml.jules.net_backend.write_respiration_net`.
    """

    def __init__(self, description: Path, exported: Path) -> None:
        self.description = description
        settings = _read(description)
        self.inputs = [item.model_dump() for item in settings.inputs]
        self.outputs, self.clamp = settings.outputs, settings.outside == "clamp"
        # torch.export unpickles some parts, so that a file of unknown origin could run any code, as jules_ml_net.py beside it could
        if not exported.is_file() or settings.sha256 not in (None, sha256(exported.read_bytes()).hexdigest()):
            raise BadInput(
                "the network is missing, damaged, or another than that of its description",
                where=exported,
                remedy=f"write the network again with {description.name}, or copy both files",
            )
        try:
            self.net = torch.export.load(exported).module()
        except Exception as error:  # many types of exception
            raise BadInput("the file is no network", where=exported, remedy="write the network again") from error

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
