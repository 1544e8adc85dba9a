"""Every error that collab tells anybody about: one tree, each class with a stable code.

Owns the codes and the wording. Knows nothing of HTTP statuses or close codes: each edge has one
translator for that. The text of an error never holds content, tokens or paths.
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar


class CollabError(Exception):
    """Base of the tree. `code` is part of the wire contract; `str(error)` is for people."""

    code: ClassVar[str] = "internal"


class ConfigurationError(CollabError):
    """The server cannot start with these settings; the message says what to change."""

    code = "configuration"


# What a caller sent ------------------------------------------------------------------------------


class Malformed(CollabError):
    """Bytes that are not a message of the protocol, or a message at the wrong moment."""

    code = "malformed"


class InvalidDocumentId(CollabError):
    """A document id with other characters or another length than is allowed."""

    code = "invalid_document_id"

    def __init__(self) -> None:
        super().__init__(
            "a document id is 1 to 200 characters: the first a letter or digit, "
            "the others letters, digits or . _ : ~ @ -"
        )


class InvalidOperation(CollabError):
    """An operation that is not well formed, breaks a limit or does not fit its document."""

    code = "invalid_operation"


class UpdateGap(CollabError):
    """A Yjs update that builds on something which is not here; nothing of it is applied."""

    code = "update_gap"


class InvalidContent(CollabError):
    """Whole content (PUT, import) that cannot be content of the document's type."""

    code = "invalid_content"


class UnknownFormat(CollabError):
    """A format that the document's type cannot be rendered to or read from."""

    code = "unknown_format"


class RootNeeded(CollabError):
    """A yjs document has several roots that could be meant."""

    code = "root_needed"


class WrongType(CollabError):
    """The document's type cannot be spoken over this protocol, or does not exist."""

    code = "wrong_type"


class DocumentTooLarge(CollabError):
    """The edit would grow the document past its bound."""

    code = "document_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the document would have {size} bytes, {limit} are allowed")
        self.size = size
        self.limit = limit


class TooLarge(CollabError):
    """A body, message or metadata object over its bound."""

    code = "too_large"


class FrameTooLarge(TooLarge):
    """A websocket message over its bound."""

    code = "frame_too_large"


class BodyTooLarge(TooLarge):
    """A request body over its bound."""

    code = "body_too_large"


class PresenceTooLarge(TooLarge):
    """A presence state over its bound."""

    code = "presence_too_large"


class MessageTooLarge(TooLarge):
    """A message to the peers of a document over its bound."""

    code = "message_too_large"


class JsonTooDeep(Malformed):
    """JSON that nests deeper than its bound."""

    code = "json_too_deep"


class TooFast(CollabError):
    """More than the caller's share; `retry_after` is in seconds, and the message ends with it."""

    code = "too_fast"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(f"{message}: again in {max(1, ceil(retry_after))} s")
        self.retry_after = retry_after


class TooManyEdits(TooFast):
    """One peer's edits come faster than its share."""

    code = "too_many_edits"


class TooMuchPresence(TooFast):
    """One peer's presence and messages come faster than their share."""

    code = "too_much_presence"


class TooManyRequests(TooFast):
    """One caller's HTTP requests that change something come faster than their share."""

    code = "too_many_requests"


class TooManyConnections(TooFast):
    """One user, or one address, has as many connections as it may have."""

    code = "too_many_connections"


class TooManyDocuments(TooFast):
    """One socket holds as many documents open as it may."""

    code = "too_many_documents"


# Where an edit stands in the log -----------------------------------------------------------------


class BaseAboveHead(CollabError):
    """The edit or reader names a version that this document does not have."""

    code = "base_above_head"

    def __init__(self, base: int, version: int) -> None:
        super().__init__(f"version {base} does not exist, the newest is {version}")
        self.base = base
        self.version = version


class BelowFloor(CollabError):
    """The version is too old to be resumed from: take a fresh snapshot and rebase on it."""

    code = "below_floor"

    def __init__(self, base: int, floor: int) -> None:
        super().__init__(f"version {base} is too old to continue from, the oldest is {floor}")
        self.base = base
        self.floor = floor


class NameReused(CollabError):
    """The author's seq is taken by an edit with another payload; `version` is where that one is."""

    code = "edit_name_reused"

    def __init__(self, seq: int, version: int) -> None:
        super().__init__(f"edit {seq} was committed as version {version} with another payload")
        self.seq = seq
        self.version = version


class StaleSequence(CollabError):
    """A lower seq than the author's newest commit, which is (`committed_seq`, `version`)."""

    code = "stale_sequence"

    def __init__(self, seq: int, committed_seq: int, version: int) -> None:
        super().__init__(f"edit {seq} comes after edit {committed_seq} was committed")
        self.seq = seq
        self.committed_seq = committed_seq
        self.version = version


class BaseBelowOwnCommit(CollabError):
    """The base leaves out the author's own newest commit, which is (`committed_seq`, `version`)."""

    code = "base_below_own_commit"

    def __init__(self, base: int, committed_seq: int, version: int) -> None:
        super().__init__(f"base {base} leaves out the author's own commit {version}")
        self.base = base
        self.committed_seq = committed_seq
        self.version = version


class PreconditionFailed(CollabError):
    """If-Match names another epoch than the document has now."""

    code = "precondition_failed"


class PreconditionRequired(CollabError):
    """Replacing content needs to say what it replaces."""

    code = "precondition_required"


class VersionUnavailable(CollabError):
    """A past version whose history has been trimmed."""

    code = "version_unavailable"


class VersionNotFound(CollabError):
    """No version of that number has a name."""

    code = "version_not_found"

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} has no name")
        self.version = version


class VersionExists(CollabError):
    """The version has a name already: it may be renamed."""

    code = "version_exists"

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} has a name already")
        self.version = version


class TooManyVersions(CollabError):
    """The document has as many named versions as it may have."""

    code = "too_many_versions"

    def __init__(self, limit: int) -> None:
        super().__init__(f"a document has {limit} named versions at most, forget some")
        self.limit = limit


# Documents ---------------------------------------------------------------------------------------


class DocumentExists(CollabError):
    """Create found a document of that id."""

    code = "document_exists"


class DocumentNotFound(CollabError):
    """No such document, or none that the caller may know of, or it has just been deleted."""

    code = "document_not_found"

    def __init__(self, message: str = "no such document") -> None:
        super().__init__(message)


# Who may -----------------------------------------------------------------------------------------


class NotSignedIn(CollabError):
    """No token, or one that does not hold."""

    code = "not_signed_in"


class NotAllowed(CollabError):
    """Known, but without the right for this."""

    code = "not_allowed"


# The connection ----------------------------------------------------------------------------------


class PeerNotFound(CollabError):
    """No peer of the document has that connection, or not any more."""

    code = "peer_not_found"


class HelloTimeout(CollabError):
    """A socket was opened and nothing said on it."""

    code = "hello_timeout"


class WrongFrameKind(CollabError):
    """A binary frame where the protocol has text, or the other way round."""

    code = "wrong_frame_kind"


class Replaced(CollabError):
    """A newer connection of the same client has taken over."""

    code = "replaced"


# Ours --------------------------------------------------------------------------------------------


class Unavailable(CollabError):
    """Passing trouble: nothing was changed for all we know, try again."""

    code = "unavailable"


class HistoryRewritten(Unavailable):
    """The document's history was written anew, so that nothing goes on from what was there before:
    whoever comes back gets it afresh."""

    code = Unavailable.code

    def __init__(self) -> None:
        super().__init__("the history of this document was written anew, it loads afresh")


class Restarting(Unavailable):
    """This node is going away; reconnect after `retry_after` seconds."""

    code = "restarting"

    def __init__(self, retry_after: float) -> None:
        super().__init__("the server is restarting")
        self.retry_after = retry_after


class Quarantined(Unavailable):
    """The document is kept away from everybody until an administrator lets them back."""

    code = "quarantined"

    def __init__(self) -> None:
        super().__init__("this document is in quarantine, nobody may open it for now")


class SentAway(Unavailable):
    """An administrator has closed the connection; the client may come back at once."""

    code = "sent_away"

    def __init__(self) -> None:
        super().__init__("an administrator has closed this connection")


class StoreFailure(Unavailable):
    """The store could not be read or written; an append may or may not have happened."""

    code = "store_failure"


class DocumentBroken(Unavailable):
    """What is stored of this document has a gap or does not decode; it is left untouched."""

    code = "document_broken"
