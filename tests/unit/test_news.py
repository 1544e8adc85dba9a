"""News as bytes: what is told is read, whatever else comes is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.bus.news import (
    AccessChanged,
    Asking,
    Committed,
    Deleted,
    Entry,
    News,
    Present,
    Said,
    Turn,
    decode,
    encode,
)
from collab.words import Commit, Credit

ALL: list[News] = [
    Committed("n", "e", 7, (Commit(7, 5, (Credit("a", 1, None, b"\x00"),), b"[]"),)),
    Committed("n", "e", 7, ()),
    Turn("n", "e", 50),
    Deleted("n"),
    AccessChanged("n", 2**53 - 1),
    Asking("n", "e"),
    Present(
        "n", "e", (Entry("a", "u", b"{}", 1, True, 2, 3), Entry("b", None, None, 0, False, 0, 0)), 9
    ),
    Present("n", "e", (), None),
    Said("n", "e", 1, "a", None, "tëxt".encode(), True),
]


@pytest.mark.parametrize("news", ALL, ids=lambda news: type(news).__name__)
def test_what_is_told_is_read(news: News) -> None:
    assert decode(encode(news)) == news


@pytest.mark.parametrize("news", ALL, ids=lambda news: type(news).__name__)
def test_no_beginning_of_it_is_news(news: News) -> None:
    data = encode(news)
    assert [decode(data[:length]) for length in range(len(data))] == [None] * len(data)
    assert decode(data + b"\x00") is None


@given(st.binary(max_size=200))
def test_any_other_bytes_are_none_or_news(data: bytes) -> None:
    assert decode(data) is None or isinstance(decode(data), News)


@given(st.sampled_from(ALL), st.integers(0, 1000), st.integers(0, 255))
def test_a_damaged_byte_never_raises(news: News, position: int, value: int) -> None:
    data = bytearray(encode(news))
    data[position % len(data)] = value
    assert decode(bytes(data)) is None or isinstance(decode(bytes(data)), News)


def test_numbers_and_names_out_of_bounds_are_no_news() -> None:
    assert decode(encode(AccessChanged("n", 2**53))) is None
    assert decode(encode(AccessChanged("n", -1))) is None
    assert decode(encode(Turn("n", "e", -1))) is None
    assert decode(encode(Deleted("n" * 1001))) is None
    assert decode(encode(Present("n", "e", (ALL[6].entries[0],) * 10_001, 0))) is None  # type: ignore[union-attr]
