"""``[surface]`` of an experiment: surface types, their fractions and parameters."""

from __future__ import annotations

from typing import Any, Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from jules_ml.physics.parameter_names import TYPE_PARAMETERS
from jules_ml.support.section import DataPath, Section

#: Number of monthly values.
_MONTHS: Final = 12
#: Surface types of the simple surface, and their names in ``jules_surface_types.nml``.
SIMPLE_TYPES: Final = {
    "broadleaf_tree": "brd_leaf",
    "needleleaf_tree": "ndl_leaf",
    "c3_grass": "c3_grass",
    "c4_grass": "c4_grass",
    "shrub": "shrub",
    "bare_soil": "soil",
}
#: Leaf area or height of a tile: a number, one for each month, or the name of a variable of the record.
_InTime = float | tuple[float, ...] | str | None


class TileSection(Section):
    """``[[surface.tiles]]``: one surface type and its fraction. Keys that are not given have JULES's default values."""

    type: str | int = Field(
        description="surface type: `broadleaf_tree`, `needleleaf_tree`, `c3_grass`, `c4_grass`, `shrub` or `bare_soil`; with `[physics]` "
        "also a name in `jules_surface_types.nml`, or the number of a type"
    )
    frac: float = Field(
        gt=0.0, le=1.0, description="fraction of the ground [1]; the fractions of all tiles add up to 1"
    )
    lai: _InTime = Field(
        default=None,
        description="leaf area index [1]; with `[physics]` also twelve monthly values, or the name of a variable of the record",
    )
    canht_ft: _InTime = Field(default=None, description="canopy height [m]; as `lai`")
    rootd_ft: float | None = Field(default=None, gt=0.0, le=10.0, description="e-folding depth of the root density [m]")
    parameters: dict[str, float] = Field(
        default={}, description="other parameters of the surface type, by JULES's names without `_io`, such as `nl0`"
    )

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, float]) -> dict[str, float]:
        allowed = [name for name in TYPE_PARAMETERS if name not in cls.model_fields]
        for name, value in parameters.items():
            if name not in allowed:
                raise ValueError(f"'{name}' is not a parameter of a surface type: choose among {', '.join(allowed)}")
            known = TYPE_PARAMETERS[name]
            if not known.lower <= value <= known.upper:
                raise ValueError(f"{name} is {value:g}, which is not between {known.lower:g} and {known.upper:g}")
        return parameters

    @field_validator("lai", "canht_ft")
    @classmethod
    def _possible(cls, value: _InTime, info: ValidationInfo) -> _InTime:
        most = {"lai": 15.0, "canht_ft": 100.0}[info.field_name or ""]
        numbers = value if isinstance(value, tuple) else () if value is None or isinstance(value, str) else (value,)
        for number in numbers:
            if not 0.0 < number <= most:
                raise ValueError(f"{info.field_name} must be above 0 and at most {most:g}, not {number:g}")
        if isinstance(value, tuple) and len(value) != _MONTHS:
            raise ValueError(f"{info.field_name} has {len(value)} values: give one, or one for each month")
        return value

    @model_validator(mode="after")
    def _bare_soil_has_no_canopy(self) -> Self:
        if self.type in ("bare_soil", "soil") and (self.lai is not None or self.canht_ft is not None):
            raise ValueError(f"{self.type} has neither lai nor canht_ft: remove them")
        if self.type in ("bare_soil", "soil") and self.parameters:
            raise ValueError(f"{self.type} has no parameters of plants: remove parameters")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """Parameters given as one number that differ from those of the surface type, by JULES's names."""
        own = {name: getattr(self, name) for name in ("lai", "canht_ft", "rootd_ft")}
        return {name: float(value) for name, value in own.items() if isinstance(value, int | float)} | self.parameters


class SurfaceSection(Section):
    """``[surface]``: surface types, albedo and carbon dioxide."""

    tiles: tuple[TileSection, ...] = Field(min_length=1, description="surface types")
    albsoil: float = Field(default=0.11, gt=0.0, lt=1.0, description="albedo of bare soil [1]")
    co2: float = Field(default=4.0e-4, gt=0.0, lt=0.01, description="mole fraction of carbon dioxide in air [1]")
    pft_params: DataPath | None = Field(
        default=None,
        description="`pft_params.nml` of JULES for `[physics]`; `jules_surface_types.nml` beside it is read too, and from "
        "`jules_snow.nml` the parameters of PFTs alone; default: the values of JULES's shipped Loobos run",
    )
    nveg_params: DataPath | None = Field(
        default=None, description="`nveg_params.nml` of JULES for `[physics]`; default: the values of the same run"
    )

    @model_validator(mode="after")
    def _fractions_add_up(self) -> Self:
        total = sum(tile.frac for tile in self.tiles)
        if abs(total - 1.0) > 1e-3:
            raise ValueError(f"the fractions of the tiles add up to {total:g}, not to 1: give fractions whose sum is 1")
        return self

    @model_validator(mode="after")
    def _both_files(self) -> Self:
        if (self.pft_params is None) != (self.nveg_params is None):
            raise ValueError("pft_params and nveg_params go together: give both pft_params and nveg_params, or neither")
        return self

    def simple_problem(self) -> str | None:
        """Return what the simple surface does not have; None if it has all."""
        for tile in self.tiles:
            if tile.type not in SIMPLE_TYPES:
                return f"type '{tile.type}' needs [physics]; without it choose among {', '.join(SIMPLE_TYPES)}"
            for name, value in (("lai", tile.lai), ("canht_ft", tile.canht_ft)):
                if isinstance(value, tuple | str):
                    return f"{name} that varies in time needs [physics]: add it, or give one number"
        if self.pft_params is not None:
            return "pft_params and nveg_params need [physics]: add it, or remove them"
        return None

    def cover(self) -> dict[str, float]:
        """Cover fractions, by the names of :data:`~jules_ml.experiment.place.PROPERTIES`; none if a type has no name."""
        if any(isinstance(tile.type, int) for tile in self.tiles):
            return {}
        ground = sum(tile.frac for tile in self.tiles)
        kinds = {"frac_tree": ("tree", "leaf"), "frac_grass": ("grass", "pasture", "crop"), "frac_bare": ("soil",)}
        return {
            name: sum(tile.frac for tile in self.tiles if any(word in str(tile.type) for word in words)) / ground
            for name, words in kinds.items()
        }
