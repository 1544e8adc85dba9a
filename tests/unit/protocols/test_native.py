"""The native codec: what clients send for others is bounded before it is decoded."""

from __future__ import annotations

import msgspec
import pytest

from collab.errors import Malformed, TooLarge
from collab.protocols import native


def state_of(frame: str) -> msgspec.Raw:
    message = native.decode_client(frame)
    assert isinstance(message, native.SetPresence)
    assert isinstance(message.state, msgspec.Raw)
    return message.state


def test_what_is_for_others_is_not_decoded_with_the_frame() -> None:
    dense = "[" + ",".join(["{}"] * 1000) + "]"
    state = state_of('{"type":"presence","version":1,"state":' + dense + "}")
    assert bytes(state) == dense.encode()
    message = native.decode_client('{"type":"message","body":' + dense + "}")
    assert isinstance(message, native.SendMessage)
    assert bytes(message.body) == dense.encode()


def test_its_length_is_looked_at_before_its_content() -> None:
    with pytest.raises(TooLarge, match="presence of 5 bytes, 4 are allowed"):
        native.checked_json(msgspec.Raw(b"[1e9]"), 4, "presence")
    with pytest.raises(TooLarge):
        native.checked_json(msgspec.Raw(b"[[[[["), 4, "presence")
    with pytest.raises(TooLarge):
        native.checked_json(msgspec.Raw(b"1e15"), 4, "presence")  # longer once it is written out


def test_it_is_passed_on_in_one_spelling() -> None:
    raw = msgspec.Raw(b'{"a": [1, 2.50,\t"\\u00e9"] , "a" : null }')
    assert native.checked_json(raw, 100, "presence") == msgspec.Raw(b'{"a":null}')
    raw = msgspec.Raw(b'[1, 2.50,\t"\\u00e9"]')
    assert native.checked_json(raw, 100, "presence") == msgspec.Raw('[1,2.5,"é"]'.encode())
    assert native.checked_json(msgspec.Raw(b"null"), 100, "presence") is None


@pytest.mark.parametrize(
    "text",
    [b"[" * 34 + b"]" * 34, b"9007199254740992", b'"\\ud800"', b"NaN", b"[1,]", b"{1:2}"],
)
def test_what_other_readers_of_json_trip_over_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        native.checked_json(msgspec.Raw(text), 100, "it")
