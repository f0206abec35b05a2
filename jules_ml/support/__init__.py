"""Atomic writes, provenance and the style of figures: used by every other package."""
