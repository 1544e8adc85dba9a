"""`import` and `export`: files to documents and back.

A file `a/b.txt` below a directory becomes the document `a:b.txt`; rich text travels as
`ID.delta.json`, a Delta's array of inserts. What is exported flat imports to the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from collab.commands.console import ERR
from collab.commands.documents import each_document
from collab.commands.remote import DEFAULT_URL, CommandError, Refused, Remote, Token, Url
from collab.errors import InvalidDocumentId
from collab.words import check_document_id

_DELTA_SUFFIX = ".delta.json"


def import_files(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", exists=True, readable=True)],
    prefix: Annotated[str, typer.Option(help="Put before every id.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over documents that exist.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Make documents of files, and of all files below directories."""
    files = list(_files_of(paths))
    failed = 0
    with Remote(url, token) as remote, Progress(console=ERR) as progress:
        for path, name in progress.track(files, description="import"):
            try:
                _import_file(remote, path, prefix + name, replace=replace)
            except (CommandError, InvalidDocumentId, OSError, ValueError) as error:
                failed += 1
                progress.console.print(f"{path}: {error}")
                if isinstance(error, CommandError) and not isinstance(error, Refused):
                    raise
    ERR.print(f"{len(files) - failed} of {len(files)} imported")
    if failed:
        raise typer.Exit(1)


def _files_of(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Files and their names, relative to the directory they were found by; hidden ones not."""
    for path in paths:
        if path.is_file():
            yield path, path.name
            continue
        for file in sorted(path.rglob("*")):
            steps = file.relative_to(path).parts
            if file.is_file() and not any(step.startswith(".") for step in steps):
                yield file, ":".join(steps)


def _import_file(remote: Remote, path: Path, name: str, *, replace: bool) -> None:
    rich = name.endswith(_DELTA_SUFFIX)
    id = check_document_id(name.removesuffix(_DELTA_SUFFIX))
    raw = path.read_bytes()
    content = json.loads(raw) if rich else raw.decode()
    body = {"id": id, "type": "richtext" if rich else "text", "content": content}
    try:
        remote.post("/v1/documents", body)
    except Refused as refusal:
        if refusal.code != "document_exists" or not replace:
            raise
        media_type = "application/json" if rich else "text/plain; charset=utf-8"
        remote.put(f"/v1/documents/{id}/content", raw, media_type)


def export_documents(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False)],
    prefix: Annotated[str, typer.Option(help="Only ids that begin so.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Write every document to a file of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    with Remote(url, token) as remote, Progress(console=ERR) as progress:
        rows = list(each_document(remote, prefix=prefix))
        for row in progress.track(rows, description="export"):
            rich = row["type"] == "richtext"
            path = f"/v1/documents/{row['id']}/content"
            content = remote.get(path, format="json" if rich else "text").content
            (directory / f"{row['id']}{_DELTA_SUFFIX if rich else ''}").write_bytes(content)
    ERR.print(f"{len(rows)} exported to {directory}")
