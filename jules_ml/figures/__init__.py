"""Figures: one function each, from data to a Matplotlib figure.

None of them draws on pyplot's state, so that they can be called from anywhere, and several at once.
"""

from jules_ml.figures.curves import respiration_curves
from jules_ml.figures.curves_compared import curves_compared
from jules_ml.figures.respiration import night_respiration
from jules_ml.figures.soil_moisture import soil_moisture
from jules_ml.figures.soil_temperature import soil_temperature
from jules_ml.figures.style import save_figure
from jules_ml.figures.water_budget import water_budget

__all__ = [
    "curves_compared",
    "night_respiration",
    "respiration_curves",
    "save_figure",
    "soil_moisture",
    "soil_temperature",
    "water_budget",
]
