"""A run folder of JULES as a run of the column: its namelists, inputs and times as they are."""
