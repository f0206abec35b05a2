"""Learned hydraulics: the soil properties of JULES, fitted through the soil column."""
