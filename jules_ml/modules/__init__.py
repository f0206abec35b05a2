"""The learned parts, as torch modules, and the folders that keep them."""
