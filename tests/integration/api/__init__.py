"""The HTTP API against the whole application, in one process."""
