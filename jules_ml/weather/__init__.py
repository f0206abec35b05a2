"""Weather for a run.

Records have gaps and lack instruments. What stands in for a value is chosen by a rule with a name, and each use is counted, so that a
run can say what it was driven with.
"""

from jules_ml.weather.substitution import Substitution
from jules_ml.weather.weather import Weather, site_weather

__all__ = ["Substitution", "Weather", "site_weather"]
