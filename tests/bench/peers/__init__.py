"""collab beside the servers that people would otherwise take, measured with one generator."""
