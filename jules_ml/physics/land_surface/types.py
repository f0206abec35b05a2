"""Parameters of surface types; see :mod:`jules_ml.physics.surface_types`."""

from jules_ml.physics.surface_types import OtherTypes, PlantTypes, SurfaceTypes

__all__ = ["OtherTypes", "PlantTypes", "SurfaceTypes"]
