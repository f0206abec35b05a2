"""Atomic writes, provenance, plug-ins and the style of figures, for all other packages."""
