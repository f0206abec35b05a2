"""How soil moisture is learned."""
