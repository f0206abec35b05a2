"""Running the model of an experiment: weather in, a column through time, and what is written of it."""
