"""Proof of when (RFC 3161)."""
