"""Checks of a staged run before JULES is started."""
