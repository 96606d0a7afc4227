"""Reading and writing DER, shared by the rooms that need it: small, strict, no network, no policy."""
