"""Where log lines go and how they look: structlog over the standard library's logging.

Owns format and redaction; every logger's lines, uvicorn's included, leave through one handler on
stderr. Knows nothing of who logs. Tokens are cut out wherever they turn up; query strings are cut
where uvicorn would log them (`collab.web.transport`).
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from collab.settings import LogFormat, LogLevel

SECRET_KEYS: Final = frozenset({"token", "authorization", "secret_key", "password"})
REDACTED: Final = "[redacted]"
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*|collab_[\w-]{40,}")


def configure_logging(log_format: LogFormat, log_level: LogLevel) -> None:
    """Send everything that is logged to stderr; may be called again."""
    shared: list[Processor] = [
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
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            redact,
            structlog.processors.JSONRenderer(),
        ]
    else:
        last += [
            structlog.processors.format_exc_info,
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
    # Every step of theirs is an info, or has an address in it that may be secret.
    for name in ("alembic", "sqlalchemy", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cut secrets out of a line: values under telling keys, and what is shaped like a JWT
    or an API key."""
    for key, value in event.items():
        if key.lower() in SECRET_KEYS:
            event[key] = REDACTED
        elif isinstance(value, str) and ("eyJ" in value or "collab_" in value):
            event[key] = _TOKEN.sub(REDACTED, value)
    return event
