"""The document types there are, by the name that documents and the wire call them.

Owns the table. Knows nothing of what the types do.
"""

from __future__ import annotations

from collab.errors import WrongType
from collab.types import DocumentType
from collab.types.delta import RICHTEXT, TEXT
from collab.types.yjs import YJS

_KNOWN: dict[str, DocumentType] = {kind.name: kind for kind in (TEXT, RICHTEXT, YJS)}
TYPES = tuple(_KNOWN)
"""The names."""


def document_type(name: str) -> DocumentType:
    """The type called `name`; raises WrongType, which lists the names there are."""
    try:
        return _KNOWN[name]
    except KeyError:
        raise WrongType(f"the document types are {', '.join(sorted(_KNOWN))}") from None
