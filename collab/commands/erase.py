"""`erase-user`: take a user's name off every document's history."""

from __future__ import annotations

from typing import Annotated

import typer

from collab.commands.console import ERR, OUT
from collab.commands.documents import each_document
from collab.commands.remote import DEFAULT_URL, Refused, Remote, Token, Url


def erase_user(
    user: Annotated[str, typer.Argument(metavar="USER", help="The name, as tokens have it.")],
    prefix: Annotated[str, typer.Option(help="Only documents whose ids begin so.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Take a user's name off the edits and named versions of all documents.

    Their text stays, and so do the authors, which are no names. Whoever is connected to a document
    in which the name was gets it afresh.
    """
    documents = commits = left_out = looked_at = 0
    with Remote(url, token) as remote:
        for row in each_document(remote, prefix=prefix):
            looked_at += 1
            try:
                erased = remote.post(f"/v1/documents/{row['id']}/erase-user", {"user": user}).json()
            except Refused as refusal:
                if refusal.code not in {"not_allowed", "document_not_found"}:
                    raise
                left_out += 1
                continue
            if erased["found"]:
                documents += 1
                commits += erased["commits"]
                OUT.print(f"{row['id']}: {erased['commits']:,} commits")
            if ERR.is_terminal and looked_at % 100 == 0:
                ERR.print(f"{looked_at} documents …")
    OUT.print(f"erased from {documents} of {looked_at} documents, {commits:,} commits")
    if left_out:
        ERR.print(f"{left_out} left out: you do not administer them")
