"""How soil properties are learned, through the column."""
