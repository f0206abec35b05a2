"""Learned respiration: the moisture modifier f and the temperature modifier g, from towers and chambers."""
