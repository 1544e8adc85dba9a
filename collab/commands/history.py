"""`diff` and `restore`: what a document was like earlier, and bringing that back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from collab.commands.console import ERR
from collab.commands.documents import Id, checked_id
from collab.commands.remote import DEFAULT_URL, Remote, Token, Url

Root = Annotated[
    str | None,
    typer.Option(help="Of yjs: this root, name or name:type.", show_default=False),
]


def diff(
    id: Id,
    start: Annotated[int, typer.Argument(metavar="FROM", min=0, help="A version.")],
    end: Annotated[
        int | None,
        typer.Argument(metavar="[TO]", min=0, help="Another one, or the newest."),
    ] = None,
    root: Root = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Print which lines changed between two versions, as diff -u does."""
    with Remote(url, token) as remote:
        path = f"/v1/documents/{checked_id(id)}/diff"
        given = {"from": start, "to": end, "format": "text", "root": root}
        content = remote.get(path, **given).content
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def restore(
    id: Id,
    version: Annotated[int, typer.Argument(min=0, help="The version to bring back.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Make a document what it was at a version; whoever has it open sees that as an edit."""
    with Remote(url, token) as remote:
        path = f"/v1/documents/{checked_id(id)}/restore"
        answer = remote.post(path, {"version": version}).json()
    ERR.print(f"{id} is at version {answer['version']}, as it was at version {version}")
