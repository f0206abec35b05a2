"""JULES's snow, of ``nsmax`` layers or none: interception, melt, conduction, liquid water, compaction, layers, grain size and albedo."""
