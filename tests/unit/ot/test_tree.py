"""The tree under a rope keeps its shape through long histories of edits."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from collab.ot.runs import Run, measure, to_ops
from collab.ot.tree import (
    MAX_CHILDREN,
    MAX_WEIGHT,
    MIN_CHILDREN,
    MIN_WEIGHT,
    RUN_WEIGHT,
    Branch,
    Leaf,
    Node,
    build,
    iterate,
    replace,
    root_of,
)

BOLD = {"bold": True}


def runs(text: str, attributes: dict[str, Any] | None = None) -> list[Run]:
    return list(measure(text, attributes))


def text_of(node: Node | None) -> str:
    return "".join(str(run.content) for run in iterate(node)) if node else ""


def size_by_definition(node: Node) -> int:
    """Bytes of ASCII text and of the attributes of each run as the normal form has it."""
    return sum(
        len(str(op.insert)) + (len('{"bold":true}') if op.attributes else 0)
        for op in to_ops(iterate(node))
    )


def height(node: Node) -> int:
    """Checks the node and what is below it, and how deep that is."""
    if isinstance(node, Leaf):
        assert node.length == sum(run.units for run in node.runs)
        assert node.points == sum(run.points for run in node.runs)
        assert node.points + RUN_WEIGHT * len(node.runs) <= MAX_WEIGHT
        return 1
    assert 1 <= len(node.children) <= MAX_CHILDREN
    assert node.length == sum(child.length for child in node.children)
    assert node.points == sum(child.points for child in node.children)
    heights = {height(child) for child in node.children}
    assert len(heights) == 1, "all leaves are equally deep"
    return heights.pop() + 1


def small_share(node: Node) -> float:
    """How many of the nodes below are smaller than they should be."""
    small = total = 0
    stack: list[Node] = [node]
    while stack:
        top = stack.pop()
        total += 1
        if isinstance(top, Branch):
            small += len(top.children) < MIN_CHILDREN
            stack.extend(top.children)
        else:
            small += top.points + RUN_WEIGHT * len(top.runs) < MIN_WEIGHT
    return small / total


def test_building_a_large_tree_fills_it_evenly() -> None:
    root = build(iter(runs("x" * 1_000_000)))
    assert root is not None
    assert height(root) <= 4
    assert small_share(root) < 0.02


def test_a_large_insert_into_a_small_tree_grows_it() -> None:
    root = root_of(replace(runs_tree("ab"), 1, 1, runs("x" * 300_000)))
    assert root is not None
    assert text_of(root) == "a" + "x" * 300_000 + "b"
    height(root)


def test_deleting_nearly_all_shrinks_it_to_one_leaf() -> None:
    root = root_of(replace(runs_tree("x" * 300_000), 1, 299_999, ()))
    assert isinstance(root, Leaf)
    assert text_of(root) == "xx"


def test_deleting_all_leaves_no_node() -> None:
    assert replace(runs_tree("x" * 300_000), 0, 300_000, ()) == []


@pytest.mark.parametrize("level", [0, 1], ids=["between leaves", "between branches"])
def test_the_size_follows_when_a_run_of_two_nodes_parts_and_meets_again(level: int) -> None:
    root = build(iter(runs("x" * 50_000, BOLD)))
    assert isinstance(root, Branch)
    first = root.children[0]
    assert isinstance(first, Branch)
    edge = (first.children[0], first)[level].length

    at_the_end_of_the_left = edited(root, edge, edge, "y")
    assert at_the_end_of_the_left.size == root.size + 1 + len('{"bold":true}')
    assert edited(at_the_end_of_the_left, edge, edge + 1, "").size == root.size

    inside_the_right = edited(root, edge + 1, edge + 1, "y")
    at_the_start_of_the_right = edited(inside_the_right, edge, edge + 1, "")
    assert edited(at_the_start_of_the_right, edge, edge + 1, "").size == root.size - 1


def edited(root: Node, start: int, end: int, new: str) -> Node:
    after = root_of(replace(root, start, end, runs(new)))
    assert after is not None
    assert after.size == size_by_definition(after)
    return after


def test_a_long_history_of_random_edits_keeps_the_shape() -> None:
    random = Random(20)
    text = "start " * 20_000
    root: Node | None = build(iter(runs(text, BOLD)))
    for step in range(1500):
        start = random.randrange(len(text) + 1)
        end = min(len(text), start + random.choice([0, 0, 1, 10, 3000]))
        new = random.choice(["", "x", "word ", "y" * 2500])
        if start == end and not new:
            continue
        assert root is not None
        root = root_of(replace(root, start, end, runs(new, random.choice([None, BOLD]))))
        text = text[:start] + new + text[end:]
        if step % 100 == 0:
            assert root is not None
            assert root.size == size_by_definition(root)
    assert root is not None
    assert text_of(root) == text
    height(root)
    assert small_share(root) < 0.1


def runs_tree(text: str) -> Node:
    root = build(iter(runs(text)))
    assert root is not None
    return root
