"""The one translator from errors to websocket close codes."""

from __future__ import annotations

from collab import errors
from collab.protocols.native import CloseCode

# A close frame's reason is at most 123 bytes (RFC 6455, 5.5).
_MAX_REASON_BYTES = 123

_CODES: dict[type[errors.CollabError], int] = {
    errors.WrongFrameKind: CloseCode.WRONG_KIND,
    errors.TooLarge: CloseCode.TOO_BIG,
    errors.Restarting: CloseCode.RESTARTING,
    errors.Unavailable: CloseCode.TRY_LATER,
    errors.NotSignedIn: CloseCode.NOT_SIGNED_IN,
    errors.NotAllowed: CloseCode.NOT_ALLOWED,
    errors.DocumentNotFound: CloseCode.NOT_FOUND,
    errors.HelloTimeout: CloseCode.HELLO_TIMEOUT,
    errors.Replaced: CloseCode.REPLACED,
    errors.DocumentTooLarge: CloseCode.QUOTA,
    errors.WrongType: CloseCode.WRONG_TYPE,
    errors.TooFast: CloseCode.TOO_FAST,
    errors.CollabError: CloseCode.MALFORMED,
}


def close_code(error: errors.CollabError) -> int:
    """The code of the nearest class that has one; what is left is the client's fault: 4400."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)


def close_reason(error: errors.CollabError) -> str:
    """`code: message`, cut to what a close frame holds."""
    reason = f"{error.code}: {error}".encode()[:_MAX_REASON_BYTES]
    return reason.decode(errors="ignore")
