"""Lines become blocks and blocks lines; what Quill does not know stays."""

from __future__ import annotations

from typing import Any

import pytest

from collab.formats import html, quill
from collab.formats.tree import Mark, Node, block, text
from collab.ot.delta import Delta, Op, insert, normalize


def lines(*pairs: tuple[str, dict[str, Any]]) -> Delta:
    ops: list[Op] = []
    for content, attributes in pairs:
        ops += [insert(content)] if content else []
        ops.append(insert("\n", attributes))
    return normalize(ops)


DOCUMENTS: dict[str, tuple[Delta, str]] = {
    "nested lists": (
        lines(
            ("a", {"list": "bullet"}),
            ("b", {"list": "ordered", "indent": 1}),
            ("c", {"list": "bullet", "indent": 2}),
            ("d", {"list": "bullet"}),
        ),
        "<ul><li><p>a</p><ol><li><p>b</p><ul><li><p>c</p></li></ul></li></ol></li>"
        "<li><p>d</p></li></ul>",
    ),
    "a list that begins indented": (
        lines(("a", {"list": "bullet", "indent": 1}), ("b", {"list": "bullet"})),
        "<ul><li><ul><li><p>a</p></li></ul></li><li><p>b</p></li></ul>",
    ),
    "lines of code": (
        lines(("a", {"code-block": "py"}), ("", {"code-block": "py"}), ("b", {"code-block": True})),
        '<pre><code class="language-py">a\n</code></pre><pre><code>b</code></pre>',
    ),
    "a quote": (
        lines(("a", {"blockquote": True}), ("b", {"blockquote": True, "align": "right"})),
        '<blockquote><p>a</p><p style="text-align: right">b</p></blockquote>',
    ),
    "a table": (
        lines(("a", {"table": "r1"}), ("", {"table": "r1"}), ("b", {"table": "r2"})),
        '<table><tbody><tr data-attrs="{&quot;id&quot;:&quot;r1&quot;}"><td><p>a</p></td>'
        '<td><p></p></td></tr><tr data-attrs="{&quot;id&quot;:&quot;r2&quot;}"><td><p>b</p></td>'
        "</tr></tbody></table>",
    ),
    "what is unknown": (
        lines(("a", {"header": 9, "line-height": 2})),
        '<p data-attrs="{&quot;header&quot;:9,&quot;line-height&quot;:2}">a</p>',
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_become_blocks_and_come_back(name: str) -> None:
    document, expected = DOCUMENTS[name]
    tree = quill.read(document)
    written = html.write(tree)
    assert written.replace("</pre>\n", "</pre>").removesuffix("\n") == expected
    assert quill.write(tree) == document
    assert quill.write(html.read(written)) == document


def test_embeds_and_formats_come_back() -> None:
    document = (
        insert({"video": "http://v"}),
        insert("a", {"script": "sub", "size": "huge", "comment": {"id": 1}}),
        insert({"image": "a.png"}, {"alt": "b", "width": "9", "link": "http://x/"}),
        insert({"formula": "e"}),
        insert({"mention": {"id": 2}}),
        insert("\n"),
    )
    assert quill.write(quill.read(document)) == document
    assert quill.write(html.read(html.write(quill.read(document)))) == document


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert quill.read((insert("a"),)) == block("doc", block("paragraph", text("a")))
    assert quill.read(()) == block("doc")
    assert quill.write(block("doc")) == ()


def test_what_quill_has_no_lines_for_keeps_its_text() -> None:
    two = block("listItem", block("paragraph", text("a")), block("paragraph", text("b")))
    tree = block(
        "doc", block("bulletList", two), block("callout", block("paragraph", text("c")), k=1)
    )
    assert quill.write(tree) == (
        insert("a"),
        insert("\n", {"list": "bullet"}),
        insert("b"),
        insert("\n", {"indent": 1}),
        insert("c"),
        insert("\n", {"callout": {"k": 1}}),
    )


def test_a_cell_is_one_line() -> None:
    content = (block("paragraph", text("a")), block("paragraph", text("b", Mark("bold"))))
    tree = block("doc", block("table", block("tableRow", block("tableCell", *content))))
    assert quill.write(tree) == (
        insert("a"),
        insert(" b", {"bold": True}),
        insert("\n", {"table": "row-1"}),
    )


def test_breaks_are_line_ends() -> None:
    tree = block("doc", block("paragraph", text("a"), Node("hardBreak"), text("b")))
    assert quill.write(tree) == (insert("a\nb\n"),)
