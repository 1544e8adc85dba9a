"""Where every command prints: text as it is, whatever characters are in it.

Ids, names and text belong to people: nothing in them is markup, an emoji's name or a reason for a
new line.
"""

from __future__ import annotations

from typing import Final

from rich.console import Console

OUT: Final = Console(emoji=False, markup=False, highlight=False, soft_wrap=True)
ERR: Final = Console(stderr=True, emoji=False, markup=False, highlight=False, soft_wrap=True)
