"""The experiment file: one TOML file with the site, the record, the soil, and the settings of runs and of learned modules."""

from jules_ml.experiment.load import Experiment, load_experiment

__all__ = ["Experiment", "load_experiment"]
