"""The document that operations are applied to: an immutable value that shares what did not change.

Owns the state of the Delta types and the positions in it. Knows nothing of versions or of the wire.
What an edit costs depends on the edit and on the logarithm of the document (tree.py).
"""

from __future__ import annotations

from itertools import chain

from collab.errors import InvalidOperation
from collab.ot import attributes as maps
from collab.ot import utf16
from collab.ot.delta import Delta, Op, base_length, invert_over, is_document
from collab.ot.runs import Run, measure, to_ops, with_attributes
from collab.ot.tree import Leaf, Node, build, collect, iterate, replace, root_of


class Rope:
    """A document: a Delta of inserts, applied to but never changed.

    `length` is in UTF-16 units, `points` in code points (an embed is 1 in both), `size` in bytes:
    UTF-8 for text, JSON for embeds and for the attributes of each run. All three are cached, and
    equal for equal contents.
    """

    __slots__ = ("_root", "length", "points", "size")

    def __init__(self, root: Node | None) -> None:
        self._root = root
        if root is None:
            self.length = self.points = self.size = 0
        else:
            self.length = root.length
            self.points = root.points
            self.size = root.size

    @staticmethod
    def empty() -> Rope:
        """The document without content."""
        return _EMPTY

    @staticmethod
    def of(document: Delta) -> Rope:
        """The document of these inserts; raises InvalidOperation if there is anything else."""
        if not is_document(document):
            raise InvalidOperation("a document is made of inserts alone")
        pieces = (measure(op.insert or "", op.attributes) for op in document)
        return Rope(build(chain.from_iterable(pieces)))

    def apply(self, operation: Delta) -> Rope:
        """The document after `operation`; raises InvalidOperation if it goes past the end or
        divides a character. Nulls in the attributes of an insert are left out.

        Law: apply(a).apply(b) == apply(compose(a, b)).
        """
        if base_length(operation) > self.length:
            raise InvalidOperation(
                f"an operation past the end of its document, which has {self.length} units"
            )
        root = self._root
        position = 0
        removed = 0  # deleted at `position`, not yet taken out, so that one descent does both
        new: list[Run] = []
        for op in operation:
            if op.insert is not None:
                new.extend(measure(op.insert, op.attributes))
            elif op.delete is not None:
                removed += op.delete
            else:
                length = op.retain or 0
                if new or removed:
                    root, position = _replaced(root, position, removed, new)
                    removed = 0
                    new = []
                if op.attributes is not None:
                    changed = _reformatted(root, position, length, op.attributes)
                    root, _ = _replaced(root, position, length, changed)
                position += length
        if new or removed:
            root, _ = _replaced(root, position, removed, new)
        return Rope(root)

    def invert(self, operation: Delta) -> Delta:
        """The operation that undoes `operation`, which fits this document; raises InvalidOperation
        if it does not. Costs as much as what it touches."""
        if base_length(operation) > self.length:
            raise InvalidOperation("an operation past the end of its document")
        return invert_over(operation, self.slice)

    def to_delta(self) -> Delta:
        """The content in normal form."""
        return to_ops(iterate(self._root)) if self._root else ()

    def text(self) -> str:
        """The text alone; embeds are left out, so positions in it are not the document's."""
        if self._root is None:
            return ""
        return "".join(run.content for run in iterate(self._root) if isinstance(run.content, str))

    def slice(self, start: int, end: int) -> Delta:
        """The content between two positions in units; raises InvalidOperation if one is inside a
        character or outside the document."""
        if not 0 <= start <= end <= self.length:
            raise InvalidOperation("a position outside the document")
        found: list[Run] = []
        if self._root is not None and start < end:
            collect(self._root, start, end, found)
        return to_ops(found)

    def units_at(self, point: int) -> int:
        """The position in units of the index `point`; raises InvalidOperation outside."""
        if not 0 <= point <= self.points:
            raise InvalidOperation("a position outside the document")
        node = self._root
        units = 0
        while node is not None and not isinstance(node, Leaf):
            for child in node.children:
                if point <= child.points:
                    node = child
                    break
                point -= child.points
                units += child.length
        for run in node.runs if node is not None else ():
            if point < run.points:
                text = run.content
                if run.points == run.units or not isinstance(text, str):
                    return units + point
                return units + utf16.to_units(text, point)
            point -= run.points
            units += run.units
        return units

    def points_at(self, unit: int) -> int:
        """The index of the position `unit`; raises InvalidOperation outside and inside a
        character. The inverse of `units_at`."""
        if not 0 <= unit <= self.length:
            raise InvalidOperation("a position outside the document")
        node = self._root
        points = 0
        while node is not None and not isinstance(node, Leaf):
            for child in node.children:
                if unit <= child.length:
                    node = child
                    break
                unit -= child.length
                points += child.points
        for run in node.runs if node is not None else ():
            if unit < run.units:
                text = run.content
                if run.points == run.units or not isinstance(text, str):
                    return points + unit
                return points + utf16.to_points(text, unit)
            unit -= run.units
            points += run.points
        return points

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rope):
            return NotImplemented
        if self._root is other._root:
            return True
        if (self.length, self.points, self.size) != (other.length, other.points, other.size):
            return False
        mine, theirs = self.to_delta(), other.to_delta()
        return len(mine) == len(theirs) and all(map(_same_insert, mine, theirs))

    __hash__ = None  # type: ignore[assignment]  # equality reads the whole content

    def __repr__(self) -> str:
        return f"<Rope of {self.length} units>"


def _replaced(
    root: Node | None, position: int, removed: int, new: list[Run]
) -> tuple[Node | None, int]:
    """The root after `removed` units at `position` gave way to `new`, and the position after it."""
    if root is None:
        return build(iter(new)), sum(run.units for run in new)
    after = root_of(replace(root, position, position + removed, new))
    return after, position + (after.length if after else 0) - root.length + removed


def _reformatted(root: Node | None, start: int, length: int, change: maps.Attributes) -> list[Run]:
    found: list[Run] = []
    if root is not None:
        collect(root, start, start + length, found)
    return [
        with_attributes(run, maps.compose(run.attributes, change, keep_null=False)) for run in found
    ]


def _same_insert(a: Op, b: Op) -> bool:
    return maps.same(a.insert, b.insert) and maps.same(a.attributes, b.attributes)


_EMPTY = Rope(None)
