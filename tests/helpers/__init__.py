"""What several tests share: small experiments, records and module folders, and where things are."""
