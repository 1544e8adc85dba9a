"""`documents`, `cat` and `edit`: look at documents and write to one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer

from collab.commands.console import ERR, OUT
from collab.commands.readable import content_length, utf16_length
from collab.commands.remote import DEFAULT_URL, CommandError, Refused, Remote, Token, Url
from collab.errors import InvalidDocumentId
from collab.words import check_document_id

Id = Annotated[str, typer.Argument(metavar="ID", help="The document's id.")]


def checked_id(id: str) -> str:
    """`id`, if it can be one; raises CommandError."""
    try:
        return check_document_id(id)
    except InvalidDocumentId as error:
        raise CommandError(str(error)) from None


def each_document(
    remote: Remote, *, prefix: str = "", type: str | None = None
) -> Iterator[dict[str, Any]]:
    """The documents one may read, page by page."""
    after: str | None = None
    while True:
        page = remote.get(
            "/v1/documents", prefix=prefix or None, type=type, after=after, limit=500
        ).json()
        yield from page["documents"]
        after = page["next"]
        if after is None:
            return


def documents(
    prefix: Annotated[str, typer.Option(help="Only ids that begin so.")] = "",
    type: Annotated[str | None, typer.Option(help="Only this type.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List the documents."""
    with Remote(url, token) as remote:
        rows = each_document(remote, prefix=prefix, type=type)
        if as_json:
            for row in rows:
                OUT.print(json.dumps(row, ensure_ascii=False))
            return
        table = [("id", "type", "version", "updated")]
        table += (
            (row["id"], row["type"], str(row["version"]), when(row["updated"])) for row in rows
        )
    # By hand, as rich would shorten the ids on a narrow terminal and in a pipe.
    ids, types, versions, _ = (max(map(len, column)) for column in zip(*table, strict=True))
    for id, kind, version, updated in table:
        OUT.print(f"{id:{ids}}  {kind:{types}}  {version:>{versions}}  {updated}")


def when(ms: int) -> str:
    """A time as people read it where they are."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def cat(
    id: Id,
    format: Annotated[
        str, typer.Option(help="text or json; of yjs also html, markdown or update (bytes).")
    ] = "text",
    root: Annotated[
        str | None,
        typer.Option(help="Of yjs: this root only, name or name:type.", show_default=False),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=0, help="As it was then.", show_default=False)
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="As it was at a moment: RFC 3339 with an offset, or ms.", show_default=False
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Print what is in a document."""
    with Remote(url, token) as remote:
        path = f"/v1/documents/{checked_id(id)}/content"
        content = remote.get(path, format=format, version=version, at=at, root=root).content
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def edit(
    id: Id,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of everything, not at the end.")
    ] = False,
    root: Annotated[str, typer.Option(help="Of yjs: the text to write to.")] = "codemirror",
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Write what comes on standard input to a document; it is made if it is not there."""
    if sys.stdin.isatty():
        ERR.print("type the text; Ctrl-D on an empty line ends it")
    raw = sys.stdin.buffer.read()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise CommandError("what came on standard input is not UTF-8") from None
    with Remote(url, token) as remote:
        version = write(remote, checked_id(id), text, replace=replace, root=root)
    ERR.print(f"{id} is at version {version}")


def write(remote: Remote, id: str, text: str, *, replace: bool, root: str) -> int:
    """Put `text` into the document, which is made if absent; the version it is then at."""
    path = f"/v1/documents/{id}"
    type = _type_of(remote, path)
    if type is None:
        try:
            body = {"id": id, "type": "text", "content": text}
            return int(remote.post("/v1/documents", body).json()["version"])
        except Refused as refusal:
            if refusal.code != "document_exists":
                raise
        type = _type_of(remote, path)
    if type == "yjs":
        answer = _write_to_root(remote, path, text, root, replace=replace)
    elif replace:
        answer = remote.put(f"{path}/content", text.encode(), "text/plain; charset=utf-8")
    else:
        answer = _append(remote, path, text)
    return int(answer.json()["version"])


def _type_of(remote: Remote, path: str) -> str | None:
    """The document's type, None if it is not there."""
    try:
        return str(remote.get(path).json()["type"])
    except Refused as refusal:
        if refusal.code != "document_not_found":
            raise
    return None


def _append(remote: Remote, path: str, text: str) -> httpx.Response:
    answer = remote.get(f"{path}/content", format="json")
    length = content_length(answer.json())
    operation: list[dict[str, Any]] = [{"retain": length}] if length else []
    if utf16_length(text):
        operation.append({"insert": text})
    return remote.post(f"{path}/edits", {**_base(answer), "operation": operation})


def _write_to_root(
    remote: Remote, path: str, text: str, root: str, *, replace: bool
) -> httpx.Response:
    answer = remote.get(f"{path}/content", format="json", root=f"{root}:text")
    length = content_length(answer.json())
    place = {"at": 0, "length": length} if replace else {"at": length, "length": 0}
    operations = [{"replace": {**place, "text": text}}]
    body = {**_base(answer), "root": root, "operations": operations}
    return remote.post(f"{path}/edits", body)


def _base(answer: httpx.Response) -> dict[str, Any]:
    """The state that an edit is made on, which is the one that was read."""
    return {
        "base": int(answer.headers["Collab-Version"]),
        "epoch": answer.headers["Collab-Epoch"],
    }
