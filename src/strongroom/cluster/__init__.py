"""Several processes, one server: one leads and writes, the others follow it and read."""
