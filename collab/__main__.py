"""`python -m collab`."""

from __future__ import annotations

from collab.cli import main

main()
