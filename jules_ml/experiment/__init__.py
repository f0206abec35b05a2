"""The experiment: one TOML file that says what is run or learned, at which site, from which record."""

from jules_ml.experiment.load import Experiment, load_experiment

__all__ = ["Experiment", "load_experiment"]
