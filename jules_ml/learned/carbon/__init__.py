"""Learned soil carbon: organic carbon from the dynamics of soil moisture."""
