"""XAdES: written over a given hash, read in every form (EN 319 132-1)."""
