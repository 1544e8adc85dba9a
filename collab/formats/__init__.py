"""What documents look like elsewhere: html, markdown, Quill's Deltas, ProseMirror's JSON.

Owns one small tree (`tree.py`) and one converter per format, so that a new format or a new kind of
document is one more file. Every converter is iterative and linear, whatever it is given. Knows
nothing of documents, versions or stored states.
"""
