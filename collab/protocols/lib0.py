"""The bytes under every Yjs protocol: the parts of npm `lib0/encoding` that the messages use.

Owns reading them from untrusted bytes, with every length checked against what is there, and writing
them. Knows nothing of messages, nor of the encoding of Yjs updates.

- varUint: groups of 7 bits, the lowest first; the top bit of a byte says that another follows. At
  most 8 bytes and 53 bits, since JavaScript's numbers end there.
- varBytes: a varUint that counts the bytes, and the bytes.
- varString: varBytes that hold UTF-8.
- JSON: a varString that holds JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NoReturn

from collab.errors import Malformed

MAX_UINT = 2**53 - 1
MAX_JSON_DEPTH = 64
_MAX_UINT_BYTES = 8
_CUT_SHORT = "the bytes end in the middle of a value"


class Reader:
    """Takes values from the front of `data`; each call raises Malformed if the next is not one.

    After a Malformed the reader is spent.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._position

    def read_uint(self) -> int:
        """A varUint."""
        data, start = self._data, self._position
        if start < len(data) and data[start] < 0x80:
            self._position = start + 1
            return data[start]
        number = 0
        for index, byte in enumerate(data[start : start + _MAX_UINT_BYTES]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if number > MAX_UINT:
                    break
                self._position = start + index + 1
                return number
        else:
            if self.remaining < _MAX_UINT_BYTES:
                raise Malformed(_CUT_SHORT)
        raise Malformed("a number beyond 2^53 - 1")

    def read_count(self, smallest: int) -> int:
        """A varUint that counts values of at least `smallest` bytes each, all still to come."""
        number = self.read_uint()
        if number * smallest > self.remaining:
            raise Malformed(_CUT_SHORT)
        return number

    def read_bytes(self) -> bytes:
        """A varBytes."""
        size = self.read_count(1)
        start = self._position
        self._position = start + size
        return self._data[start : self._position]

    def read_string(self) -> str:
        """A varString."""
        try:
            return self.read_bytes().decode()
        except UnicodeDecodeError:
            raise Malformed("a string that is not UTF-8") from None

    def read_json(self) -> str | None:
        """The text of a JSON value, which JavaScript can parse too; None for null."""
        text = self.read_string()
        return None if parse_json(text) is None else text

    def end(self) -> None:
        """Nothing may be left."""
        if self.remaining:
            raise Malformed(f"{self.remaining} bytes after the message")


def parse_json(text: str) -> object:
    """The JSON value in `text`, all numbers as floats; raises Malformed.

    Stricter than Python (no NaN) and, for the sake of readers that recurse, than JavaScript: at
    most MAX_JSON_DEPTH arrays and objects in one another. Escaped lone surrogates pass, because
    JSON.stringify writes them.
    """
    try:
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("a state that is not JSON") from None
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH:  # only then it may be too deep
        _check_depth(value)
    return value


def encode_uint(number: int) -> bytes:
    """`number`, 0 to MAX_UINT, as a varUint."""
    if 0 <= number < 0x80:
        return _SMALL[number]
    if not 0 <= number <= MAX_UINT:
        raise ValueError(f"{number} is not an integer of 53 bits")
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def encode_bytes(data: bytes) -> bytes:
    """`data` as a varBytes."""
    return encode_uint(len(data)) + data


def encode_string(text: str) -> bytes:
    """`text` as a varString."""
    return encode_bytes(text.encode())


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_depth(value: object) -> None:
    level = _inner([value])
    for _ in range(MAX_JSON_DEPTH):
        if not level:
            return
        level = _inner(
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
        )
    if level:
        raise Malformed(f"a state nested deeper than {MAX_JSON_DEPTH}")


def _inner(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, dict | list)]


_SMALL = [bytes((number,)) for number in range(0x80)]
_DECODER = json.JSONDecoder(parse_int=float, parse_constant=_refuse_constant)
