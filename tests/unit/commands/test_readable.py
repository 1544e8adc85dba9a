"""Operations as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from collab.commands.readable import content_length, readable


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        ([], "nothing"),
        ([{"retain": 3}], "nothing"),
        ([{"insert": "a\nb"}], '+"a\\nb" at 0'),
        ([{"retain": 3}, {"insert": "x"}, {"delete": 2}], '+"x" at 3, -2 at 4'),
        ([{"insert": "😀"}, {"insert": "x"}], '+"😀" at 0, +"x" at 2'),
        ([{"insert": {"image": "u"}}, {"delete": 1}], '+{"image": "u"} at 0, -1 at 1'),
        (
            [{"retain": 2}, {"retain": 3, "attributes": {"bold": True}}, {"delete": 1}],
            '~3 at 2 {"bold": true}, -1 at 5',
        ),
        (
            [{"insert": "👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f é\u00a0"}],
            '+"👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f é\u00a0" at 0',
        ),
        ([{"insert": "\u2066\u200f\u0085"}], '+"\ufffd\ufffd\ufffd" at 0'),
        ([{"insert": "\u001b[31m\u202e"}], '+"\\u001b[31m\ufffd" at 0'),
    ],
)
def test_an_operation_is_one_line(operation: list[dict[str, Any]], line: str) -> None:
    assert readable(operation) == line


def test_long_text_is_cut() -> None:
    assert len(readable([{"insert": "x" * 1000}])) < 80


def test_lengths_are_utf16_units() -> None:
    assert content_length([{"insert": "a😀"}, {"insert": {"image": "u"}}]) == 4
    assert content_length([]) == 0
