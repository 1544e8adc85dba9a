"""`gc`: drop the past that documents no longer keep."""

from __future__ import annotations

from typing import Annotated

import typer

from collab.commands.console import ERR, OUT
from collab.commands.documents import each_document
from collab.commands.remote import DEFAULT_URL, Refused, Remote, Token, Url

_PARTS = ("commits", "log_bytes", "milestones", "milestone_bytes")


def gc(
    prefix: Annotated[str, typer.Option(help="Only documents whose ids begin so.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be dropped.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Drop the history that documents no longer keep, and say what that has freed.

    How long it is kept is said by COLLAB_HISTORY_DAYS, or by a document's own retention. A server
    does this by itself once an hour.
    """
    total = dict.fromkeys(_PARTS, 0)
    looked_at = left_out = 0
    how = "dry_run=true" if dry_run else "dry_run=false"
    with Remote(url, token) as remote:
        for row in each_document(remote, prefix=prefix):
            looked_at += 1
            try:
                freed = remote.post(f"/v1/documents/{row['id']}/trim?{how}", None).json()
            except Refused as refusal:
                if refusal.code not in {"not_allowed", "document_not_found"}:
                    raise
                left_out += 1
                continue
            for part in _PARTS:
                total[part] += freed[part]
            if freed["commits"]:
                OUT.print(
                    f"{row['id']}: {_told(freed)}, from version {freed['floor']} on it is kept"
                )
            if ERR.is_terminal and looked_at % 100 == 0:
                ERR.print(f"{looked_at} documents …")
    done = "would be freed" if dry_run else "freed"
    OUT.print(f"{looked_at} documents: {_told(total)} {done}")
    if left_out:
        ERR.print(f"{left_out} left out: you do not administer them")


def _told(freed: dict[str, int]) -> str:
    size = (freed["log_bytes"] + freed["milestone_bytes"]) / 1e6
    return f"{freed['commits']:,} commits and {freed['milestones']:,} milestones, {size:.2f} MB"
