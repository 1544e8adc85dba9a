"""Where log lines go and how they look: structlog over the standard library's logging.

Owns format and redaction; every logger's lines, uvicorn's included, leave through one handler on
stderr. Knows nothing of who logs. Tokens are cut out wherever they turn up; query strings are cut
where uvicorn would log them (`collab.web.transport`). Of an exception the line tells what it was
and where it came from: its words may be somebody's content, and are left out unless they are ours
or the system's.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import sys
import traceback
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from collab.errors import CollabError
from collab.settings import LogFormat, LogLevel

SECRET_KEYS: Final = frozenset({"token", "authorization", "secret_key", "password"})
REDACTED: Final = "[redacted]"
_FRAMES: Final = 12
_DEEPEST: Final = 8
_WORD: Final = re.compile(r"[\w.-]+")
_JWT: Final = "eyJ"
_API_KEY: Final = re.compile(r"collab_[\w-]{40,}")


def configure_logging(
    log_format: LogFormat, log_level: LogLevel, worker: int | None = None
) -> None:
    """Send everything that is logged to stderr; may be called again.

    Every line bears the number of the `worker` whose process this is, if there are several.
    """

    def add_worker(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return event if worker is None else {**event, "worker": worker}

    shared: list[Processor] = [
        add_worker,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=[]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        last += [
            tell_failure,
            structlog.processors.EventRenamer("message"),
            redact,
            structlog.processors.JSONRenderer(),
        ]
    else:
        last += [
            tell_failure,
            redact,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level.upper())
    # Every step of theirs is told, or has an address in it that may be secret.
    for name in ("alembic", "sqlalchemy", "httpx", "httpcore", "markdown_it"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def tell_failure(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put in place of an exception what it was and where, in one line."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = failure(error)
    if event.get("logger") == "asyncio":  # further lines show the exception and paths of files
        for key in ("event", "message"):
            if isinstance(event.get(key), str):
                event[key] = event[key].partition("\n")[0]
    return event


def failure(error: BaseException, depth: int = _DEEPEST) -> str:
    """An exception as `type: words at module:line function < caller …`, with what it came from."""
    frames: list[str] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "?")
        frames.append(f"{module}:{line} {frame.f_code.co_name}")
    told = type(error).__name__
    if words := _words(error):
        told += f": {words}"
    if frames:
        told += f" at {' < '.join(reversed(frames[-_FRAMES:]))}"
    if depth == 0:
        return told
    if isinstance(error, BaseExceptionGroup):
        told += f" of [{'; '.join(failure(each, depth - 1) for each in error.exceptions[:4])}]"
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told if before is None else f"{told} from {failure(before, depth - 1)}"


def _words(error: BaseException) -> Any:
    """What an exception says, if that is nobody's content."""
    match error:
        case OSError():
            return error.strerror
        case CollabError() | sqlite3.Error():
            return str(error)
    return None


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cut secrets out of a line: values under telling keys, and what is shaped like a JWT
    or an API key."""
    for key, value in event.items():
        if key.lower() in SECRET_KEYS:
            event[key] = REDACTED
        elif isinstance(value, str) and (_JWT in value or "collab_" in value):
            event[key] = _WORD.sub(_redact_word, value)
    return event


def _redact_word(word: re.Match[str]) -> str:
    """The word up to the first token in it.

    In time that grows with its length only: a path in the log is as long as its sender likes, and
    a pattern that looked for a token's end from every beginning would take seconds over it.
    """
    text = word[0]
    key = _API_KEY.search(text)
    start = len(text) if key is None else key.start()
    jwt = text.find(_JWT)
    if jwt >= 0 and text.find(".", jwt + len(_JWT) + 1) >= 0:
        start = min(start, jwt)
    return text if start == len(text) else text[:start] + REDACTED
