"""The demonstration: a real tower from its record to pictures."""

from jules_ml.demo.run import Demo, run_demo

__all__ = ["Demo", "run_demo"]
