"""`replay`: play a recorded editing history on a server and prove what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit, urlunsplit

import anyio
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collab.commands.console import ERR, OUT
from collab.commands.documents import checked_id
from collab.commands.remote import DEFAULT_URL, CommandError, Remote, Token, Url
from collab.traces import ReplayFailed, Trace, read_trace

if TYPE_CHECKING:
    from collab.replay import Report


def replay(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="An editing trace, .json or .json.gz.")
    ],
    document: Annotated[str, typer.Option(metavar="ID", help="The document to make and write to.")],
    clients: Annotated[
        int, typer.Option(min=1, max=1000, help="Who take turns in a sequential trace.")
    ] = 2,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Play an editing trace through real clients, and check that all end up with the same text."""
    id = checked_id(document)
    try:
        recording = read_trace(trace, clients)
        with Remote(url, token) as remote:
            body = {"id": id, "type": "text", "content": recording.start}
            remote.post("/v1/documents", body)
            report = _play(recording, _socket_url(remote.url, id), token)
            stored = remote.get(f"/v1/documents/{id}/content").content.decode()
    except ReplayFailed as failure:
        raise CommandError(str(failure)) from None
    _tell(report, recording)
    _check(recording, report, stored)


def _play(trace: Trace, socket_url: str, token: str | None) -> Report:
    # Only this command pays for importing the client.
    from collab.replay import play

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=ERR) as progress:
        task = progress.add_task("replay", total=len(trace.transactions))

        def progressed(count: int) -> None:
            if count % 50 == 0 or count == len(trace.transactions):
                progress.update(task, completed=count)

        return anyio.run(play, trace, socket_url, token, progressed)


def _socket_url(url: str, id: str) -> str:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = f"{parts.path}/v1/documents/{id}/socket"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def _tell(report: Report, trace: Trace) -> None:
    rate = report.transactions / report.seconds if report.seconds else 0.0
    kind = "concurrent" if trace.concurrent else "sequential"
    OUT.print(
        f"{report.transactions} edits ({kind}) by {trace.authors} clients in "
        f"{report.seconds:.1f} s: {rate:.0f} edits/s, {report.commits} commits"
    )
    OUT.print(
        f"submit to durable: p50 {_percentile(report.latencies, 50) * 1000:.2f} ms, "
        f"p99 {_percentile(report.latencies, 99) * 1000:.2f} ms"
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _check(trace: Trace, report: Report, stored: str) -> None:
    """Everybody has the same text, and after a sequential trace it is the recorded one."""
    if any(text != stored for text in report.texts):
        raise CommandError("the clients and the server do not have the same text")
    OUT.print(f"all {len(report.texts)} clients and the server have the same text")
    if stored == trace.end:
        OUT.print("it is the text that was recorded")
    elif trace.concurrent:
        OUT.print("it is not the text that was recorded: ties were decided in another way")
    else:
        raise CommandError("the text is not the one that was recorded")
