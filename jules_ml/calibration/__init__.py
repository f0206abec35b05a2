"""Calibration of parameters of the column to the observations of one or several sites."""
