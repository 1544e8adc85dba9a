"""Operations and contents between the wire's JSON and the algebra's values.

Owns the client's reading of what the codec leaves undecoded, and the cutting of an operation that
is too big for one frame. Knows nothing of versions and connections.
"""

from __future__ import annotations

from collections import deque

import msgspec

from collab.errors import Malformed
from collab.ot.delta import Delta, Op, insert, is_document, normalize
from collab.ot.rope import Rope
from collab.words import Access

EMPTY = Rope.empty()
FRAME_OVERHEAD_BYTES = 160
"""What an edit frame has around its operation, at most."""
MAX_OPS = 10_000
"""Ops in one edit; servers refuse far longer ones."""

_operations = msgspec.json.Decoder(tuple[Op, ...])
_texts = msgspec.json.Decoder(str)
_encoder = msgspec.json.Encoder()


def decode(raw: msgspec.Raw | bytes) -> Delta:
    """A server's operation; raises Malformed."""
    try:
        ops = _operations.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Malformed(f"not an operation: {error}") from None
    for op in ops:
        kinds = (op.insert is not None) + (op.delete is not None) + (op.retain is not None)
        if kinds != 1 or (op.delete or op.retain or 1) < 1:
            raise Malformed("not an operation: an op of no kind, of two, or of negative length")
    return normalize(ops)


def encode(operation: Delta) -> msgspec.Raw:
    """An operation as it goes into a frame."""
    return msgspec.Raw(_encoder.encode(operation))


def contents(document_type: str, raw: msgspec.Raw | bytes) -> Rope:
    """The document that a welcome or a reset carries; raises Malformed.

    A string for `text`, an array of insert ops for `richtext`.
    """
    match document_type:
        case "text":
            try:
                text = _texts.decode(raw)
            except (msgspec.MsgspecError, ValueError) as error:
                raise Malformed(f"not the contents of a text: {error}") from None
            return Rope.of((insert(text),) if text else ())
        case "richtext":
            document = decode(raw)
            if not is_document(document):
                raise Malformed("contents with something else than inserts")
            return Rope.of(document)
    raise Malformed(f"documents of type {document_type} are not for this client")


def access_of(name: str) -> Access:
    """The rights that the server names; raises Malformed."""
    try:
        return Access[name.upper()]
    except KeyError:
        raise Malformed(f"no such right as {name}") from None


def split(operation: Delta, frame_bytes: int | None) -> tuple[Delta, Delta]:
    """`operation` as two that follow one another; the first fits a frame, the rest may be empty.

    Law: compose(first, rest) == operation. An op that cannot be cut (an embed) goes whole, even
    where it is too big: the server says so then.
    """
    room = (frame_bytes or 1 << 62) - FRAME_OVERHEAD_BYTES
    if len(operation) <= MAX_OPS and (frame_bytes is None or _size(operation) <= room):
        return operation, ()
    first: list[Op] = []
    rest = deque(operation)
    changes = False  # a first that only skips would leave the rest as long as it was
    while rest and len(first) < MAX_OPS:
        op = rest[0]
        size = _size((op,))
        if size > room and _can_cut(op) and (room > FRAME_OVERHEAD_BYTES or not changes):
            head, rest[0] = _cut(op, room)
            first.append(head)
            break
        if size > room and changes:
            break
        first.append(rest.popleft())
        room -= size
        changes = changes or op.retain is None or op.attributes is not None
    behind = sum(op.length for op in first if op.delete is None)
    return normalize(first), normalize([Op(retain=behind), *rest] if behind else rest)


def _size(ops: tuple[Op, ...]) -> int:
    return len(_encoder.encode(ops))


def _can_cut(op: Op) -> bool:
    return isinstance(op.insert, str) and len(op.insert) > 1


def _cut(op: Op, room: int) -> tuple[Op, Op]:
    """A text insert in two; the first part is halved until it fits."""
    assert isinstance(op.insert, str)
    end = len(op.insert)
    while end > 1 and _size((Op(insert=op.insert[:end], attributes=op.attributes),)) > room:
        end //= 2
    return (
        Op(insert=op.insert[:end], attributes=op.attributes),
        Op(insert=op.insert[end:], attributes=op.attributes),
    )
