"""Random documents as people make them: pycrdt clients that edit, exchange and repeat themselves.

Owns the choices, all out of one Random. Whatever it yields is honest: the guard must take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from pycrdt import (
    Array,
    Doc,
    Map,
    Text,
    XmlElement,
    XmlFragment,
    XmlText,
    merge_updates,
)

WORDS = ("a", "bc", "😀", "né", "漢字", "x😀y", "\U0010ffff", "uuuu", "\n")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**40, 0.1, "é😀", b"\x01\xff", [1, [None]], {"k": {"😀": []}},
)  # fmt: skip
ROOTS: dict[str, type[Any]] = {"text": Text, "map": Map, "array": Array, "xml": XmlFragment}


def deliveries(random: Random, steps: int = 40) -> Iterator[bytes]:
    """Updates in the order in which a server gets them: some again, some early, some merged."""
    clients = [_Client(random, index) for index in range(3)]
    for _ in range(steps):
        client = random.choice(clients)
        match random.randrange(7):
            case 0:
                client.take(random.choice(clients))
            case 1 if client.made:
                yield random.choice(client.made)
            case 2 if client.made:
                yield client.made.pop(0)
            case 3 if len(client.made) > 1:
                yield merge_updates(*random.sample(client.made, 2))
            case 4:
                yield client.document.get_update()
            case _:
                client.edit()
    for client in clients:
        yield client.document.get_update()


def typing(random: Random, steps: int = 60) -> Iterator[bytes]:
    """Two people who mostly type on, one character an update: some updates again, some early."""
    clients = [_Client(random, index) for index in range(2)]
    late: list[bytes] = []
    for _ in range(steps):
        client = random.choice(clients)
        if random.randrange(5) == 0:
            client.take(random.choice(clients))
        elif random.randrange(8) == 0:
            client.edit()
        else:
            client.type()
        late += client.made
        client.made.clear()
        if random.randrange(12):
            yield from late
            late.clear()
        elif late:
            yield late[-1]
    yield from late


class _Client:
    def __init__(self, random: Random, index: int) -> None:
        number = random.choice((random.randrange(40), random.randrange(2**30), 2**45)) * 3 + index
        self.document: Doc[Any] = Doc(client_id=number, skip_gc=random.random() < 0.3)
        self.made: list[bytes] = []
        self._random = random
        self._roots = [self.document.get(name, type=kind) for name, kind in ROOTS.items()]
        self._subscription = self.document.observe(lambda event: self._note(event.update))
        self._remote = False

    def _note(self, update: bytes) -> None:
        if not self._remote:
            self.made.append(update)

    def take(self, other: _Client) -> None:
        self._remote = True
        self.document.apply_update(other.document.get_update(self.document.get_state()))
        self._remote = False

    def type(self) -> None:
        text = self._roots[0]
        # Behind a whole character: positions are bytes of UTF-8.
        at = len(str(text)[: self._random.randrange(len(str(text)) + 1)].encode())
        text.insert(at, self._random.choice("abc \n"))

    def edit(self) -> None:
        with self.document.transaction():
            for _ in range(self._random.randrange(1, 4)):
                self._edit(self._random.choice(self._roots))

    def _edit(self, shared: Any) -> None:
        if isinstance(shared, Text | XmlText):
            self._edit_text(shared)
        elif isinstance(shared, Map):
            self._edit_map(shared)
        else:
            self._edit_list(shared)

    def _edit_text(self, text: Any) -> None:
        random = self._random
        ends = [0]  # pycrdt counts bytes of UTF-8
        for character in str(text) if isinstance(text, Text) else "":
            ends.append(ends[-1] + len(character.encode()))
        start, end = sorted((random.choice(ends), random.choice(ends)))
        if random.random() < 0.6 or start == end:
            text.insert(start, random.choice(WORDS))
        elif random.random() < 0.5:
            del text[start:end]
        else:
            text.format(start, end, {random.choice("bi"): random.choice((True, None))})

    def _edit_map(self, shared: Any) -> None:
        key = self._random.choice("abc😀")
        if self._random.random() < 0.7:
            shared[key] = self._value()
        elif key in shared:
            del shared[key]
        self._go_into([shared[key] for key in shared])

    def _edit_list(self, shared: Any) -> None:
        random = self._random
        items = shared if isinstance(shared, Array) else shared.children
        place = random.randrange(len(items) + 1)
        if place < len(items) and random.random() < 0.3:
            del items[place]
        elif isinstance(shared, Array):
            items.insert(place, self._value())
        else:
            node = XmlElement(random.choice(("p", "é")), {"level": "1"})
            items.insert(place, random.choice((node, XmlText(random.choice(WORDS)))))
        self._go_into([items[index] for index in range(len(items))])

    def _go_into(self, items: list[Any]) -> None:
        inner = [item for item in items if isinstance(item, Text | Map | Array | XmlElement)]
        if inner and self._random.random() < 0.5:
            self._edit(self._random.choice(inner))

    def _value(self) -> Any:
        kind = self._random.randrange(6)
        if kind == 0:
            return Text(self._random.choice(WORDS))
        if kind == 1:
            return Map({"k": 1})
        if kind == 2:
            return Array([1, "a"])
        if kind == 3 and self._random.random() < 0.2:
            return Doc()
        return self._random.choice(VALUES)
