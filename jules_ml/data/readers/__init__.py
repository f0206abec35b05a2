"""Readers: one file per source, each returns a site dataset."""
