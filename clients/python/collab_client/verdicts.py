"""What the server's codes mean: for an edit that is on its way, and for the connection.

Owns these tables alone, so that every rule of the kind is read in one place.
"""

from __future__ import annotations

import re
from enum import Enum

from collab.protocols.native import CloseCode, ErrorReport
from collab_client import errors


class Verdict(Enum):
    """What an error report says about the edit it names."""

    WAIT = "a reset or a close follows, and decides"
    PASSING = "nothing is decided: send it again on another connection"
    COMMITTED = "the log has another writing of it"
    REWRITE = "it was made without knowing a commit of our own: write it anew over that one"
    REFUSED = "it will never be in the log"


_VERDICTS = {
    "below_floor": Verdict.WAIT,
    "base_above_head": Verdict.WAIT,
    "document_not_found": Verdict.WAIT,
    "not_signed_in": Verdict.WAIT,
    "internal": Verdict.PASSING,
    "unavailable": Verdict.PASSING,
    "restarting": Verdict.PASSING,
    "store_failure": Verdict.PASSING,
    "document_broken": Verdict.PASSING,
    "quarantined": Verdict.PASSING,
    "too_fast": Verdict.PASSING,
    "too_many_edits": Verdict.PASSING,
    "too_much_presence": Verdict.PASSING,
    "too_many_connections": Verdict.PASSING,
    "too_many_documents": Verdict.PASSING,
}

_FINAL: dict[int, type[errors.Closed]] = {
    CloseCode.WRONG_KIND: errors.ProtocolFailed,
    CloseCode.BAD_UTF8: errors.ProtocolFailed,
    CloseCode.TOO_BIG: errors.ProtocolFailed,
    CloseCode.MALFORMED: errors.ProtocolFailed,
    CloseCode.NOT_SIGNED_IN: errors.NotSignedIn,
    CloseCode.NOT_ALLOWED: errors.NotAllowed,
    CloseCode.NOT_FOUND: errors.NotFound,
    CloseCode.REPLACED: errors.Replaced,
    CloseCode.QUOTA: errors.OverQuota,
    CloseCode.WRONG_TYPE: errors.WrongType,
}

BROKEN = CloseCode.MALFORMED
"""The code for an end that another attempt would only repeat."""

_CODE_OF_DENIAL = {
    "not_signed_in": CloseCode.NOT_SIGNED_IN,
    "document_not_found": CloseCode.NOT_FOUND,
    "document_gone": CloseCode.NOT_FOUND,
    "wrong_type": CloseCode.WRONG_TYPE,
    "invalid_document_id": CloseCode.MALFORMED,
    "document_too_large": CloseCode.QUOTA,
}

_PASSING_4400S = frozenset({CloseCode.HELLO_TIMEOUT, CloseCode.TOO_FAST})
_LONGEST_WAIT_SECONDS = 60.0
_AGAIN = re.compile(r"again in ([0-9]{1,6}) s\Z")


def verdict_on_edit(error: ErrorReport, *, rewritten: bool) -> Verdict:
    """What `error` says about the edit that it names; `rewritten`: two writings of it are out."""
    if error.code == "edit_name_reused" and error.committed is not None and rewritten:
        return Verdict.COMMITTED
    if error.code == "base_below_own_commit" and error.committed is not None:
        return Verdict.REWRITE
    return _VERDICTS.get(error.code, Verdict.REFUSED)


def close_code_of_denial(reason: str) -> int:
    """The code that stands for a permission denied; `reason` begins with the server's error code,
    or is another server's own words."""
    code, _, _ = reason.partition(":")
    if _VERDICTS.get(code) is Verdict.PASSING:
        return CloseCode.TRY_LATER
    return _CODE_OF_DENIAL.get(code, CloseCode.NOT_ALLOWED)


def retry_after_of(close_code: int, reason: str) -> float:
    """For how many seconds a connection that was closed so is not to be opened again.

    Who is too fast is told so in the reason, also where the protocol has no goodbye.
    """
    if close_code not in (CloseCode.TOO_FAST, CloseCode.TRY_LATER):
        return 0.0
    told = _AGAIN.search(reason)
    return min(float(told[1]), _LONGEST_WAIT_SECONDS) if told else 0.0


def failure_of(close_code: int, reason: str, *, known: bool) -> errors.Closed | None:
    """Why a connection closed so is the last one; None if the next may do better.

    `known`: we have had the document, so that its absence means that it is gone.
    """
    if close_code in _PASSING_4400S:
        return None
    failure = _FINAL.get(close_code)
    if failure is None:
        if not 4400 <= close_code <= 4499:
            return None
        failure = errors.Closed
    if failure is errors.NotFound and known:
        failure = errors.Gone
    text = failure.__doc__ or ""
    return failure(reason or text.splitlines()[0], close_code)
