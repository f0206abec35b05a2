"""Demonstration with the record of a flux tower, from the data to the figures."""

from jules_ml.demo.run import Demo, run_demo

__all__ = ["Demo", "run_demo"]
