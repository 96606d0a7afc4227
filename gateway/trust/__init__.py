"""Why anybody's certificate is believed, at a given time."""
