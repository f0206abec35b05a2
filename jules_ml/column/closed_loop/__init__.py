"""The closed loop: carbon, soil, moisture and respiration that act on each other over decades."""
