"""Zip containers with signatures and what they sign (EN 319 162-1), read only."""
