"""Readers of real records, and what is done to them before anything is learned."""
