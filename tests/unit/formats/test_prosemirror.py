"""ProseMirror's JSON and the tree are nearly one; what is neither is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import InvalidContent
from collab.formats import prosemirror
from collab.formats.tree import MAX_DEPTH, Builder, Mark, Node, block, text

DOCUMENT = {
    "type": "doc",
    "content": [
        {
            "type": "paragraph",
            "attrs": {"textAlign": "center", "dir": "rtl"},
            "content": [
                {
                    "type": "text",
                    "text": "a",
                    "marks": [
                        {"type": "textStyle", "attrs": {"color": "red", "fontSize": "9px"}},
                        {"type": "bold"},
                    ],
                },
                {"type": "inlineMath", "attrs": {"latex": "x"}},
                {"type": "mention", "attrs": {"id": 1, "textAlign": "kept"}},
            ],
        }
    ],
}


def test_tiptaps_names_become_the_trees_and_come_back() -> None:
    tree = prosemirror.read(DOCUMENT)
    marks = Mark("color", {"value": "red"}), Mark("size", {"value": "9px"}), Mark("bold")
    assert tree == block(
        "doc",
        block(
            "paragraph",
            text("a", *marks),
            Node("formula", {"latex": "x"}),
            Node("mention", {"id": 1, "textAlign": "kept"}),
            align="center",
            direction="rtl",
        ),
    )
    assert prosemirror.write(tree) == DOCUMENT


def test_nodes_without_a_doc_are_one() -> None:
    nodes: list[Any] = [{"type": "paragraph", "content": []}, {"type": "text", "text": ""}]
    assert prosemirror.read(nodes) == block("doc", block("paragraph"))
    assert prosemirror.read({"type": "paragraph"}) == block("doc", block("paragraph"))


def test_nulls_and_what_json_cannot_hold_are_not_there() -> None:
    node = {"type": "x", "attrs": {"a": None, "b": float("nan"), "c": [1, {"d": float("inf")}]}}
    assert prosemirror.read([node]).content[0].attrs == {"b": None, "c": [1, {"d": None}]}


@pytest.mark.parametrize(
    "value",
    [
        7,
        "text",
        {"type": "doc", "content": 7},
        [7],
        [{}],
        [{"type": ""}],
        [{"type": 7}],
        [{"type": "x" * 201}],
        [{"type": "text"}],
        [{"type": "text", "text": 7}],
        [{"type": "text", "text": "\ud800"}],
        [{"type": "x", "attrs": []}],
        [{"type": "x", "attrs": [1]}],
        [{"type": "x", "attrs": {7: 1}}],
        [{"type": "x", "attrs": {"a": b"bytes"}}],
        [{"type": "x", "attrs": {"a": 2**64}}],
        [{"type": "x", "attrs": {"a": "\udfff"}}],
        [{"type": "x", "marks": 7}],
        [{"type": "x", "marks": ["bold"]}],
        [{"type": "text", "text": "a", "marks": [{"type": f"m{n}"} for n in range(33)]}],
    ],
    ids=repr,
)
def test_what_is_no_document_is_refused(value: object) -> None:
    with pytest.raises(InvalidContent):
        prosemirror.read(value)


def test_too_deep_is_refused_and_not_a_crash() -> None:
    deep: dict[str, Any] = {"type": "text", "text": "a"}
    for _ in range(100_000):
        deep = {"type": "x", "content": [deep]}
    with pytest.raises(InvalidContent, match="deep"):
        prosemirror.read([deep])
    while deep.get("content"):  # freed one by one: Python's own way recurses
        deep = deep["content"][0]
    attrs: Any = 1
    for _ in range(40):
        attrs = [attrs]
    with pytest.raises(InvalidContent, match="deep"):
        prosemirror.node_of("x", {"a": attrs})


def test_marks_as_yjs_keeps_them() -> None:
    given = {"bold": {}, "italic": True, "link--Ab3": {"href": "/x"}, "strike": None, "size": 7}
    assert prosemirror.marks_of(given) == (
        Mark("bold"),
        Mark("italic"),
        Mark("link", {"href": "/x"}),
        Mark("size", {"value": 7}),
    )


def test_a_walker_drives_the_builder() -> None:
    builder = Builder()
    builder.open(*prosemirror.node_of("paragraph", {"textAlign": "right"}))
    builder.text("a", prosemirror.marks_of({"bold": True}))
    builder.leaf(*prosemirror.node_of("hardBreak"))
    tree = builder.finish()
    expected = block("paragraph", text("a", Mark("bold")), Node("hardBreak"), align="right")
    assert tree == block("doc", expected)
    builder = Builder()
    with pytest.raises(InvalidContent):
        for _ in range(MAX_DEPTH + 1):
            builder.open("x")
