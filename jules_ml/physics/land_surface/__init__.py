"""JULES's land surface above the soil: exchange with the air, canopy, snow and water of the tiles, by JULES's own switches."""
