"""`import` and `export`: files to documents and back.

A file `a/b.txt` below a directory becomes the document `a:b.txt`, and goes back to where it came
from; rich text travels as `ID.delta.json`, a Delta's array of inserts, a Yjs document as `ID.yjs`,
its state as an update.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from collab.commands.console import ERR
from collab.commands.documents import each_document
from collab.commands.remote import DEFAULT_URL, CommandError, Refused, Remote, Token, Url
from collab.errors import InvalidDocumentId
from collab.words import check_document_id

_DELTA_SUFFIX = ".delta.json"
_UPDATE_SUFFIX = ".yjs"
_SUFFIXES = {"richtext": _DELTA_SUFFIX, "yjs": _UPDATE_SUFFIX}
_SPOKEN = {"richtext": "rich text", "yjs": "a yjs document"}
_EXPORTS = {"richtext": "json", "yjs": "update"}
# Of files that become yjs documents; others are plain text.
_MARKUP = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


class TextType(StrEnum):
    """What files of text become."""

    TEXT = "text"
    YJS = "yjs"


class Unfit(CommandError):
    """This one file cannot become a document, or this document a file."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file below what was named, by its path there with `:` for `/`; `skipped` says why not."""

    path: Path
    name: str
    skipped: str = ""


def import_files(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", exists=True, readable=True)],
    prefix: Annotated[str, typer.Option(help="Put before every id.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over documents that exist.")
    ] = False,
    type: Annotated[TextType, typer.Option(help="What files of text become.")] = TextType.TEXT,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Make documents of files, and of all files below directories.

    The id is the file's name; below a directory it is the path from there, with a colon for each
    slash: n.txt in the folder s1 of the directory becomes s1:n.txt. Files are plain text in UTF-8;
    ID.delta.json becomes the rich text ID and holds a Delta, a JSON array of inserts; ID.yjs
    becomes the yjs document ID and holds its state as a Yjs update. With --type yjs text becomes
    yjs documents too: markdown (.md) and html as TipTap edits them, anything else one plain text.
    Hidden files and links that lead nowhere are skipped.
    """
    found = list(find(paths))
    files = [each for each in found if not each.skipped]
    failed = 0
    with Remote(url, token) as remote, Progress(console=ERR) as progress:
        for file in progress.track(files, description="import"):
            try:
                _import_file(remote, file.path, prefix + file.name, type, replace=replace)
            except (Refused, Unfit, OSError) as error:
                failed += 1
                progress.console.print(f"{file.path}: {_reason(error)}")
    ERR.print(f"{len(files) - failed} of {len(files)} imported{_skipped(found)}")
    if failed:
        raise typer.Exit(1)


def find(paths: Sequence[Path]) -> Iterator[Found]:
    """What is in files and directories, in order of name. Links to directories are not followed."""
    for path in paths:
        if path.is_dir():
            yield from _below(path, "")
        else:
            yield Found(path, path.name)


def _below(directory: Path, place: str) -> Iterator[Found]:
    for path in sorted(directory.iterdir()):
        name = place + path.name
        if path.name.startswith("."):
            yield Found(path, name, "hidden")
        elif path.is_dir():
            if path.is_symlink():
                yield Found(path, name, "linked directory")
            else:
                yield from _below(path, f"{name}:")
        elif path.is_file():
            yield Found(path, name)
        else:
            yield Found(path, name, "broken link" if path.is_symlink() else "special file")


def _skipped(found: Iterable[Found]) -> str:
    counts = Counter(each.skipped for each in found if each.skipped)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"; skipped: {told}" if told else ""


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _import_file(
    remote: Remote, path: Path, name: str, text_type: TextType, *, replace: bool
) -> None:
    raw = path.read_bytes()
    body = _document_of(raw, name, text_type)
    try:
        remote.post("/v1/documents", body)
    except Refused as refusal:
        if refusal.code != "document_exists" or not replace:
            raise
        if body["type"] == "yjs":
            raise Unfit(
                "is there already, and a yjs document is never replaced as a whole"
            ) from None
        rich = body["type"] == "richtext"
        media_type = "application/json" if rich else "text/plain; charset=utf-8"
        remote.put(f"/v1/documents/{body['id']}/content", raw, media_type)


def _document_of(raw: bytes, name: str, text_type: TextType) -> dict[str, Any]:
    """What a file of that name becomes, as the body that makes it."""
    if name.endswith(_DELTA_SUFFIX):
        id = _id_of(name.removesuffix(_DELTA_SUFFIX))
        return {"id": id, "type": "richtext", "content": _json_of(raw)}
    if name.endswith(_UPDATE_SUFFIX):
        id = _id_of(name.removesuffix(_UPDATE_SUFFIX))
        content = base64.b64encode(raw).decode()
        return {"id": id, "type": "yjs", "format": "update", "content": content}
    body = {"id": _id_of(name), "type": text_type.value, "content": _text_of(raw)}
    format = _MARKUP.get(Path(name).suffix.lower())
    if text_type is TextType.YJS and format is not None:
        body["format"] = format
    return body


def _text_of(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unfit("is not UTF-8") from None


def _json_of(raw: bytes) -> Any:
    try:
        return json.loads(_text_of(raw))
    except (ValueError, RecursionError) as error:
        raise Unfit(f"is not JSON: {error}") from None


def _id_of(name: str) -> str:
    try:
        return check_document_id(name)
    except InvalidDocumentId as error:
        raise Unfit(f"{error}; give it an id yourself: collab edit ID < FILE") from None


def export_documents(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False)],
    prefix: Annotated[str, typer.Option(help="Only ids that begin so.")] = "",
    flat: Annotated[
        bool, typer.Option("--flat", help="No folders: the whole id is the file's name.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Write every document to a file of its own, from where import makes the same ids of them.

    The document s1:n.txt becomes n.txt in the folder s1. An id that cannot be such a path, because
    a step of it is empty or hidden or is itself a document, is the file's name as a whole. Rich
    text becomes ID.delta.json, a yjs document ID.yjs.
    """
    failed = 0
    directory.mkdir(parents=True, exist_ok=True)
    with Remote(url, token) as remote, Progress(console=ERR) as progress:
        rows = list(each_document(remote, prefix=prefix))
        names = {_file_name(row) for row in rows}
        for row in progress.track(rows, description="export"):
            name = _file_name(row)
            place = Path(name) if flat else file_of(name, names)
            try:
                _export(remote, row, directory / place)
            except (Refused, Unfit, OSError) as error:
                failed += 1
                progress.console.print(f"{row['id']}: {_reason(error)}")
    ERR.print(f"{len(rows) - failed} of {len(rows)} exported to {directory}")
    if failed:
        raise typer.Exit(1)


def _file_name(row: dict[str, Any]) -> str:
    return str(row["id"]) + _SUFFIXES.get(row["type"], "")


def file_of(name: str, names: Set[str]) -> Path:
    """Where the document of this file name goes, so that no other of `names` is in its way and
    nothing leaves the directory."""
    steps = name.split(":")
    folders = {":".join(steps[:count]) for count in range(1, len(steps))}
    if any(not step or step.startswith(".") for step in steps) or not folders.isdisjoint(names):
        return Path(name)
    return Path(*steps)


def _export(remote: Remote, row: dict[str, Any], path: Path) -> None:
    type = row["type"]
    if type not in _SUFFIXES:
        for other, suffix in _SUFFIXES.items():
            if path.name.endswith(suffix):
                raise Unfit(f"would come back as {_SPOKEN[other]}; see it with: collab cat ID")
    place = f"/v1/documents/{row['id']}/content"
    content = remote.get(place, format=_EXPORTS.get(type, "text")).content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
