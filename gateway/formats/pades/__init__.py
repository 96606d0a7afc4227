"""PAdES (EN 319 142-1) on pyHanko's PDF layer."""
