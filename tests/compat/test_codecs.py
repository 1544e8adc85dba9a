"""Our codecs against npm lib0 and y-protocols, run by Node: the same bytes, both ways."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

import pytest

from collab.errors import Malformed
from collab.protocols import lib0
from collab.protocols.ywebsocket import (
    AuthDenied,
    Awareness,
    AwarenessEntry,
    decode_client,
    decode_server,
    encode,
)
from tests.compat.driver import ask_oracle, require_node

CASES = 3000
_LETTERS = 'a0"\\/\n\t\0\x7f é漢\u2028😀'


@pytest.fixture(autouse=True)
def _node() -> None:
    require_node()


def _number(random: Random) -> int:
    return random.getrandbits(random.randint(1, 53))


def _text(random: Random) -> str:
    return "".join(
        random.choices(_LETTERS, k=random.randint(0, 200 if random.random() < 0.1 else 6))
    )


def _value(random: Random, depth: int = 3) -> Any:
    kind = random.randrange(8 if depth else 6)
    if kind == 6:
        return [_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    if kind == 7:
        return {_text(random): _value(random, depth - 1) for _ in range(random.randint(0, 3))}
    simple = (None, True, _number(random), -random.random() * 1e300, _text(random), 0)
    return simple[kind]


def _entries(random: Random) -> list[tuple[int, int, Any]]:
    clients = {_number(random) for _ in range(random.randint(0, 4))}
    return [(client, _number(random), _value(random)) for client in sorted(clients)]


def test_values_have_the_bytes_of_lib0() -> None:
    random = Random(1)
    requests: list[dict[str, Any]] = []
    ours: list[bytes] = []
    for _ in range(CASES):
        number, text, data = (
            _number(random),
            _text(random),
            random.randbytes(random.randint(0, 300)),
        )
        requests += [
            {"do": "uint", "number": number},
            {"do": "string", "text": text},
            {"do": "bytes", "data": data.hex()},
        ]
        ours += [lib0.encode_uint(number), lib0.encode_string(text), lib0.encode_bytes(data)]
    assert ask_oracle(requests) == [encoded.hex() for encoded in ours]


def test_lib0_reads_what_we_write() -> None:
    random = Random(2)
    cases = [(_number(random), _text(random), random.randbytes(9)) for _ in range(CASES)]
    frames = [
        lib0.encode_uint(number) + lib0.encode_string(text) + lib0.encode_bytes(data)
        for number, text, data in cases
    ]
    answers = ask_oracle([{"do": "read", "frame": frame.hex()} for frame in frames])
    assert answers == [[number, text, data.hex(), False] for number, text, data in cases]


def test_awareness_is_read_as_it_was_written() -> None:
    random = Random(3)
    cases = [_entries(random) for _ in range(CASES)]
    frames = ask_oracle([{"do": "awareness", "entries": entries} for entries in cases])
    for entries, frame in zip(cases, frames, strict=True):
        message = decode_client(bytes.fromhex(frame))
        assert isinstance(message, Awareness)
        assert encode(message).hex() == frame
        assert [
            (entry.client_id, entry.clock, None if entry.state is None else json.loads(entry.state))
            for entry in message.entries
        ] == [(client, clock, _as_sent(state)) for client, clock, state in entries]


def _as_sent(state: Any) -> Any:
    """y-protocols takes what JavaScript counts as false for no state."""
    return state if state or isinstance(state, list | dict) else None


def test_awareness_that_we_write_is_understood() -> None:
    random = Random(4)
    cases = [_entries(random) for _ in range(CASES)]
    frames = [encode(_awareness(entries)) for entries in cases]
    answers = ask_oracle([{"do": "read_awareness", "frame": frame.hex()} for frame in frames])
    for entries, answer in zip(cases, answers, strict=True):
        news = [list(entry) for entry in entries if entry[1] > 0]  # clock 0 is what all start with
        assert answer == [1, news]


def _awareness(entries: list[tuple[int, int, Any]]) -> Awareness:
    return Awareness(
        tuple(
            AwarenessEntry(client, clock, None if state is None else json.dumps(state))
            for client, clock, state in entries
        )
    )


def test_a_denial_has_the_bytes_of_y_protocols() -> None:
    (frame,) = ask_oracle([{"do": "denied", "reason": "nö 😀"}])
    assert decode_server(bytes.fromhex(frame)) == AuthDenied("nö 😀")
    assert encode(AuthDenied("nö 😀")).hex() == frame


def _broken(random: Random) -> str:
    text = list(json.dumps(_value(random), ensure_ascii=random.random() < 0.5))
    for _ in range(random.randint(0, 2)):
        at = random.randint(0, len(text))
        text[at : at + random.randint(0, 2)] = random.choices(
            '{}[]",:0129.-+eEu\\ntfalsNI \t\n\ufeff', k=1
        )
    return "".join(text)


def test_json_is_what_javascript_takes_for_json() -> None:
    random = Random(5)
    texts = [_broken(random) for _ in range(10 * CASES)]
    theirs = ask_oracle([{"do": "is_json", "text": text} for text in texts])
    ours = [_parses(text) for text in texts]
    assert 0.1 < math.fsum(theirs) / len(theirs) < 0.9
    assert [text for text, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []


def _parses(text: str) -> bool:
    try:
        lib0.parse_json(text)
    except Malformed:
        return False
    return True
