"""The persistent B-tree under a rope: leaves of runs, branches of nodes, nothing changed in place.

Owns the shape of the tree and its measures. Knows nothing of operations. Every node caches what it
holds: `length` (UTF-16 units), `points` (code points; an embed is 1 in both), `size` (bytes: the
content, and the attributes of each run as it is in normal form, wherever leaves divide it). All
leaves are equally deep. A leaf lighter than MIN_WEIGHT and a branch of fewer than MIN_CHILDREN are
merged with a neighbour by the next edit that makes or meets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from collab.ot.runs import PIECE_POINTS, Run, join, joined, joins, split_at_point, within, without

# A leaf's weight is its points plus RUN_WEIGHT for each run: many tiny runs make a full leaf too.
RUN_WEIGHT = 32
MAX_WEIGHT = 2048
FILL_WEIGHT = PIECE_POINTS + RUN_WEIGHT
MIN_WEIGHT = 512
MAX_CHILDREN = 24
FILL_CHILDREN = 16
MIN_CHILDREN = 6


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """A stretch of content as runs, neighbours of which do not join."""

    runs: tuple[Run, ...]
    length: int
    points: int
    size: int
    first: Run
    last: Run


class Branch(msgspec.Struct, frozen=True, gc=False):
    """Children of equal height; `first` and `last` are the outermost runs below."""

    children: tuple[Node, ...]
    length: int
    points: int
    size: int
    first: Run
    last: Run


Node: TypeAlias = Leaf | Branch


def build(runs: Iterator[Run]) -> Node | None:
    """A tree of runs of at most PIECE_POINTS each; None for none. Linear."""
    return root_of(list(_leaves(runs, FILL_WEIGHT)))


def root_of(nodes: Sequence[Node]) -> Node | None:
    """One tree of nodes of equal height: branches on top as needed, lone ones taken away."""
    while len(nodes) > 1:
        nodes = _branches(nodes)
    if not nodes:
        return None
    root = nodes[0]
    while isinstance(root, Branch) and len(root.children) == 1:
        root = root.children[0]
    return root


def iterate(node: Node) -> Iterator[Run]:
    """All runs in order."""
    stack: list[Node] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Leaf):
            yield from top.runs
        else:
            stack.extend(reversed(top.children))


def collect(node: Node, start: int, end: int, out: list[Run]) -> None:
    """Append the runs from unit `start` to unit `end` to `out`; raises InvalidOperation if either
    is inside a character."""
    if isinstance(node, Leaf):
        out.extend(within(node.runs, start, end))
        return
    position = 0
    for child in node.children:
        if position >= end:
            return
        if position + child.length > start:
            collect(child, max(0, start - position), min(child.length, end - position), out)
        position += child.length


def replace(node: Node, start: int, end: int, new: Sequence[Run]) -> list[Node]:
    """The tree with the units from `start` to `end` replaced by `new`, as nodes of the height of
    `node`: none if nothing is left, several if it no longer fits one.

    Not (start == end and new is empty). Raises InvalidOperation if a position is inside a
    character.
    """
    if isinstance(node, Leaf):
        return _replace_in_leaf(node, start, end, new)
    children = node.children
    position = 0
    index = 0
    for child in children:
        stop = position + child.length
        # What is inserted between two leaves goes to the end of the left one, as typing does.
        if start < stop or (start == stop and new):
            break
        position = stop
        index += 1
    nodes = replace(children[index], start - position, min(end, stop) - position, new)
    following = index + 1
    if end <= stop:
        if len(nodes) == 1 and (len(children) == 1 or not _is_small(nodes[0])):
            return [_with_child(node, index, nodes[0])]
    else:
        position = stop
        while following < len(children) and position + children[following].length <= end:
            position += children[following].length
            following += 1
        if position < end:
            nodes += replace(children[following], 0, end - position, ())
            following += 1
    return _mended(children[:index], nodes, children[following:])


# Making nodes ------------------------------------------------------------------------------------


def _leaf(runs: Sequence[Run]) -> Leaf:
    length = points = size = 0
    for run in runs:
        length += run.units
        points += run.points
        size += run.content_bytes + run.attributes_bytes
    return Leaf(tuple(runs), length, points, size, runs[0], runs[-1])


def _leaves(runs: Iterator[Run] | Sequence[Run], target: int) -> Iterator[Leaf]:
    """Runs packed into leaves of about the weight `target`; text is divided where one is full."""
    packed: list[Run] = []
    room = target
    for run in runs:
        while True:
            if packed and joins(packed[-1], run) and run.points <= room:
                packed[-1] = join(packed[-1], run)
                room -= run.points
                break
            if run.points + RUN_WEIGHT <= room or not packed:
                # Only an embed or a piece can be first, and neither is too long for a leaf.
                packed.append(run)
                room -= run.points + RUN_WEIGHT
                break
            fitting = room - RUN_WEIGHT
            if fitting > RUN_WEIGHT and fitting < run.points:
                left, run = split_at_point(run, fitting)
                packed = joined([*packed, left])
            yield _leaf(packed)
            packed = []
            room = target
    if packed:
        yield _leaf(packed)


def _branch(children: Sequence[Node]) -> Branch:
    length = points = size = 0
    previous = None
    for child in children:
        length += child.length
        points += child.points
        size += child.size
        if previous is not None:
            size -= _counted_twice(previous, child)
        previous = child
    return Branch(tuple(children), length, points, size, children[0].first, children[-1].last)


def _branches(children: Sequence[Node]) -> list[Node]:
    """Children under as few branches as comfortable, evenly."""
    total = len(children)
    if total <= MAX_CHILDREN:
        return [_branch(children)] if children else []
    count = -(-total // FILL_CHILDREN)
    bounds = [total * part // count for part in range(count + 1)]
    return [_branch(children[bounds[part] : bounds[part + 1]]) for part in range(count)]


def _counted_twice(left: Node, right: Node) -> int:
    """Bytes of the attributes of a run that is divided between two neighbours."""
    shared = left.last.attributes_bytes
    return shared if shared and joins(left.last, right.first) else 0


def _with_child(node: Branch, index: int, child: Node) -> Branch:
    """The branch with one child exchanged: the step of every small edit, so nothing is summed."""
    before = node.children
    old = before[index]
    children = (*before[:index], child, *before[index + 1 :])
    size = node.size - old.size + child.size
    if index:
        left = before[index - 1]
        size += _counted_twice(left, old) - _counted_twice(left, child)
    if index + 1 < len(before):
        right = before[index + 1]
        size += _counted_twice(old, right) - _counted_twice(child, right)
    return Branch(
        children,
        node.length - old.length + child.length,
        node.points - old.points + child.points,
        size,
        children[0].first,
        children[-1].last,
    )


# Replacing ---------------------------------------------------------------------------------------


def _replace_in_leaf(leaf: Leaf, start: int, end: int, new: Sequence[Run]) -> list[Node]:
    before, after = without(leaf.runs, start, end)
    runs = [*before, *new, *after]
    if not runs:
        return []
    weight = _weight(runs)
    if weight <= MAX_WEIGHT:
        return [_leaf(joined(runs))]
    return list(_leaves(runs, _even(weight)))


def _weight(runs: Sequence[Run]) -> int:
    weight = RUN_WEIGHT * len(runs)
    for run in runs:
        weight += run.points
    return weight


def _even(weight: int) -> int:
    """A target that fills all leaves alike; the extra is for the runs that get divided."""
    return -(-weight // -(-weight // FILL_WEIGHT)) + RUN_WEIGHT


def _is_small(node: Node) -> bool:
    if isinstance(node, Leaf):
        return node.points + RUN_WEIGHT * len(node.runs) < MIN_WEIGHT
    return len(node.children) < MIN_CHILDREN


def _mended(before: Sequence[Node], nodes: list[Node], after: Sequence[Node]) -> list[Node]:
    """Branches of all these children, the small ones among `nodes` merged with a neighbour."""
    if nodes and (before or after or len(nodes) > 1) and any(map(_is_small, nodes)):
        if before:
            before, nodes = before[:-1], [before[-1], *nodes]
        elif after:
            nodes, after = [*nodes, after[0]], after[1:]
        mended = [nodes[0]]
        for node in nodes[1:]:
            if _is_small(mended[-1]) or _is_small(node):
                mended[-1:] = _merged(mended[-1], node)
            else:
                mended.append(node)
        nodes = mended
    return _branches([*before, *nodes, *after])


def _merged(left: Node, right: Node) -> list[Node]:
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        runs = joined((*left.runs, *right.runs))
        weight = _weight(runs)
        if weight <= MAX_WEIGHT:
            return [_leaf(runs)]
        return list(_leaves(runs, _even(weight)))
    assert isinstance(left, Branch)
    assert isinstance(right, Branch)
    seam = [left.children[-1], right.children[0]]
    return _mended(left.children[:-1], seam, right.children[1:])
