"""A test town next door: an own PKI, responders, a time-stamping authority, persons. Reached by URL only."""
