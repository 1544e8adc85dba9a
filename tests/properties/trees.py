"""Hypothesis strategies for trees and for documents as Quill makes them.

Owns the distribution: every node and mark that is known, some that are not, nodes where they do not
belong, text that means something to html or markdown.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from collab.formats.tree import EITHER, MARKS, Mark, Node
from collab.ot.delta import Delta, Op, normalize

_PIECES = [
    "a", "b", "1", " ", "  ", "é", "😀", "\u00a0", "\n", "\t", "*", "**", "_", "`", "```", "~~",
    "[", "](", ")", "<", ">", "<b>", "&amp;", "&", "#", "# ", "- ", "1. ", "|", "!", "\\", "---",
    "===", ":", "\"", "'", "http://x.y", "+", ".", "$", "[ ] ", "\x0b", "\u2028", "{", "\x00",
    "\r", "x",
]  # fmt: skip
texts = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4
)
words = st.lists(st.sampled_from(["a", "bc", "é1", " d", "e f", "2"]), min_size=1, max_size=3).map(
    "".join
)
values = st.sampled_from(
    [True, False, 1, 0, 1.5, "", "red", 'q"<>&', "\r\x00", [1, None], {"v": 1}]
)
addresses = st.sampled_from(
    [
        "http://x.y/z?a=1&b=2", "/r", "", "#h", "mailto:a@b.c", "javascript:alert(1)",
        "JaVa\nScript:x", "data:text/html,x", "data:image/png;base64,AAAA", "http://[", "a b(c)",
        'x"y', "a\rb", "<x>", "a\\b", "ä|b",
    ]
)  # fmt: skip
extras = st.dictionaries(
    st.sampled_from(["id", "data-x", "level", "start", "value", "align"]), values, max_size=2
)


def _attrs(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda a, b: {**a, **b}, st.fixed_dictionaries({}, optional=known), extras | st.just({})
    )


_shapes: dict[str, st.SearchStrategy[Any]] = {
    "align": st.sampled_from(["left", "center", "right", "url(x)"]),
    "direction": st.sampled_from(["rtl", "ltr", 3]),
    "indent": st.sampled_from([1, 8, 0, 100, "2", True]),
}
_node_attrs = {
    "paragraph": _attrs(**_shapes),
    "heading": _attrs(level=st.integers(0, 7), **_shapes),
    "orderedList": _attrs(start=st.sampled_from([1, 0, 3, -5, 10**12, "2", True])),
    "taskItem": _attrs(checked=st.sampled_from([True, False, "x", 1])),
    "codeBlock": _attrs(language=st.sampled_from(["py", "c++", "a b", "", "`", 7, "é"])),
    "image": _attrs(
        src=addresses, alt=texts, title=texts, width=st.sampled_from(["10", 10]), height=values
    ),
    "video": _attrs(src=addresses),
    "formula": _attrs(latex=texts),
    "tableCell": _attrs(colspan=st.sampled_from([1, 2, True, "2"]), **_shapes),
    "tableHeader": _attrs(rowspan=st.integers(0, 3), **_shapes),
}
_styles = st.sampled_from(
    ["red", "#ff0000", "rgb(1, 2, 3)", "url(x)", "1px;x:y", "small", " a", "12px", 3]
)
_mark_attrs = {
    "link": _attrs(href=addresses, title=texts),
    "highlight": _attrs(color=_styles),
    **{name: _attrs(value=_styles) for name in ("color", "background", "size", "font")},
}
_names = st.sampled_from(["callout", "mention", 'x"<y', "a\rb", "details"])


@st.composite
def marks(draw: st.DrawFn) -> tuple[Mark, ...]:
    """A few marks in any order, some of them twice."""
    types = draw(st.lists(st.sampled_from(MARKS) | _names, max_size=3))
    return tuple(Mark(type, draw(_mark_attrs.get(type, extras))) for type in types)


_runs = st.builds(lambda text, marks: Node("text", {}, (), marks, text), texts, marks())
_leaf_types = st.sampled_from(
    ["hardBreak", "hardBreak", "formula", *EITHER, "mention", "horizontalRule"]
)


@st.composite
def leaves(draw: st.DrawFn) -> Node:
    """A node without content, but text."""
    type = draw(_leaf_types)
    return Node(type, draw(_node_attrs.get(type, st.just({}))), (), draw(marks()))


inline = st.lists(_runs | _runs | leaves(), max_size=4).map(tuple)


@st.composite
def _node(draw: st.DrawFn, inner: st.SearchStrategy[Node]) -> Node:
    type = draw(st.sampled_from(_PLACES) | _names)
    wanted = _CONTENT.get(type)
    if wanted == "inline" or draw(st.integers(0, 9)) == 0:
        content = draw(inline)
    else:
        content = tuple(draw(st.lists(inner, max_size=3)))
        if wanted and draw(st.integers(0, 9)):
            content = tuple(
                Node(draw(st.sampled_from(wanted.split())), child.attrs, (child,))
                for child in content
            )
    return Node(type, draw(_node_attrs.get(type, extras)), content, draw(st.just(()) | marks()))


_CONTENT = {
    "paragraph": "inline",
    "heading": "inline",
    "codeBlock": "inline",
    "bulletList": "listItem",
    "orderedList": "listItem",
    "taskList": "taskItem",
    "table": "tableRow",
    "tableRow": "tableHeader tableCell",
}
_PLACES = [*_CONTENT, "paragraph", "paragraph", "blockquote", "listItem", "taskItem", "tableCell"]

nodes = st.recursive(
    _runs | leaves() | st.builds(lambda content: Node("paragraph", {}, content), inline),
    _node,
    max_leaves=8,
)
trees = st.lists(nodes, max_size=4).map(lambda content: Node("doc", {}, tuple(content)))


# What markdown can say ----------------------------------------------------------------------------


_plain_marks = st.sampled_from(["bold", "italic", "strike", "code"])


@st.composite
def _plain_run(draw: st.DrawFn) -> Node:
    types = draw(st.sets(_plain_marks, max_size=2))
    link = draw(st.none() | st.sampled_from(["http://x.y/z?a=1&b=2", "/r", "a b(c)"]))
    found = tuple(Mark(type) for type in sorted(types))
    return Node(
        "text", {}, (), found + ((Mark("link", {"href": link}),) if link else ()), draw(texts)
    )


def _is_no_picture(nodes: tuple[Node, ...]) -> bool:
    """Markdown takes pictures that are alone for blocks."""
    return any(node.type != "image" for node in nodes)


_plain_inline = (
    st.lists(
        _plain_run()
        | st.just(Node("hardBreak"))
        | st.builds(lambda alt: Node("image", {"src": "a.png", "alt": alt}), words),
        min_size=1,
        max_size=4,
    )
    .map(tuple)
    .filter(_is_no_picture)
)
_plain_paragraph = st.builds(lambda content: Node("paragraph", {}, content), _plain_inline)


def _plain_table(rows: list[list[tuple[Node, ...]]]) -> Node:
    made: list[Node] = []
    for row in rows:
        type = "tableCell" if made else "tableHeader"
        cells = tuple(Node(type, {}, (Node("paragraph", {}, cell),)) for cell in row)
        made.append(Node("tableRow", {}, cells))
    return Node("table", {}, tuple(made))


def _plain_blocks(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    content = st.builds(
        lambda first, rest: (first, *rest), _plain_paragraph, st.lists(inner, max_size=2)
    )
    items = st.lists(content, min_size=1, max_size=3)
    return (
        st.builds(
            lambda type, items: Node(type, {}, tuple(Node("listItem", {}, item) for item in items)),
            st.sampled_from(["bulletList", "orderedList"]),
            items,
        )
        | st.builds(
            lambda items, checked: Node(
                "taskList", {}, tuple(Node("taskItem", {"checked": checked}, i) for i in items)
            ),
            items,
            st.booleans(),
        )
        | content.map(lambda content: Node("blockquote", {}, content))
    )


_plain_leaf = (
    _plain_paragraph
    | st.builds(
        lambda level, content: Node("heading", {"level": level}, content),
        st.integers(1, 6),
        _plain_inline,
    )
    | st.builds(
        lambda text: Node("codeBlock", {"language": "py"}, (Node("text", {}, (), (), text),)), texts
    )
    | st.just(Node("horizontalRule"))
    | st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(_plain_inline, min_size=width, max_size=width), min_size=1, max_size=3
        ).map(_plain_table)
    )
)
plain_trees = st.lists(st.recursive(_plain_leaf, _plain_blocks, max_leaves=5), max_size=4).map(
    lambda content: Node("doc", {}, tuple(content))
)


# Quill -------------------------------------------------------------------------------------------

_formats = st.fixed_dictionaries(
    {},
    optional={
        "bold": st.just(True),
        "italic": st.just(True),
        "strike": st.just(True),
        "underline": st.just(True),
        "code": st.just(True),
        "link": st.just("http://x.y"),
        "color": st.sampled_from(["red", "#123456"]),
        "background": st.just("blue"),
        "font": st.just("serif"),
        "size": st.sampled_from(["small", "huge"]),
        "script": st.sampled_from(["sub", "super"]),
        "comment": st.sampled_from([True, 7, "x", {"id": 1}, {"value": 2}, {}, [1], False]),
    },
)
_line_texts = texts.map(lambda text: text.replace("\n", "") or "x")
_quill_text = st.builds(
    lambda text, formats: Op(text, None, None, formats or None), _line_texts, _formats
)
_quill_embed = st.builds(
    lambda embed, formats: Op(embed, None, None, formats or None),
    st.sampled_from(
        [
            {"image": "a.png"},
            {"formula": "e^x"},
            {"mention": {"id": 3}},
            {"mention": {"value": 3}},
            {"two": 1, "keys": 2},
            {"embed": True},
            {"paragraph": 1},
        ]
    ),
    _formats | st.just({"alt": "x", "width": "10"}),
)
_block_formats: st.SearchStrategy[dict[str, Any]] = (
    st.just({})
    | st.builds(lambda level: {"header": level}, st.integers(1, 6))
    | st.builds(
        lambda kind, indent: {"list": kind, **({"indent": indent} if indent else {})},
        st.sampled_from(["bullet", "ordered", "checked", "unchecked"]),
        st.integers(0, 8),
    )
    | st.just({"blockquote": True})
    | st.builds(lambda language: {"code-block": language}, st.sampled_from([True, "plain", "py"]))
    | st.builds(lambda row: {"table": f"row-{row}"}, st.integers(1, 3))
)
_shape_formats = st.fixed_dictionaries(
    {},
    optional={
        "align": st.sampled_from(["center", "right", "justify"]),
        "direction": st.just("rtl"),
        "custom": st.sampled_from([True, 1, {"a": 1}]),
        "level": st.just(4),
        "language": st.just("x"),
    },
)


@st.composite
def quill_documents(draw: st.DrawFn) -> Delta:
    """Lines as Quill's formats make them, with attributes it does not know."""
    ops: list[Op] = []
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.integers(0, 7)) == 0:
            embed: dict[str, Any] = draw(
                st.sampled_from([{"video": "http://v"}, {"divider": True}])
            )
            ops.append(Op(embed))
            continue
        ops.extend(draw(st.lists(_quill_text | _quill_embed, max_size=3)))
        formats = {**draw(_block_formats), **(draw(_shape_formats) if draw(st.booleans()) else {})}
        ops.append(Op("\n", None, None, formats or None))
    return normalize(ops)
