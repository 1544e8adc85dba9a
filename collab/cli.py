"""The `collab` command: serve, migrate, and everything that talks to a running server.

Owns how errors end a command: one line on standard error and exit code 1, never a stack trace.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand

from collab import __version__
from collab.commands import (
    api_key,
    documents,
    erase,
    gc,
    history,
    replay,
    tail,
    token,
    transfer,
    versions,
)
from collab.commands.console import ERR, OUT
from collab.commands.remote import CommandError
from collab.errors import CollabError
from collab.settings import load_settings, variables

app = typer.Typer(
    name="collab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # its paragraphs are wrapped, and are neither markup nor emoji
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ServeCommand(TyperCommand):
    """A command whose help lists the environment variables there are."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        table = Table("variable", "meaning", "default", box=None, pad_edge=False)
        table.columns[0].no_wrap = True
        for variable in variables():
            table.add_row(variable.name, Text(variable.description), Text(variable.default or ""))
        OUT.print("Environment variables (an empty value means absent):\n", style="bold")
        OUT.print(table, soft_wrap=False)  # here long descriptions are to be wrapped


def _show_version(wanted: bool) -> None:
    if wanted:
        OUT.print(f"collab {__version__}")
        raise typer.Exit


@app.callback()
def collab(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """A collaborative document server: one ordered, durable log per document."""


@app.command(cls=ServeCommand)
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, before HOST.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, before PORT.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes, before WEB_CONCURRENCY; more than 1 need PostgreSQL.",
            show_default=False,
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificate chain to serve https with, before COLLAB_TLS_CERT.",
            show_default=False,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its private key, before COLLAB_TLS_KEY.", show_default=False
        ),
    ] = None,
) -> None:
    """Run the server until it is told to stop."""
    # Only this command pays for importing the server.
    from collab.app import create_app
    from collab.serve import serve as serve_alone
    from collab.workers import serve_with_workers

    settings = load_settings(
        host=host, port=port, workers=workers, tls_cert=tls_cert, tls_key=tls_key
    )
    if settings.workers > 1:
        serve_with_workers(create_app, settings)
    else:
        serve_alone(create_app(settings), settings)


@app.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the newest schema."""
    from collab.storage.connect import migrate_store

    OUT.print(migrate_store(load_settings().database_url))


app.command()(documents.documents)
app.command()(documents.cat)
app.command()(tail.tail)
app.command()(versions.versions)
app.command()(documents.edit)
app.command()(history.diff)
app.command()(history.blame)
app.command()(history.restore)
app.command("import")(transfer.import_files)
app.command("export")(transfer.export_documents)
app.command()(gc.gc)
app.command("erase-user")(erase.erase_user)
app.command()(token.token)
app.command("api-key")(api_key.api_key)
app.command()(replay.replay)


def main() -> None:
    """The console's entry point."""
    try:
        app()
    except (CommandError, CollabError, OSError) as error:
        _fail(str(error))
    except httpx.HTTPError as error:
        _fail(f"the connection broke: {str(error) or type(error).__name__}")


def _fail(message: str) -> None:
    ERR.print(f"collab: {message}")
    sys.exit(1)
