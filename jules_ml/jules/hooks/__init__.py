"""Hooks in JULES: building them against a JULES build, and checking executables for them.

The linker option ``--wrap`` replaces procedures of JULES by the hooks, without edits to the source of JULES.
"""
