"""The Python client: open a document, edit it together with others, follow what they do.

    async with collab_client.connect("http://127.0.0.1:8000", "notes", create="text") as notes:
        await notes.insert(0, "Hello")
        await notes.flush()

With type="yjs" the document is one of Yjs, in the hands of pycrdt. See docs/client-python.md.
"""

from collab_client.channel import (
    BinaryChannel,
    Channel,
    ChannelClosed,
    OpenBinaryChannel,
    OpenChannel,
)
from collab_client.connecting import connect
from collab_client.core import Replica
from collab_client.document import LiveDocument
from collab_client.errors import (
    ClientError,
    Closed,
    Gone,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Offline,
    OverQuota,
    ProtocolFailed,
    ReadOnly,
    Refused,
    Replaced,
    Unreachable,
    Unsaved,
    WrongType,
)
from collab_client.feeds import Change, Message
from collab_client.indices import Deleted, Formatted, Inserted
from collab_client.open_document import Status
from collab_client.presence import Peer
from collab_client.yjs_document import YjsDocument
from collab_client.yjs_replica import YjsReplica

__all__ = [
    "BinaryChannel",
    "Change",
    "Channel",
    "ChannelClosed",
    "ClientError",
    "Closed",
    "Deleted",
    "Formatted",
    "Gone",
    "Inserted",
    "LiveDocument",
    "Message",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Offline",
    "OpenBinaryChannel",
    "OpenChannel",
    "OverQuota",
    "Peer",
    "ProtocolFailed",
    "ReadOnly",
    "Refused",
    "Replaced",
    "Replica",
    "Status",
    "Unreachable",
    "Unsaved",
    "WrongType",
    "YjsDocument",
    "YjsReplica",
    "connect",
]
