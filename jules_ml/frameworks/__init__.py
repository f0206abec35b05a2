"""Components for model-coupling frameworks."""
