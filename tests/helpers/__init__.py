"""Code that several tests share: small experiments, synthetic records, module folders, and paths."""
