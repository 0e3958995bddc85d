"""Who signs: the contract of an engine, the engine with a key of its own, and a certificate authority for
development."""
