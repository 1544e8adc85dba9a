"""The bytes under the Yjs protocols: written and read back, and never read past their end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import Malformed
from collab.protocols import lib0


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (2**32 - 1, "ffffffff0f"),
        (2**53 - 1, "ffffffffffffff0f"),
    ],
)
def test_numbers_are_groups_of_7_bits(number: int, encoded: str) -> None:
    assert lib0.encode_uint(number).hex() == encoded
    assert lib0.Reader(bytes.fromhex(encoded)).read_uint() == number


@pytest.mark.parametrize(
    "encoded", ["", "80", "ffffffffffffff", "ffffffffffffff10", "ffffffffffffffff01", "80" * 20]
)
def test_numbers_end_and_stay_below_2_to_the_53(encoded: str) -> None:
    with pytest.raises(Malformed):
        lib0.Reader(bytes.fromhex(encoded)).read_uint()


@pytest.mark.parametrize("number", [-1, 2**53])
def test_no_other_number_is_written(number: int) -> None:
    with pytest.raises(ValueError):
        lib0.encode_uint(number)


@settings(deadline=None)
@given(st.integers(0, lib0.MAX_UINT), st.binary(), st.text())
def test_what_is_written_is_read(number: int, data: bytes, text: str) -> None:
    encoded = lib0.encode_uint(number) + lib0.encode_bytes(data) + lib0.encode_string(text)
    reader = lib0.Reader(encoded)
    assert (reader.read_uint(), reader.read_bytes(), reader.read_string()) == (number, data, text)
    reader.end()


def test_a_length_beyond_the_end_is_refused() -> None:
    for encoded in ("05616263", "ffffffffffffff0f"):
        with pytest.raises(Malformed):
            lib0.Reader(bytes.fromhex(encoded)).read_bytes()
    reader = lib0.Reader(lib0.encode_uint(3) + bytes(11))
    with pytest.raises(Malformed):
        reader.read_count(4)


def test_bytes_that_are_left_are_refused() -> None:
    reader = lib0.Reader(b"\x00\x00")
    reader.read_uint()
    with pytest.raises(Malformed):
        reader.end()


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_only_utf_8_is_a_string(data: bytes) -> None:
    with pytest.raises(Malformed):
        lib0.Reader(lib0.encode_bytes(data)).read_string()


def _read_json(text: str) -> str | None:
    return lib0.Reader(lib0.encode_string(text)).read_json()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"user":{"name":"Ada","color":"#30bced"},"cursor":null}',
        "0",
        "-0.5e-7",
        "1e999",
        "9" * 6000,
        "false",
        '"\\ud83d"',
        '"\u2028\U0001f600"',
        ' [\t1 ,\r\n{"a":[]}] ',
        "[" * 64 + "]" * 64,
        '"' + "[" * 1000 + '"',
    ],
)
def test_json_is_kept_as_it_came(text: str) -> None:
    assert _read_json(text) == text


@pytest.mark.parametrize("text", ["null", " null\n"])
def test_null_is_none(text: str) -> None:
    assert _read_json(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "-Infinity",
        "undefined",
        "{'a':1}",
        "{a:1}",
        "[1,]",
        "01",
        "+1",
        "1.",
        "٣",
        '"a\nb"',
        '"\\x41"',
        "{} {}",
        "\ufeff{}",
        "\u00a0{}",
        "[" * 65 + "]" * 65,
        '{"a":' * 65 + "0" + "}" * 65,
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_what_others_cannot_parse_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        _read_json(text)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(_VALUES, st.booleans())
def test_every_json_value_passes(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert _read_json(text) == (None if value is None else text)
