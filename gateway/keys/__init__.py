"""Private keys and what holds them."""
