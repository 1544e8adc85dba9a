"""Text measured in UTF-16 code units, as JavaScript counts, over Python's strings of code points.

Owns every conversion between units and string indices (called points). Knows nothing of operations.
A string whose characters are all below U+10000 has as many units as points; a character above takes
two units, and no function here returns half of one.
"""

from __future__ import annotations

from collab.errors import InvalidOperation

_LOW_SURROGATES = range(0xDC, 0xE0)


def length(text: str) -> int:
    """How many units `text` has."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) >> 1


def advance(text: str, start: int, units: int) -> int:
    """The index that is `units` units after index `start`; raises InvalidOperation if that is
    inside a character or past the end. Costs as much as the stretch between, not as the text."""
    index = start + units
    if text.isascii():
        if index > len(text):
            raise InvalidOperation("a position past the end of a text")
        return index
    stretch = text[start:index]
    encoded = stretch.encode("utf-16-le", "surrogatepass")
    end = units * 2
    if len(encoded) == end:
        return start + len(stretch)
    if len(encoded) < end:
        raise InvalidOperation("a position past the end of a text")
    if encoded[end + 1] in _LOW_SURROGATES:
        raise InvalidOperation("a position inside a character (between two surrogates)")
    return start + len(encoded[:end].decode("utf-16-le", "surrogatepass"))


def to_units(text: str, point: int) -> int:
    """The unit position of the index `point`."""
    return length(text[:point])


def to_points(text: str, unit: int) -> int:
    """The index of the position `unit`; raises InvalidOperation like `advance`."""
    return advance(text, 0, unit)


def cut(text: str, start: int, end: int) -> str:
    """The units from `start` to `end`; raises InvalidOperation like `advance`."""
    first = advance(text, 0, start)
    return text[first : advance(text, first, end - start)]


def is_well_formed(text: str) -> bool:
    """Whether `text` is free of lone surrogates, so that it can be written as UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
