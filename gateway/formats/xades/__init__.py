"""XAdES over a given hash (EN 319 132-1)."""
