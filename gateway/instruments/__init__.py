"""What a signer signs with."""
