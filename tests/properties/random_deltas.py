"""Random documents and operations from a seeded generator, where hypothesis would be too slow.

Owns how such cases are distributed: small documents, so that operations meet, made of characters of
every width, combining sequences, embeds and attributes with and without null.
"""

from __future__ import annotations

from random import Random
from typing import Any

from collab.ot.delta import Op

TEXTS = [
    "a",
    "b",
    "bc",
    "\n",
    "plain",
    "é",
    "e\u0301",
    "漢字",
    "😀",
    "👩‍👩‍👧",
    "x😀y",
    "\U0001f1e9\U0001f1ea",
    "\u200d",
    "\x00",
]
EMBEDS: list[dict[str, Any]] = [
    {"image": "a.png"},
    {"image": "b.png"},
    {"formula": {"tex": "e=mc^2", "size": 1}},
    {"rule": True},
    {"rule": 1},
]
VALUES: list[Any] = [True, False, 1, 0, 0.5, "", "red", [1, 2], {"id": 7}, {"id": True}]
KEYS = ["bold", "color", "list"]


def random_attributes(random: Random, *, nulls: bool) -> dict[str, Any] | None:
    if random.random() < 0.6:
        return None
    attributes: dict[str, Any] = {}
    for _ in range(1 if random.random() < 0.7 else 2):
        value = None if nulls and random.random() < 0.3 else VALUES[int(random.random() * 10)]
        attributes[KEYS[int(random.random() * 3)]] = value
    return attributes


def random_insert(random: Random, *, nulls: bool = False) -> Op:
    """An insert; with `nulls`, sometimes with a null attribute, as the algebra allows."""
    content: Any
    if random.random() < 0.12:
        content = EMBEDS[int(random.random() * len(EMBEDS))]
    else:
        content = TEXTS[int(random.random() * len(TEXTS))]
    return Op(content, None, None, random_attributes(random, nulls=nulls))


def random_document(random: Random, inserts: int) -> list[Op]:
    """A document of so many inserts, not in normal form."""
    return [random_insert(random) for _ in range(inserts)]


def widths(document: list[Op]) -> list[int]:
    """The units of each character or embed: between these an operation may begin and end."""
    found: list[int] = []
    for op in document:
        if isinstance(op.insert, str):
            found += [1 if character < "\U00010000" else 2 for character in op.insert]
        else:
            found.append(1)
    return found


def random_operation(
    random: Random, document: list[int], *, nulls: bool = False
) -> tuple[list[Op], list[int]]:
    """An operation that fits a document of these widths, not in normal form, and the widths after
    it. Every third one is a single insert or delete, as most edits are."""
    if random.random() < 0.33:
        return _simple_operation(random, document)
    ops: list[Op] = []
    after: list[int] = []
    place = 0
    while True:
        if random.random() < 0.35:
            new = random_insert(random, nulls=nulls)
            ops.append(new)
            after += widths([new])
        if place == len(document):
            break
        stretch = document[place : place + 1 + int(random.random() * 4)]
        place += len(stretch)
        chance = random.random()
        if chance < 0.4:
            ops.append(Op(delete=sum(stretch)))
        else:
            attributes = random_attributes(random, nulls=True) if chance < 0.7 else None
            ops.append(Op(retain=sum(stretch), attributes=attributes))
            after += stretch
        if random.random() < 0.08:
            break
    return ops, after + document[place:]


def _simple_operation(random: Random, document: list[int]) -> tuple[list[Op], list[int]]:
    place = int(random.random() * (len(document) + 1))
    before, rest = document[:place], document[place:]
    ops = [Op(retain=sum(before))] if before else []
    if not rest or random.random() < 0.6:
        new = random_insert(random)
        return [*ops, new], before + widths([new]) + rest
    stretch = rest[: 1 + int(random.random() * 4)]
    return [*ops, Op(delete=sum(stretch))], before + rest[len(stretch) :]
