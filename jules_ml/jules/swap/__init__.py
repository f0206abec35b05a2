"""Ways to swap learned modules into a JULES run."""
