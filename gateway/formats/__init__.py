"""How a signature is written and read; no network, no database, no key."""
