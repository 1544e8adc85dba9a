"""The gate for untrusted Deltas: JSON bytes in, a Delta in normal form out, or InvalidOperation.

Owns every rule about what may enter; after it, the rest of `collab.ot` trusts its arguments.
Whether an operation fits a document is for `Rope.apply` to say. Messages name the op by its index
and never repeat what it holds.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

import msgspec

from collab.errors import InvalidOperation
from collab.ot import utf16
from collab.ot.attributes import without_nulls
from collab.ot.delta import Delta, Op, is_document, normalize

MAX_INTEGER = 2**53 - 1  # the largest that JavaScript holds exactly
MAX_OPS = 10_000

_decoder = msgspec.json.Decoder(Delta)
_encoder = msgspec.json.Encoder()


class Limits(Protocol):
    """Bounds on one operation; bytes are those of the JSON encoding."""

    @property
    def max_depth(self) -> int:
        """How deep objects and arrays may nest inside attributes and inside an embed."""
        ...

    @property
    def max_attributes_bytes(self) -> int: ...

    @property
    def max_embed_bytes(self) -> int: ...


def parse(raw: bytes, limits: Limits, *, rich: bool = True) -> Delta:
    """An untrusted operation in normal form; raises InvalidOperation.

    Without `rich`, attributes and embeds are refused. Nulls in the attributes of an insert are left
    out: there is nothing for them to take away.
    """
    delta = decode(raw)
    if len(delta) > MAX_OPS:
        raise InvalidOperation(f"{len(delta)} ops, {MAX_OPS} are allowed")
    return check(delta, limits, rich=rich)


def parse_document(raw: bytes, limits: Limits, *, rich: bool = True) -> Delta:
    """Untrusted whole content, a Delta of inserts of any number, like `parse`."""
    document = decode(raw)
    if not is_document(document):
        raise InvalidOperation("a document is made of inserts alone")
    return check(document, limits, rich=rich)


def decode(raw: bytes) -> Delta:
    """The Delta that JSON bytes spell, with each field of the right kind but nothing else checked;
    raises InvalidOperation."""
    try:
        return _decoder.decode(raw)
    except UnicodeDecodeError:
        raise InvalidOperation("not UTF-8") from None
    except RecursionError:
        raise InvalidOperation("nested too deep") from None
    except msgspec.MsgspecError as error:
        reason = str(error)
        if "unknown field" in reason:
            reason = "an op has no fields but insert, delete, retain and attributes"
        raise InvalidOperation(f"not a JSON array of ops: {reason}") from None


def check(delta: Delta, limits: Limits, *, rich: bool = True) -> Delta:
    """The normal form of decoded ops; raises InvalidOperation for what the format or the limits
    do not allow."""
    ops: list[Op] = []
    total = 0
    for index, op in enumerate(delta):
        attributes = op.attributes or None
        if attributes is not None:
            if not rich:
                _refuse(index, "plain text has no attributes")
            _check_json(index, attributes, limits.max_depth)
            if len(_encoder.encode(attributes)) > limits.max_attributes_bytes:
                _refuse(index, f"attributes over {limits.max_attributes_bytes} bytes")
        content, deleted, retained = op.insert, op.delete, op.retain
        if (content is not None) + (deleted is not None) + (retained is not None) != 1:
            _refuse(index, "exactly one of insert, delete and retain is needed")
        if isinstance(content, str):
            if not content:
                _refuse(index, "an empty insert")
            if not utf16.is_well_formed(content):
                _refuse(index, "half a surrogate pair")
            ops.append(Op(content, None, None, without_nulls(attributes)))
        elif content is not None:
            if not rich:
                _refuse(index, "plain text has no embeds")
            if not content:
                _refuse(index, "an embed needs a key")
            _check_json(index, content, limits.max_depth)
            if len(_encoder.encode(content)) > limits.max_embed_bytes:
                _refuse(index, f"an embed over {limits.max_embed_bytes} bytes")
            ops.append(Op(content, None, None, without_nulls(attributes)))
        else:
            length = deleted if deleted is not None else retained or 0
            total += length
            if not 0 < length <= MAX_INTEGER or total > MAX_INTEGER:
                _refuse(index, "a length that is not 1 to 2^53 - 1")
            if deleted is not None and attributes is not None:
                _refuse(index, "a delete has no attributes")
            ops.append(op)
    return normalize(ops)


def _check_json(index: int, value: object, depth: int) -> None:
    """Refuse what other JSON readers trip over; `value` itself is at depth 1."""
    match value:
        case dict() | list() if depth <= 0:
            _refuse(index, "attributes or an embed nested too deep")
        case dict():
            for key, item in value.items():
                _check_json(index, key, depth - 1)
                _check_json(index, item, depth - 1)
        case list():
            for item in value:
                _check_json(index, item, depth - 1)
        case str():
            if not utf16.is_well_formed(value):
                _refuse(index, "half a surrogate pair")
        case int() | float():
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                _refuse(index, "a number beyond 2^53 - 1")


def _refuse(index: int, reason: str) -> NoReturn:
    raise InvalidOperation(f"op {index}: {reason}")
