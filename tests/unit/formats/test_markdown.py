"""What each node is in markdown, what is escaped, and what is html instead."""

from __future__ import annotations

import pytest

from collab.formats import markdown
from collab.formats.normal import normal
from collab.formats.tree import Mark, Node, block, text

BOLD, ITALIC, CODE = Mark("bold"), Mark("italic"), Mark("code")


def item(*content: Node) -> Node:
    return block("listItem", *content)


def line(*content: Node | str) -> Node:
    return block("paragraph", *(text(part) if isinstance(part, str) else part for part in content))


def cell(type: str, *content: Node | str, **attrs: str) -> Node:
    return block(type, line(*content), **attrs)


WRITTEN = [
    (block("heading", text("a #"), level=3), "### a \\#"),
    (line("a", Node("hardBreak"), "b"), "a\\\nb"),
    (
        line(text("a", BOLD), " ", text("b", ITALIC), " ", text("c", Mark("strike"))),
        "**a** *b* ~~c~~",
    ),
    (line(text("a b", BOLD), "c"), "**a b**c"),
    (line(text("a:", BOLD), " b"), "**a:** b"),
    (line(text("a:", BOLD), "b"), "<strong>a:</strong>b"),
    (line(text("a ", BOLD), "b"), "<strong>a </strong>b"),
    (line(text("a", BOLD), text("b", ITALIC)), "<strong>a</strong><em>b</em>"),
    (line(text("a`b", CODE), " ", text("c", Mark("underline"))), "``a`b`` <u>c</u>"),
    (line(text("a", Mark("link", {"href": "/b c", "title": 't"'}))), '[a](</b c> "t&#34;")'),
    (line("1 * 2 [x] <b> _a_ b_c &amp; & `"), "1 \\* 2 \\[x\\] \\<b> \\_a\\_ b_c \\&amp; & \\`"),
    (line("- a"), "\\- a"),
    (line("1. a"), "1\\. a"),
    (line("# a"), "\\# a"),
    (line(" a "), "&#32;a&#32;"),
    (line(), "<p></p>"),
    (block("paragraph", text("a"), align="right"), '<p style="text-align: right">a</p>'),
    (block("bulletList", item(line("a")), item(line("b"))), "- a\n- b"),
    (
        block(
            "bulletList", item(line("a"), block("orderedList", item(line("b")))), item(line("c"))
        ),
        "- a\n  1. b\n- c",
    ),
    (
        block("orderedList", item(line("a"), line("b")), item(line("c")), start=9),
        "9. a\n\n   b\n\n10. c",
    ),
    (block("bulletList", item(line()), item(line("a"))), "-\n\n- a"),
    (
        block("taskList", block("taskItem", line("a"), checked=True), block("taskItem", line())),
        "- [x] a\n\n- [ ]",
    ),
    (
        block("blockquote", line("a"), block("codeBlock", text("b\n\nc"))),
        "> a\n>\n> ```\n> b\n>\n> c\n> ```",
    ),
    (block("codeBlock", text("```"), language="py"), "````py\n```\n````"),
    (Node("horizontalRule"), "___"),
    (Node("image", {"src": "a.png", "alt": "x*y"}), "![x\\*y](a.png)"),
    (Node("image", {"src": "a.png", "width": "9"}), '<img src="a.png" width="9">'),
    (
        block(
            "table",
            block("tableRow", cell("tableHeader", "a"), cell("tableHeader", "b", align="center")),
            block("tableRow", cell("tableCell", "1|2"), cell("tableCell", align="center")),
        ),
        "| a | b |\n| --- | :-: |\n| 1&#124;2 |  |",
    ),
    (
        block("table", block("tableRow", cell("tableCell", "a"))),
        "<table><tbody><tr><td><p>a</p></td></tr></tbody></table>",
    ),
    (
        block("callout", line("a\nb"), kind=1),
        '<div data-type="callout" data-attrs="{&quot;kind&quot;:1}">'
        '<p style="white-space: pre-wrap">a&#10;b</p></div>',
    ),
    (
        line(Node("mention", {"id": 1}), " a"),
        '<span data-type="mention" data-attrs="{&quot;id&quot;:1}"></span> a',
    ),
]


@pytest.mark.parametrize(("node", "expected"), WRITTEN, ids=[row[1][:30] for row in WRITTEN])
def test_it_is_written_so_and_comes_back(node: Node, expected: str) -> None:
    tree = block("doc", node)
    assert markdown.write(tree).removesuffix("\n") == expected
    assert markdown.read(expected) == normal(tree)


def test_lists_that_follow_each_other_stay_apart() -> None:
    bullets = block("bulletList", item(line("a")))
    numbers = block("orderedList", item(line("a")))
    tasks = block("taskList", block("taskItem", line("a"), checked=False))
    tree = block("doc", bullets, bullets, tasks, bullets, numbers, numbers, bullets)
    assert markdown.read(markdown.write(tree)) == tree


def test_what_people_write_is_read() -> None:
    tree = markdown.read(
        "Title\n===\n\n* a\n* [ ] b\n\nsoft\nbreak<br>hard __b__ <u>u</u>\n\n    c"
    )
    heading, bullets, tasks, paragraph, code = tree.content
    assert heading == block("heading", text("Title"), level=1)
    assert bullets == block("bulletList", item(line("a")))
    assert tasks == block("taskList", block("taskItem", line("b"), checked=False))
    assert paragraph == line(
        "soft break",
        Node("hardBreak"),
        "hard ",
        text("b", BOLD),
        " ",
        text("u", Mark("underline")),
    )
    assert code == block("codeBlock", text("c"))


def test_raw_html_and_markdown_mix() -> None:
    tree = markdown.read('<div data-type="note">\n\n*a*\n\n</div>\n\nb')
    assert tree == block("doc", block("note", line(text("a", ITALIC))), line("b"))


def test_brackets_that_are_escaped_are_no_box() -> None:
    tree = block("doc", block("bulletList", item(line("[ ] a"))))
    assert markdown.read(markdown.write(tree)) == tree
