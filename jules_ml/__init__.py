"""Learned soil modules for JULES, the Joint UK Land Environment Simulator."""

__version__ = "0.1.0"
