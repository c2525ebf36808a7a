"""MongoDB, and the only folder that knows it."""
