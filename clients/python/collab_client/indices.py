"""Python string indices on one side, UTF-16 units on the other.

Owns the operations that an edit at string indices stands for, and how an operation reads in string
indices. A character counts 1 here whatever its units, an embed counts 1 too. Knows nothing of
versions.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from collab.errors import InvalidOperation
from collab.ot import delta as ops
from collab.ot.delta import Delta, Op
from collab.ot.rope import Rope

EMBED = "\ufffc"
"""Stands for an embed in a document's text, so that indices in it are those of the document."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """`content`, a string or an embed, now stands at `index`."""

    index: int
    content: str | dict[str, Any]
    attributes: dict[str, Any] | None = None

    @property
    def length(self) -> int:
        return len(self.content) if isinstance(self.content, str) else 1


@dataclass(frozen=True, slots=True)
class Deleted:
    """`length` characters at `index` are gone."""

    index: int
    length: int


@dataclass(frozen=True, slots=True)
class Formatted:
    """`length` characters at `index` have other attributes (None: no more)."""

    index: int
    length: int
    attributes: dict[str, Any]


Step: TypeAlias = Inserted | Deleted | Formatted


def text_of(document: Rope) -> str:
    """The text, with one character for each embed."""
    text = document.text()
    if len(text) == document.points:
        return text
    return "".join(op.insert if isinstance(op.insert, str) else EMBED for op in document.to_delta())


def replacing(
    document: Rope,
    index: int,
    length: int,
    content: str | dict[str, Any] = "",
    attributes: dict[str, Any] | None = None,
) -> Delta:
    """Put `content` in the place of `length` characters at `index`.

    Raises IndexError outside the document, InvalidOperation for half a surrogate pair.
    """
    start, end = _units(document, index, length)
    if isinstance(content, str) and not content.isascii():
        try:
            content.encode()
        except UnicodeEncodeError:
            raise InvalidOperation("a text with half a surrogate pair") from None
    return ops.normalize(
        [
            Op(retain=start),
            *([ops.insert(deepcopy(content), deepcopy(attributes))] if content else []),
            Op(delete=end - start),
        ]
    )


def formatting(document: Rope, index: int, length: int, attributes: dict[str, Any]) -> Delta:
    """Change attributes of `length` characters at `index`; raises IndexError outside."""
    start, end = _units(document, index, length)
    return ops.normalize([Op(retain=start), ops.retain(end - start, deepcopy(attributes))])


def steps(operation: Delta, before: Rope) -> list[Step]:
    """What `operation` does to `before`, each step on the text as the earlier steps left it."""
    found: list[Step] = []
    unit = point = index = 0  # in the text before, in both measures, and in the text so far
    for op in operation:
        if op.insert is not None:
            step = Inserted(index, op.insert, op.attributes)
            found.append(step)
            index += step.length
            continue
        unit += op.length
        points = before.points_at(unit) - point
        point += points
        if op.delete is not None:
            found.append(Deleted(index, points))
            continue
        if op.attributes:
            found.append(Formatted(index, points, op.attributes))
        index += points
    return found


def _units(document: Rope, index: int, length: int) -> tuple[int, int]:
    if index < 0 or length < 0 or index + length > document.points:
        raise IndexError(
            f"{length} characters at {index} are not within a document of {document.points}"
        )
    start = document.units_at(index)
    return start, document.units_at(index + length) if length else start
