"""Runs side by side, with what was measured."""
