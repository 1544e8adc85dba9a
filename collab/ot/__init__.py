"""The Delta algebra: operations, how they combine, and the document they are applied to.

Pure values and functions; the server, the Python client and the tests use the same ones. Knows
nothing of versions, authors or the wire protocol. The format is specified in `delta.py`.
"""
