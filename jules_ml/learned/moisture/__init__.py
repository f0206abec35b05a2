"""Learned soil moisture: daily water content from weather, satellites and a first guess of JULES."""
