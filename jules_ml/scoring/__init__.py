"""Scores, prediction intervals and splits."""
