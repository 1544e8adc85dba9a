"""What can go wrong for the user of this client: one tree, each class with a stable code.

Owns the classes and their wording. Knows nothing of how a failure is noticed. Catch `ClientError`
for all of it.
"""

from __future__ import annotations

from typing import ClassVar

from collab.errors import CollabError
from collab.ot.delta import Delta


class ClientError(CollabError):
    """Base of what this client raises."""

    code: ClassVar[str] = "client_error"


# An edit -----------------------------------------------------------------------------------------


class Refused(ClientError):
    """The server refused edits for good; they are taken back from the document.

    `operation` is what was refused, in positions (UTF-16 units) of the document at that moment, and
    `reason` the server's code. `others` are further refusals that nobody had been told of.
    """

    code = "refused"

    def __init__(
        self, reason: str, message: str, operation: Delta, others: tuple[Refused, ...] = ()
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.operation = operation
        self.others = others


class Unsaved(ClientError, TimeoutError):
    """Edits were not durable when the document was left; `operation` is all of them as one.

    They may still be saved if they were on their way. Positions are UTF-16 units of the newest
    state that the server had told us. Empty for a Yjs document, which keeps all that was changed.
    """

    code = "unsaved"

    def __init__(self, operation: Delta, seconds: float) -> None:
        super().__init__(f"edits were not saved within {seconds:g} seconds")
        self.operation = operation


class ReadOnly(ClientError):
    """The document may be read but not changed; `operation` is what waits unsent, if anything."""

    code = "read_only"

    def __init__(self, operation: Delta = ()) -> None:
        super().__init__("this document is read-only for you")
        self.operation = operation


class Offline(ClientError):
    """There is no connection for something that cannot wait for one."""

    code = "offline"

    def __init__(self) -> None:
        super().__init__("no connection to the server")


# The connection ----------------------------------------------------------------------------------


class Unreachable(ClientError, ConnectionError):
    """No connection came about within the time given for opening; the cause is the last failure."""

    code = "unreachable"


class Closed(ClientError):
    """The connection has ended for good; `close_code` is the server's.

    What was not saved by then is still in the document (`text`, `unsaved`), but goes nowhere.
    """

    code = "closed"

    def __init__(self, message: str, close_code: int | None = None) -> None:
        super().__init__(message)
        self.close_code = close_code


class ProtocolFailed(Closed):
    """The two sides do not understand one another."""

    code = "malformed"


class NotSignedIn(Closed):
    """No token, or one that does not hold."""

    code = "not_signed_in"


class NotAllowed(Closed):
    """Known to the server, but without the right to open this document."""

    code = "not_allowed"


class NotFound(Closed):
    """No such document, or none that we may know of."""

    code = "document_not_found"


class Gone(NotFound):
    """The document was deleted while we had it."""

    code = "document_gone"


class Replaced(Closed):
    """Another connection took over this client id."""

    code = "replaced"


class OverQuota(Closed):
    """The server's bound for this caller is reached."""

    code = "quota"


class WrongType(Closed):
    """The document is of a type that is not spoken over this protocol."""

    code = "wrong_type"
