"""`tail`: follow a document live, through whatever happens to the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from collab.commands.console import OUT
from collab.commands.documents import Id, checked_id
from collab.commands.readable import readable
from collab.commands.remote import DEFAULT_URL, CommandError, Refused, Remote, Token, Url

# The server sends something every 15 seconds.
_SILENCE_SECONDS = 45.0
_MAX_PAUSE_SECONDS = 10.0
_PASSING = frozenset({"restarting", "unavailable", "store_failure", "unknown"})


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `id` is the newest id seen so far."""

    kind: str
    id: str
    data: Any


def tail(
    id: Id,
    since: Annotated[
        int | None,
        typer.Option(min=0, help="Begin after this version, not now.", show_default=False),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Print every edit of a document as it comes, until interrupted."""
    try:
        with Remote(url, token) as remote:
            for event in follow(remote, checked_id(id), since):
                _show(event)
    except KeyboardInterrupt:
        return


def follow(remote: Remote, id: str, since: int | None) -> Iterator[Event]:
    """Events without a gap; connects again when the connection is lost."""
    place = ""
    pause_seconds = 0.5
    while True:
        try:
            headers = {"Last-Event-ID": place} if place else {}
            with remote.stream(
                f"/v1/documents/{id}/events",
                silence_seconds=_SILENCE_SECONDS,
                headers=headers,
                since=since,
            ) as response:
                for event in parse_events(response.iter_lines()):
                    place = event.id or place
                    pause_seconds = 0.5
                    if event.kind == "goodbye":
                        _check_goodbye(event.data)
                        break
                    yield event
        except Refused as refusal:
            if refusal.code not in _PASSING:
                raise
            reason = str(refusal)
        except httpx.TransportError as error:
            if not place and isinstance(error, httpx.ConnectError):
                raise CommandError(f"no answer from {remote.url}: {error}") from error
            reason = "the connection is lost"
        else:
            reason = "the server closed the stream"
        _note(f"{reason}; connecting again")
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _MAX_PAUSE_SECONDS)


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """The events in the lines of a stream; comments are passed over."""
    kind, place, data = "message", "", ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                kind = value
            case "id":
                place = value
            case "data":
                data += value
            case "" if not line:
                if data:
                    yield Event(kind, place, json.loads(data))
                kind, data = "message", ""


def _check_goodbye(goodbye: dict[str, Any]) -> None:
    if goodbye["code"] not in _PASSING:
        raise Refused(goodbye["code"], f"{goodbye['message']} ({goodbye['code']})")


def _show(event: Event) -> None:
    data = event.data
    match event.kind:
        case "welcome":
            _note(f"{data['document_type']} at version {data['version']}")
            for edit in data.get("edits") or ():
                _show_edit(edit)
        case "reset":
            _note(f"starting afresh at version {data['version']}")
        case "edits":
            for edit in data["edits"]:
                _show_edit(edit)
        case "message":
            _note(f"{data['user'] or data['from']} says {json.dumps(data['body'])}")


def _show_edit(edit: dict[str, Any]) -> None:
    who = edit["user"] or edit["author"]
    line = Text.assemble(
        (f"{edit['version']:>6} ", "bold"),
        (f"{datetime.now():%H:%M:%S} ", "dim"),
        (f"{who}  ", "cyan"),
        readable(edit["operation"]),
    )
    OUT.print(line)


def _note(text: str) -> None:
    OUT.print(Text(f"- {text}", style="dim"))
