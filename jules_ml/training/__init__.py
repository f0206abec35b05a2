"""How the learned parts are fitted, scored and bounded."""
