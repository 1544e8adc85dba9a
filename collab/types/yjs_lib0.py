"""The lib0 v1 encoding, as far as Yjs uses it: numbers, strings, JSON and `Any` values.

Owns how untrusted bytes are walked without recursion and without believing a length. Knows
nothing of structs, documents or pycrdt. Every reader takes the bytes and a position and returns
the position after what it read; reading past the end raises IndexError or leaves a position past
the end, which whoever started the walk turns into InvalidOperation.
"""

from __future__ import annotations

import msgspec

from collab.errors import InvalidOperation

MAX_CLIENT = 2**53 - 1
"""Client ids are what JavaScript can count exactly."""

MAX_CLOCK = 2**31 - 1
"""Where a client's items end at most: pycrdt subtracts clocks as signed 32-bit numbers."""

MAX_ANY_DEPTH = 64
"""How deep arrays and objects nest in one value."""

_decode_json = msgspec.json.decode


def read_varuint(raw: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of at most 53 bits in its shortest form."""
    byte = raw[at]
    at += 1
    if byte < 128:
        return byte, at
    value = byte & 127
    shift = 7
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 49:
            raise InvalidOperation("a number has more than 53 bits")
    if byte == 0:
        raise InvalidOperation("a number is written longer than it is")
    if value > MAX_CLIENT:
        raise InvalidOperation("a number has more than 53 bits")
    return value, at


def read_count(raw: bytes, at: int) -> tuple[int, int]:
    """A number of things that take at least a byte each, so no more than there are bytes left."""
    count, at = read_varuint(raw, at)
    if count > len(raw) - at:
        raise InvalidOperation("a count or length is larger than what follows")
    return count, at


def read_clock(raw: bytes, at: int) -> tuple[int, int]:
    """A clock, or a number of clocks."""
    clock = raw[at]
    if clock < 128:
        return clock, at + 1
    byte = raw[at + 1]
    if 0 < byte < 128:
        return clock & 127 | byte << 7, at + 2
    clock, at = read_varuint(raw, at)
    if clock > MAX_CLOCK:
        raise InvalidOperation("a clock is out of range")
    return clock, at


def write_varuint(number: int) -> bytes:
    """A number as `read_varuint` takes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_string(raw: bytes, at: int) -> tuple[str, int]:
    """A text after its length in bytes; UnicodeDecodeError unless it is UTF-8, which a lone
    surrogate never is."""
    length, at = read_count(raw, at)
    end = at + length
    return raw[at:end].decode(), end


def read_json(raw: bytes, at: int) -> int:
    """Walk over a JSON text."""
    length, at = read_count(raw, at)
    end = at + length
    check_json(raw[at:end])
    return end


def check_json(text: bytes) -> None:
    """Refuse what is not JSON or nests deeper than MAX_ANY_DEPTH."""
    if text.count(b"[") + text.count(b"{") > MAX_ANY_DEPTH and _json_depth(text) > MAX_ANY_DEPTH:
        raise InvalidOperation("a JSON value nests too deep")
    try:
        _decode_json(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidOperation("a JSON value does not parse") from None


def _json_depth(text: bytes) -> int:
    depth = deepest = 0
    parts = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    for part in parts[::2]:  # the odd ones are what stands between quotes
        for byte in part:
            if byte in b"[{":
                depth += 1
                deepest = max(deepest, depth)
            elif byte in b"]}":
                depth -= 1
    return deepest


def read_any(raw: bytes, at: int) -> int:
    """Walk over one `Any` value: tags 116 to 127."""
    open_counts: list[int] = []  # values still to come, of each array or object we are in
    open_keyed: list[bool] = []
    while True:
        tag = raw[at]
        at += 1
        if tag == 119:
            at = _skip_string(raw, at)
        elif tag == 125:
            at = _skip_integer(raw, at)
        elif tag == 117 or tag == 118:
            count, at = read_count(raw, at)
            if count:
                if len(open_counts) == MAX_ANY_DEPTH:
                    raise InvalidOperation("a value nests too deep")
                open_counts.append(count + 1)
                open_keyed.append(tag == 118)
            elif len(open_counts) == MAX_ANY_DEPTH:
                raise InvalidOperation("a value nests too deep")
        elif tag == 124:
            at += 4
        elif tag == 123 or tag == 122:
            at += 8
        elif tag == 116:
            length, at = read_count(raw, at)
            at += length
        elif tag > 127 or tag < 116:
            raise InvalidOperation("a value is of an unknown kind")
        while open_counts:
            open_counts[-1] -= 1
            if open_counts[-1]:
                if open_keyed[-1]:
                    at = _skip_string(raw, at)
                break
            open_counts.pop()
            open_keyed.pop()
        else:
            return at


def _skip_string(raw: bytes, at: int) -> int:
    length, at = read_count(raw, at)
    end = at + length
    text = raw[at:end]
    if not text.isascii():
        text.decode()
    return end


def _skip_integer(raw: bytes, at: int) -> int:
    """A signed number: six bits and the sign, then seven bits each, at most 53."""
    byte = raw[at]
    at += 1
    if byte < 128:
        return at
    magnitude = byte & 63
    shift = 6
    while True:
        byte = raw[at]
        at += 1
        magnitude |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 48:
            raise InvalidOperation("a number has more than 53 bits")
    if magnitude > MAX_CLIENT:
        raise InvalidOperation("a number has more than 53 bits")
    return at
