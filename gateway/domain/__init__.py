"""The gateway's dictionary: frozen values, enumerations and pure rules. No network, database, clock or library."""
