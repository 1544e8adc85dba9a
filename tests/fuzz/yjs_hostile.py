"""Updates that nobody honest would send: mutated bytes, and well-formed ones that make no sense.

Owns the choices, all out of one Random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from tests.fuzz.yjs_updates import Id, collected, item, number, skipped, string, update

# Info bytes of items with and without neighbours, the tags of nested values, the ends of a byte.
TELLING = bytes.fromhex("000102040506070809 0a2728448487 c4c781c1757677 7d7f80ff")
CLIENTS = (1, 2, 3)


def mutate(random: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """`raw` with up to four changes; `others` lend their bytes."""
    mutant = bytearray(raw)
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        if not mutant:
            break
        at = random.randrange(len(mutant))
        match random.randrange(8):
            case 0:
                mutant[at] = random.randrange(256)
            case 1:
                mutant[at] = random.choice(TELLING)
            case 2:
                mutant[at] = (mutant[at] + random.choice((-1, 1))) % 256
            case 3:
                mutant[at] ^= 1 << random.randrange(8)
            case 4:
                del mutant[at : at + random.randrange(1, 5)]
            case 5:
                start = random.randrange(len(mutant))
                mutant[at:at] = mutant[start : start + random.randrange(1, 9)]
            case 6:
                other = random.randrange(len(mutant))
                mutant[at], mutant[other] = mutant[other], mutant[at]
            case _:
                lender = random.choice(others)
                start = random.randrange(len(lender))
                mutant[at : at + random.randrange(9)] = lender[start : start + random.randrange(9)]
    return bytes(mutant)


def senseless(random: Random, clocks: Mapping[int, int]) -> bytes:
    """A well-formed update about clients whose items are held up to `clocks`; most ids exist."""
    sections = []
    for client in random.sample(CLIENTS, random.randrange(1, 4)):
        start = max(0, clocks.get(client, 0) - random.choice((0, 0, 0, 0, 1, 2)))
        structs = [_struct(random, clocks) for _ in range(random.randrange(1, 4))]
        sections.append((client, start, structs))
    deletes = {}
    if random.random() < 0.4:
        client = random.choice(CLIENTS)
        ends = max(1, clocks.get(client, 0))
        deletes[client] = [
            (random.randrange(ends), random.randrange(1, 4)) for _ in range(random.randrange(1, 3))
        ]
    return update(*sections, deletes=deletes)


def _struct(random: Random, clocks: Mapping[int, int]) -> bytes:
    chance = random.random()
    if chance < 0.07:
        return collected(random.randrange(1, 3))
    if chance < 0.09:
        return skipped(random.randrange(1, 3))

    def some() -> Id:
        client = random.choice([client for client in CLIENTS if client in clocks] or CLIENTS)
        beyond = 2 if random.random() < 0.1 else 0
        return client, random.randrange(max(1, clocks.get(client, 0) + beyond))

    reference = random.choice((1, 3, 4, 4, 4, 5, 6, 7, 7, 7, 8, 9))
    return item(
        reference,
        _content(random, reference),
        origin=some() if random.random() < 0.6 else None,
        right=some() if random.random() < 0.3 else None,
        parent=random.choice("ab") if random.random() < 0.6 else some(),
        key=random.choice("kl") if random.random() < 0.3 else None,
    )


def _content(random: Random, reference: int) -> bytes:
    match reference:
        case 1:
            return number(random.randrange(1, 4))
        case 3:
            return string(b"\x00\xff")
        case 4:
            return string(random.choice(("a", "bcd", "😀", "x😀y", "é")))
        case 5:
            return string("{}")
        case 6:
            return string("b") + string(random.choice(("null", "true")))
        case 7:
            kind = random.choice((0, 1, 2, 3, 4, 6))
            return bytes([kind]) + (string("p") if kind == 3 else b"")
        case 8:
            count = random.randrange(1, 4)
            return number(count) + bytes(random.choice((126, 127, 120)) for _ in range(count))
        case _:
            return string("guid") + b"\x76\x00"
