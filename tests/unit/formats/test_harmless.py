"""What leaves as html or markdown does nothing in a browser, whatever came in and which way."""

from __future__ import annotations

import pytest

from collab.formats import html, markdown, quill
from collab.formats.tree import Mark, Node, block, text
from collab.ot.delta import insert
from tests.harmless import findings, markdown_findings

ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\r\nscript:alert(1)",
    "\x00javascript:alert(1)",
    "\x01 \x1fjavascript:alert(1)",
    " " * 80 + "javascript:alert(1)",
    "\t" * 80 + "data:text/html,<script>alert(1)</script>",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A&#x61vascript:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "javascript\\:alert(1)",
    "%6aavascript:alert(1)",
    "javascript:alert(1)//https://example.org",
    "vbscript:x",
    "livescript:x",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "DATA:TEXT/HTML,<script>",
    "data:,x",
    "data:image/png;base64,AAAA\"onerror='alert(1)",
    "blob:https://example.org/x",
    "filesystem:https://example.org/x",
    "file:///etc/hosts",
    "view-source:javascript:x",
    "feed:javascript:x",
    "jar:javascript:x",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "x) <script>alert(1)</script> [y](z",
    "x> <script>alert(1)</script>",
    "x\n\n<script>alert(1)</script>\n\n",
    "`<script>alert(1)</script>`",
]
NAMES = [
    "script", "svg", "math", "iframe", "style", "object", "form", "base", "onerror", "onclick",
    "x><script>alert(1)</script><x", 'x" onclick="alert(1)', "x' onclick='alert(1)", "-->", "a\nb",
    "__proto__", "constructor", "heading", "image",
]  # fmt: skip
MARKUP = [
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src onerror=a&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<img src='x'onerror='alert(1)'>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x\x0conerror=alert(1)>",
    "<IMG SRC=JaVaScRiPt:alert(1)>",
    "<img src=javascript&#0000058alert(1)>",
    "<video src=x onerror=alert(1)><source src=x onerror=alert(1)></video>",
    "<video poster=javascript:alert(1) src='java\tscript:x'></video>",
    "<input autofocus onfocus=alert(1) type=image src=javascript:alert(1)>",
    "<input type=submit formaction=javascript:alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<body onload=alert(1)><p background='javascript:alert(1)'>a",
    "<p style='background:url(javascript:alert(1))'>a</p>",
    "<p style='color:red;width:expression(alert(1))'>a</p>",
    "<p style='color:re\\64;behavior:url(x)'>a</p>",
    "<p style='-moz-binding:url(x)'>a</p>",
    "<p style=\"font-family:'a';x:url('b')\">a</p>",
    "<p style='color:/**/expression(1)'>a</p>",
    "<a href='javascript:alert(1)' target=_blank ping=//x download>a</a>",
    "<a href=' &#1; javascript:alert(1)'>a</a>",
    "<a href='java&#9;script:alert(1)'>a</a>",
    "<a href='&Tab;data:text/html,x'>a</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<xmp><script>alert(1)</script></xmp>",
    "<plaintext><script>alert(1)</script>",
    "<noembed><img src=x onerror=alert(1)></noembed>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<!--!><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>a",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///'>]>&y;",
    "</p/onclick=alert(1)><script>alert(1)</script >",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    '<div data-type=script data-attrs=\'{"onclick":"x"}\' data-marks=\'[["script",{}]]\'>a</div>',
    "<div data-type='image' data-attrs='{\"src\":\"javascript:alert(1)\"}'></div>",
    "<span data-mark='a href=javascript:alert(1)'>a</span>",
    '<p data-attrs=\'{"align":"left;position:fixed","direction":"\\"onclick=x"}\'>a</p>',
]
IN_MARKDOWN = [
    "[a](javascript:alert(1))",
    "[a](java&Tab;script:alert(1))",
    "[a](<javascript:alert(1)>)",
    "[a](JAVASCRIPT&#58;alert(1))",
    "![a](javascript:alert(1) \"onerror='alert(1)'\")",
    '![a" onerror="alert(1)](x)',
    "[a]: javascript:alert(1)\n\n[a]",
    "<javascript:alert(1)>",
    "<https://x/\"onclick='alert(1)'>",
    '[a](x "\\"onclick=alert(1)")',
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\na\n```',
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "\\<script>alert(1)</script>",
    "&lt;script>alert(1)&lt;/script>",
    "| <svg onload=alert(1)> | a |\n| --- | --- |\n| <script>alert(1)</script> | `|` |",
    "- [ ] <img src=x onerror=alert(1)>",
    "> <script>\n> alert(1)\n> </script>",
    "# <script>alert(1)</script>",
    "<script\n>alert(1)</script\n>",
]


def assert_harmless(tree: Node) -> None:
    written = html.write(tree)
    assert findings(written) == [], written
    written = markdown.write(tree)
    assert markdown_findings(written) == [], written


def test_the_judge_finds_what_is_there() -> None:
    """Otherwise nothing below could fail."""
    for source in (*MARKUP[:10], *MARKUP[12:20]):
        assert findings(source), source
    for address in (*ADDRESSES[:4], *ADDRESSES[5:12]):
        assert findings(f'<a href="{address}">a</a>'), address
    assert markdown_findings(IN_MARKDOWN[0])
    assert markdown_findings("<p onclick='x'>a</p>")
    assert findings('<p style="color: red"><a href="/x?y=z:1">a</a><b>a</b></p>') == ["<b>"]


@pytest.mark.parametrize("source", MARKUP)
def test_markup_that_comes_in(source: str) -> None:
    assert_harmless(html.read(f"<p>before</p>{source}<p>after</p>"))
    assert_harmless(html.read(f"<table><tr><td>{source}</table>"))
    assert_harmless(html.read(f"<ul><li>{source}<pre>{source}"))
    assert_harmless(markdown.read(f"before\n\n{source}\n\nafter {source} `{source}`"))


@pytest.mark.parametrize("source", IN_MARKDOWN)
def test_markdown_that_comes_in(source: str) -> None:
    assert_harmless(markdown.read(source))
    assert_harmless(markdown.read(f"- a\n\n  {source}"))


@pytest.mark.parametrize("source", [*MARKUP, *IN_MARKDOWN, *ADDRESSES])
def test_markup_that_is_only_text(source: str) -> None:
    """Shown as what it is; also where markdown has its own rules: code, cells, links, pictures."""
    cell = block("tableCell", block("paragraph", text(source)))
    tree = block(
        "doc",
        block("paragraph", text(source), text(source, Mark("code", {}))),
        Node("heading", {"level": 1}, (text(source),)),
        Node("codeBlock", {"language": source}, (text(source.replace("\r", "")),)),
        block("bulletList", block("listItem", block("paragraph", text(source)))),
        block("blockquote", block("paragraph", text(source))),
        block("table", block("tableRow", cell)),
        block("paragraph", Node("image", {"src": "x", "alt": source, "title": source})),
        block("paragraph", text(source, Mark("link", {"href": "x", "title": source}))),
        block("paragraph", Node("formula", {"latex": source})),
    )
    assert_harmless(tree)


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_of_whatever_a_tree_has(address: str) -> None:
    link = Mark("link", {"href": address, "src": address, "onclick": address})
    tree = block(
        "doc",
        block("paragraph", text("a", link), text(address, link)),
        block("paragraph", Node("image", {"src": address, "href": address, "alt": "b"})),
        Node("video", {"src": address, "poster": address}),
        Node("iframe", {"src": address, "srcdoc": address}),
        block("table", block("tableRow", block("tableCell", block("paragraph", text("a", link))))),
    )
    assert_harmless(tree)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_whatever_a_tree_has(name: str) -> None:
    mark = Mark(name, {name: "alert(1)", "value": name, "style": name})
    attrs = {name: "alert(1)", "style": f"x:{name}", "class": name, "id": name, "align": name}
    tree = block(
        "doc",
        Node("paragraph", attrs, (text("a", mark), Node(f"x{name}", attrs))),
        Node(f"y{name}", attrs, (block("paragraph", text("b", mark)),)),
        Node("codeBlock", {**attrs, "language": name}, (text("c"),)),
    )
    assert_harmless(tree)


@pytest.mark.parametrize("value", [*ADDRESSES, *NAMES])
def test_deltas_whatever_their_attributes_and_embeds(value: str) -> None:
    line = dict.fromkeys(
        ("align", "direction", "indent", "list", "code-block", "header", value), value
    )
    inline = dict.fromkeys(
        ("link", "color", "background", "font", "size", "script", "bold", value), value
    )
    delta = [
        insert("a", inline),
        insert({"image": value}, {"alt": value, "width": value, "height": value, "link": value}),
        insert({"formula": value}),
        insert({value: {"html": value}}),
        insert("\n", line),
        insert({"video": value}),
        insert("\n"),
    ]
    assert_harmless(quill.read(tuple(delta)))
