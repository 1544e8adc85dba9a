"""`api-key`: make a key for a backend; only its hash is to be kept."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from collab.api_keys import make_api_key
from collab.commands.console import ERR


def api_key(
    name: Annotated[
        str, typer.Argument(help="Whose it is: letters, digits, dots, _ and -.", metavar="NAME")
    ],
) -> None:
    """Make a key for a backend, which may do everything with it.

    The first line is the key, printed this once: give it to the backend, which sends it as its
    token. The second line is an entry for COLLAB_API_KEYS, where entries are separated by commas;
    it has a hash that does not lead back to the key.

    To replace a key, add the new one under the same name, and remove the old one's entry later.
    """
    key, entry = make_api_key(name)
    ERR.print("The key, which is stored nowhere, and its entry for COLLAB_API_KEYS:")
    sys.stdout.write(f"{key}\n{entry}\n")
