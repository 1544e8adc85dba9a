"""`token`: sign a token with the server's own key, for trying out and for scripts."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import jwt
import typer

from collab.commands.console import ERR
from collab.commands.remote import CommandError
from collab.settings import KEY_ADVICE, SHORTEST_KEY_BYTES, load_settings

_RIGHTS = ("read", "write", "admin")
_ALGORITHM = "HS256"


def token(
    grants: Annotated[
        list[str],
        typer.Argument(metavar="PATTERN=RIGHT…", help="Such as notes=read or 'team:*=write'."),
    ],
    user: Annotated[str | None, typer.Option(help="Who it is for.", show_default=False)] = None,
    name: Annotated[
        str | None, typer.Option(help="What others see of them.", show_default=False)
    ] = None,
    hours: Annotated[float, typer.Option(min=0, help="How long it holds; 0: for ever.")] = 24.0,
) -> None:
    """Print a token signed with COLLAB_SECRET_KEY.

    A pattern is the id of a document, or the beginning of ids followed by a star; a star alone is
    every document. Each right includes those before it: read, write (edit and make documents),
    admin (delete them). Of the patterns that fit a document the highest right counts.
    """
    settings = load_settings()
    if settings.secret_key is None:
        raise CommandError("set COLLAB_SECRET_KEY to the server's key; without one none is needed")
    if settings.weak_key:
        ERR.print(f"COLLAB_SECRET_KEY has less than {SHORTEST_KEY_BYTES} bytes; {KEY_ADVICE}")
    now = int(time.time())
    claims: dict[str, Any] = {
        "docs": dict(_grant(text) for text in grants),
        "sub": user,
        "name": name,
        "iss": settings.issuer,
        "aud": settings.audience,
        "iat": now,
        "exp": now + int(hours * 3600) if hours else None,
    }
    given = {claim: value for claim, value in claims.items() if value is not None}
    # Keys are padded as the server does it, so that a short one draws no warning here.
    key = settings.secret_key.get_secret_value().encode().ljust(32, b"\0")
    sys.stdout.write(jwt.encode(given, key, algorithm=_ALGORITHM) + "\n")


def _grant(text: str) -> tuple[str, str]:
    pattern, _, right = text.rpartition("=")
    if not pattern or right not in _RIGHTS:
        raise CommandError(f"a grant is PATTERN={'|'.join(_RIGHTS)}, not {text}")
    return pattern, right
