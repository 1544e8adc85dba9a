"""collab: a collaborative document server with one ordered, durable log per document."""

__version__ = "0.1.0"
