"""Weather for a run.

Records have gaps and lack variables. Values are filled and substituted by named rules, and each use is counted, so that a run reports the
data that drove it.
"""

from jules_ml.weather.substitution import Substitution
from jules_ml.weather.weather import Weather, site_weather

__all__ = ["Substitution", "Weather", "site_weather"]
