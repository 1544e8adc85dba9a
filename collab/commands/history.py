"""`diff`, `blame` and `restore`: what a document was, who wrote it, and bringing it back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from collab.commands.console import ERR, OUT
from collab.commands.documents import Id, checked_id, when
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


def blame(
    id: Id,
    version: Annotated[
        int | None, typer.Option(min=0, help="As it was then.", show_default=False)
    ] = None,
    root: Root = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Print each line with who wrote the newest of it: version, user or author, and when."""
    with Remote(url, token) as remote:
        path = f"/v1/documents/{checked_id(id)}/blame"
        lines = list(_lines(_runs(remote, path, version=version, root=root)))
    versions = max((len(str(run["version"] or "")) for run, _ in lines), default=0)
    people = max((len(_person(run)) for run, _ in lines), default=0)
    for run, text in lines:
        time = "" if run["time"] is None else when(run["time"])
        number = run["version"] or ""
        OUT.print(f"{number:>{versions}}  {_person(run):{people}}  {time:19}  {text}".rstrip())


def _runs(remote: Remote, path: str, **given: Any) -> Iterator[dict[str, Any]]:
    at: int | None = 0
    while at is not None:
        page = remote.get(path, **given, at=at, limit=10_000).json()
        yield from page["runs"]
        given["version"], at = page["version"], page["next"]


def _lines(runs: Iterator[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line, and the newest of the runs that are in it."""
    text, newest = "", None
    for run in runs:
        for piece in run.get("text", "\ufffc").splitlines(keepends=True):
            text += piece
            if newest is None or (run["version"] or 0) > (newest["version"] or 0):
                newest = run
            if piece != piece.rstrip("\r\n"):
                yield newest, text.rstrip("\r\n")
                text, newest = "", None
    if newest is not None:
        yield newest, text


def _person(run: dict[str, Any]) -> str:
    return str(run["user"] or run["author"] or "")


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
