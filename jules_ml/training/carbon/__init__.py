"""How soil carbon is learned from the dynamics of soil moisture."""
