"""The operation that turns one document into another, for when nobody recorded it.

Owns the choice of what counts as unchanged: lines, then words in the lines that changed, then
characters in those words. Knows nothing of who needs it. Works on code points, so it cannot divide
a surrogate pair.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate

import msgspec

from collab.errors import InvalidOperation
from collab.ot import attributes as maps
from collab.ot.delta import Delta, Op, normalize
from collab.ot.myers import Budget, Hunk, common_prefix, hunks

# A script with more edits, or one that takes longer to find, is not worth it: what differs is
# replaced whole. The steps are for one diff together, a few tenths of a second at worst.
_MAX_STEPS = 300_000
_MAX_EDITS = (700, 300, 150)

_LONE_SURROGATES = range(0xD800, 0xE000)

_encoder = msgspec.json.Encoder(order="sorted")
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_SPLIT: tuple[Callable[[str], list[str]], ...] = (
    lambda text: text.splitlines(keepends=True),
    _WORDS.findall,
    list,
)


def diff(a: Delta, b: Delta, budget: Budget | None = None) -> Delta:
    """An operation that turns the document `a` into the document `b`: small, if not always the
    smallest, and found in bounded time; several may share a `budget`.

    Law: compose(a, diff(a, b)) == b, for documents in normal form without null attributes.
    """
    ops: list[Op] = []
    old, new = _Pieces(a), _Pieces(b)
    a_text, b_text = _flatten(a), _flatten(b)
    at = 0
    for hunk in _compare(a_text, b_text, 0, 0, 0, budget or Budget(_MAX_STEPS)):
        _keep(ops, old, new, hunk.a_start - at)
        ops.extend(new.take(hunk.b_end - hunk.b_start))
        ops.extend(Op(None, op.length) for op in old.take(hunk.a_end - hunk.a_start))
        at = hunk.a_end
    _keep(ops, old, new, len(a_text) - at)
    return normalize(ops)


def _compare(a: str, b: str, a_at: int, b_at: int, level: int, budget: Budget) -> Iterator[Hunk]:
    """Where `a` and `b` differ, in order; they are what begins at `a_at` and `b_at`."""
    prefix = common_prefix(a, b)
    a, b = a[prefix:], b[prefix:]
    suffix = common_prefix(a[::-1], b[::-1])
    a, b = a[: len(a) - suffix], b[: len(b) - suffix]
    a_at += prefix
    b_at += prefix
    if not a and not b:
        return
    found = None
    if a and b and level < len(_SPLIT):
        ids: dict[str, int] = {}
        a_words, b_words = _SPLIT[level](a), _SPLIT[level](b)
        found = hunks(
            [ids.setdefault(word, len(ids)) for word in a_words],
            [ids.setdefault(word, len(ids)) for word in b_words],
            _max_edits(level, len(a) + len(b)),
            budget,
        )
    if found is None:
        yield Hunk(a_at, a_at + len(a), b_at, b_at + len(b))
        return
    a_ends = list(accumulate(map(len, a_words), initial=0))
    b_ends = list(accumulate(map(len, b_words), initial=0))
    for hunk in found:
        a_start, b_start = a_ends[hunk.a_start], b_ends[hunk.b_start]
        yield from _compare(
            a[a_start : a_ends[hunk.a_end]],
            b[b_start : b_ends[hunk.b_end]],
            a_at + a_start,
            b_at + b_start,
            level + 1,
            budget,
        )


def _max_edits(level: int, characters: int) -> int:
    """Of two words with little in common single letters are not kept: nobody would see why."""
    most = _MAX_EDITS[level]
    return min(most, characters // 2) if level == len(_SPLIT) - 1 else most


def _keep(ops: list[Op], old: _Pieces, new: _Pieces, points: int) -> None:
    """Retain `points` that look equal, changing the attributes where they differ."""
    while points:
        step = min(points, old.left, new.left)
        (was,), (now,) = old.take(step), new.take(step)
        if isinstance(was.insert, dict) and not maps.same(was.insert, now.insert):
            ops += [now, Op(None, 1)]
        else:
            ops.append(Op(None, None, was.length, maps.diff(was.attributes, now.attributes)))
        points -= step


def _flatten(document: Delta) -> str:
    """The document with one point for each character and embed. Embeds become lone surrogates,
    which no text holds; different ones may become the same, so `_keep` looks again."""
    return "".join(
        op.insert if isinstance(op.insert, str) else _stand_in(op.insert) for op in document
    )


def _stand_in(embed: object) -> str:
    if embed is None:
        raise InvalidOperation("a document is made of inserts alone")
    return chr(_LONE_SURROGATES[zlib.crc32(_encoder.encode(embed)) % len(_LONE_SURROGATES)])


class _Pieces:
    """A document taken from its start in stretches of points.

    `left` is how many points the current insert still has; 0 at the end.
    """

    def __init__(self, document: Delta) -> None:
        self._rest = iter(document)
        self._next()

    def take(self, points: int) -> list[Op]:
        """The next `points` as inserts."""
        taken: list[Op] = []
        while points:
            step = min(points, self.left)
            content = self._op.insert
            if isinstance(content, str):
                content = content[self._start : self._start + step]
            taken.append(Op(content, None, None, self._op.attributes))
            points -= step
            self._start += step
            self.left -= step
            if not self.left:
                self._next()
        return taken

    def _next(self) -> None:
        self._op = next(self._rest, _END)
        self._start = 0
        content = self._op.insert
        self.left = len(content) if isinstance(content, str) else int(content is not None)


_END = Op()
