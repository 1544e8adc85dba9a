"""The real session, authority and client over an in-memory network, in virtual time, by seed."""
