"""Learned hydraulics: JULES's soil properties, fitted to soil moisture through the soil column."""
