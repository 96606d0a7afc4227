"""What the gateway does, one module per verb of the contract or of the signer."""
