"""`token`: sign a token with the server's own key, for trying out and for scripts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import quote

import typer

from collab.commands.console import ERR
from collab.commands.remote import CommandError
from collab.rights import ACCESS_BY_NAME
from collab.settings import KEY_ADVICE, SHORTEST_KEY_BYTES, Settings, load_settings
from collab.tokens import mint
from collab.words import Access

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def token(
    grants: Annotated[
        list[str],
        typer.Argument(metavar="PATTERN=RIGHT…", help="Such as notes=read or 'team:*=write'."),
    ],
    user: Annotated[str | None, typer.Option(help="Who it is for.", show_default=False)] = None,
    name: Annotated[
        str | None, typer.Option(help="What others see of them.", show_default=False)
    ] = None,
    hours: Annotated[
        float, typer.Option(min=0, max=1_000_000, help="How long it holds; 0: for ever.")
    ] = 24.0,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print an address for every document named that signs in."),
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="How links begin, if not with HOST and PORT.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a token signed with COLLAB_SECRET_KEY, or links with it.

    A pattern is the id of a document, or the beginning of ids followed by a star; a star alone is
    every document. Each right includes those before it: read, write (edit and make documents),
    admin (delete them, share them). Of the patterns that fit a document the highest right counts,
    but none refuses whatever others allow.

    Whoever has a link has the token. It comes after a `#`, so browsers do not send it with the
    address, and the page takes it out of the address at once.
    """
    settings = load_settings()
    if settings.weak_key:
        ERR.print(f"COLLAB_SECRET_KEY has less than {SHORTEST_KEY_BYTES} bytes; {KEY_ADVICE}")
    now = time.time_ns() // 1_000_000
    docs = dict(_grant(text) for text in grants)
    expires = now + int(hours * 3_600_000) if hours else None
    made = mint(settings, docs, user=user, name=name, now=now, expires=expires)
    lines = _links(url or _base_of(settings), docs, made.token) if link else [made.token]
    for line in lines:
        sys.stdout.write(line + "\n")


def _grant(text: str) -> tuple[str, Access]:
    pattern, _, right = text.rpartition("=")
    if not pattern or right not in ACCESS_BY_NAME:
        raise CommandError(f"a grant is PATTERN={'|'.join(ACCESS_BY_NAME)}, not {text}")
    return pattern, ACCESS_BY_NAME[right]


def _links(base: str, docs: Iterable[str], signed: str) -> list[str]:
    ids = [pattern for pattern in docs if not pattern.endswith("*")]
    if not ids:
        raise CommandError("a link leads to a document: name one, not only patterns")
    return [f"{base.rstrip('/')}/d/{quote(id, safe=':@~')}#token={signed}" for id in ids]


def _base_of(settings: Settings) -> str:
    """Where a server with these settings is reached on this machine."""
    if settings.port == 0:
        raise CommandError("PORT is 0, which is any: say with --url where the server is")
    host = _EVERY_ADDRESS.get(settings.host, settings.host)
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
