"""Sans-I/O codecs: frames to messages and back. No sockets, no sessions, no clocks."""
