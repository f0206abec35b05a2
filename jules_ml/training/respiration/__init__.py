"""How f and g are learned."""
