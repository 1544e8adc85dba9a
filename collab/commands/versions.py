"""`versions`: list a document's named versions, and name one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from collab.commands.console import OUT
from collab.commands.documents import Id, checked_id, when
from collab.commands.remote import DEFAULT_URL, Remote, Token, Url


def versions(
    id: Id,
    name: Annotated[
        str | None, typer.Option(help="Give the newest version this name.", show_default=False)
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(min=0, help="With --name: give it to this one.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List the versions of a document that have a name, or give one a name."""
    path = f"/v1/documents/{checked_id(id)}/versions"
    with Remote(url, token) as remote:
        if name is not None:
            remote.post(path, {"name": name, "version": version})
        rows = list(_each(remote, path))
    for row in rows:
        if as_json:
            OUT.print(json.dumps(row, ensure_ascii=False))
        else:
            by = row["user"] or ("-" if row["author"] else "automatic")
            OUT.print(f"{row['version']:>9}  {when(row['time'])}  {by:16}  {row['name']}")


def _each(remote: Remote, path: str) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while True:
        page = remote.get(path, before=before, limit=1000).json()
        yield from page["versions"]
        before = page["next"]
        if before is None:
            return
