"""Websocket frames as bytes: reading the usual ones, writing those of a server (RFC 6455, 5.2).

Owns the layout of a frame. What is unusual here - fragments, control frames, whatever is wrong - is
left to the frame parser of the websockets library; `frame_bytes` tells where it ends.
"""

from __future__ import annotations

from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8

_FINAL_TEXT, _FINAL_BINARY = 0x80 | TEXT, 0x80 | BINARY
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_SMALL, _MEDIUM, _LARGE = 125, 126, 127


def whole_message(data: bytes, at: int, max_bytes: int) -> tuple[bool, bytes, int] | None:
    """The message in the one frame at `at`: whether it is text, its bytes, and where it ends.

    None if that is not a whole, masked, unfragmented data frame of at most `max_bytes`.
    """
    have = len(data) - at
    if have < 2 + _MASK_BYTES:
        return None
    head = data[at]
    if head != _FINAL_BINARY and head != _FINAL_TEXT:
        return None
    size = data[at + 1] - _MASKED
    mask = at + 2
    if size == _MEDIUM:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        mask = at + 4
        if size <= _SMALL:
            return None  # spelt longer than needed
    elif not 0 <= size <= _SMALL:
        return None
    if size > max_bytes:
        return None
    start = mask + _MASK_BYTES
    end = start + size
    if end > at + have:
        return None
    return head == _FINAL_TEXT, apply_mask(data[start:end], data[mask:start]), end


def frame_bytes(data: bytes, at: int) -> int | None:
    """How long the frame at `at` says that it is, head and all; None if its head is cut off."""
    have = len(data) - at
    if have < 2:
        return None
    size = data[at + 1] & 0x7F
    head = 2
    if size == _MEDIUM:
        head = 4
    elif size == _LARGE:
        head = 10
    if have < head:
        return None
    if head > 2:
        size = int.from_bytes(data[at + 2 : at + head], "big")
    return head + size + (_MASK_BYTES if data[at + 1] & _MASKED else 0)


def is_close(data: bytes, at: int) -> bool:
    """Whether the frame at `at`, whose head is there, closes the connection."""
    return data[at] & 0x0F == CLOSE


def text_frame(text: str) -> bytes:
    """The text as a server's frame."""
    return b"".join(text_parts(text))


def text_parts(text: str) -> tuple[bytes, bytes]:
    """The same in two, which saves a copy of what is long."""
    payload = text.encode()
    return _head(_FINAL_TEXT, len(payload)), payload


def binary_frame(payload: bytes) -> bytes:
    """The bytes as a server's frame."""
    return b"".join(binary_parts(payload))


def binary_parts(payload: bytes) -> tuple[bytes, bytes]:
    """The same in two, which saves a copy of what is long."""
    return _head(_FINAL_BINARY, len(payload)), payload


def _head(first: int, size: int) -> bytes:
    if size <= _SMALL:
        return bytes((first, size))
    if size < 2**16:
        return bytes((first, _MEDIUM)) + size.to_bytes(2, "big")
    return bytes((first, _LARGE)) + size.to_bytes(8, "big")
