"""What each node and mark is in html, and how forgivingly html is read."""

from __future__ import annotations

import pytest

from collab.formats import html
from collab.formats.normal import normal
from collab.formats.tree import Mark, Node, block, text

BOLD, ITALIC = Mark("bold"), Mark("italic")


def shown(source: str) -> str:
    """Html as it is written after it was read, in one line."""
    return html.write(html.read(source)).replace("\n", "")


WRITTEN = [
    (block("heading", text("a"), level=2), "<h2>a</h2>"),
    (block("paragraph", text("a"), align="center"), '<p style="text-align: center">a</p>'),
    (
        block("paragraph", text("a"), direction="rtl", indent=2),
        '<p dir="rtl" class="ql-indent-2">a</p>',
    ),
    (block("paragraph", text(" a  b")), '<p style="white-space: pre-wrap"> a  b</p>'),
    (block("paragraph", text("a"), Node("hardBreak"), text("b")), "<p>a<br>b</p>"),
    (block("blockquote", block("paragraph", text("a"))), "<blockquote><p>a</p></blockquote>"),
    (
        block("bulletList", block("listItem", block("paragraph", text("a")))),
        "<ul><li><p>a</p></li></ul>",
    ),
    (
        block("orderedList", block("listItem", block("paragraph")), start=3),
        '<ol start="3"><li><p></p></li></ol>',
    ),
    (
        block("taskList", block("taskItem", block("paragraph", text("a")), checked=True)),
        '<ul data-type="taskList"><li data-type="taskItem" data-checked="true">'
        '<input type="checkbox" checked="" disabled=""><p>a</p></li></ul>',
    ),
    (
        block("codeBlock", text("a\n  <b>"), language="c++"),
        '<pre><code class="language-c++">a\n  &lt;b&gt;</code></pre>',
    ),
    (Node("horizontalRule"), "<hr>"),
    (
        Node("image", {"src": "/a.png", "alt": 'x"y', "title": "t"}),
        '<img src="/a.png" alt="x&quot;y" title="t">',
    ),
    (Node("video", {"src": "https://x/v"}), '<video src="https://x/v" controls=""></video>'),
    (
        block("paragraph", Node("formula", {"latex": "a<b"})),
        '<p><span class="ql-formula" data-value="a&lt;b">a&lt;b</span></p>',
    ),
    (
        block(
            "table",
            block("tableRow", block("tableHeader", block("paragraph", text("a")), colspan=2)),
            block(
                "tableRow", block("tableCell", block("paragraph"), rowspan=1), block("tableCell")
            ),
        ),
        '<table><tbody><tr><th colspan="2"><p>a</p></th></tr><tr><td><p></p></td><td></td></tr>'
        "</tbody></table>",
    ),
    (
        block("paragraph", text("a", ITALIC, BOLD), text("b", BOLD)),
        "<p><strong><em>a</em>b</strong></p>",
    ),
    (
        block("paragraph", text("a", Mark("link", {"href": "http://x.y?a=1&b=2", "title": "t"}))),
        '<p><a href="http://x.y?a=1&amp;b=2" title="t"'
        ' rel="noopener noreferrer nofollow">a</a></p>',
    ),
    (
        block("paragraph", text("a", Mark("color", {"value": "#ff0000"}), Mark("highlight"))),
        '<p><mark><span style="color: #ff0000">a</span></mark></p>',
    ),
    (
        block("callout", block("paragraph", text("a")), kind="warning"),
        '<div data-type="callout" data-attrs="{&quot;kind&quot;:&quot;warning&quot;}">'
        "<p>a</p></div>",
    ),
    (
        block("paragraph", Node("mention", {"id": 1}, (), (BOLD,)), text("a", Mark("comment"))),
        '<p><span data-type="mention" data-attrs="{&quot;id&quot;:1}"'
        ' data-marks="[[&quot;bold&quot;,{}]]"></span><span data-mark="comment">a</span></p>',
    ),
    (
        block("paragraph", text("a"), block("paragraph", text("b"))),
        '<div data-type="paragraph">a<p>b</p></div>',
    ),
]


@pytest.mark.parametrize(("node", "expected"), WRITTEN, ids=[row[1][:30] for row in WRITTEN])
def test_it_is_written_so_and_comes_back(node: Node, expected: str) -> None:
    tree = block("doc", node)
    assert html.write(tree).removesuffix("\n") == expected
    assert html.read(expected) == normal(tree)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hello <b>you</b>", "<p>hello <strong>you</strong></p>"),
        ("<div>a</div><div>b<br></div><div><br></div>", "<p>a</p><p>b</p><p></p>"),
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("  <p> a \n b </p>\n <p>c</p> ", "<p>a b</p><p>c</p>"),
        ("<b>a<i>b</b>c</i>", "<p><strong>a<em>b</em></strong><em>c</em></p>"),
        ("<p><b>a<p>b</b>c", "<p><strong>a</strong></p><p><strong>b</strong>c</p>"),
        ("<ul><li>a<li>b</ul>c", "<ul><li><p>a</p></li><li><p>b</p></li></ul><p>c</p>"),
        (
            "<ul><li>a</li><ul><li>b</li></ul></ul>",
            "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li></ul>",
        ),
        ("<li>a", "<ul><li><p>a</p></li></ul>"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", None),
        ("<td>a</td>b", "<p>ab</p>"),
        ("<o:p>a</o:p><custom-x>b</custom-x>", "<p>ab</p>"),
        ("<style>p{}</style><title>t</title>a", "<p>a</p>"),
        ("a &lt;b&gt; &amp; &copy; &#x41; 1 < 2", "<p>a &lt;b&gt; &amp; © A 1 &lt; 2</p>"),
        ("<b style='font-weight:normal'>a</b>", "<p>a</p>"),
        (
            "<span style='font-weight:700;font-style:italic;text-decoration:underline'>a</span>",
            "<p><strong><em><u>a</u></em></strong></p>",
        ),
        (
            "<p class='ql-align-right ql-indent-1'>a",
            '<p style="text-align: right" class="ql-indent-1">a</p>',
        ),
        ("<pre>\na\n b</pre>", "<pre><code>a b</code></pre>"),
        ("<iframe class='ql-video' src='https://x/y'></iframe>", None),
        ("<h1>a</h1>b<h2>c", "<h1>a</h1><p>b</p><h2>c</h2>"),
        ("<a name=x>a</a>", "<p>a</p>"),
        ("<font color=red face=serif>a</font>", None),
    ],
)
def test_pasted_html_is_read_as_it_looks(source: str, expected: str | None) -> None:
    if expected is not None:
        assert shown(source) == expected
    assert shown(shown(source)) == shown(source)


def test_task_lists_of_others_are_read() -> None:
    box = "<input type=checkbox"
    tree = html.read(f"<ul><li>{box} checked> a</li><li>{box}> b</li><li>c</li></ul>")
    assert [node.type for node in tree.content] == ["taskList", "bulletList"]
    assert [item.attrs for item in tree.content[0].content] == [
        {"checked": True},
        {"checked": False},
    ]
    tiptap = (
        '<ul data-type="taskList"><li data-type="taskItem" data-checked="true"><label>'
        '<input type="checkbox" checked><span></span></label><div><p>a</p></div></li></ul>'
    )
    paragraph = block("paragraph", text("a"))
    assert html.read(tiptap) == block(
        "doc", block("taskList", block("taskItem", paragraph, checked=True))
    )


def test_a_space_after_an_empty_node_is_no_beginning() -> None:
    tree = block("doc", block("callout", Node("mention"), text(" a"), Node("mention")))
    assert html.read(html.write(tree)) == tree


def test_attributes_that_are_no_json_are_none() -> None:
    for attrs in ("{", "[]", "7", '{"a":' * 100, '{"a":1e999}'):
        tree = html.read(f"<div data-type=x data-attrs='{attrs}' data-marks='{attrs}'>a</div>")
        assert tree == block("doc", block("x", text("a")))


def test_values_that_a_tag_only_shows_stay_what_they_are() -> None:
    tree = block("doc", Node("image", {"src": "a", "width": 10, "height": "20"}))
    written = html.write(tree)
    assert 'width="10" height="20"' in written
    assert html.read(written) == tree
