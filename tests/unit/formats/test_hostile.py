"""Nothing that anybody sends comes out as html that does something, or takes long."""

from __future__ import annotations

import re
import time

import pytest

from collab.errors import InvalidContent
from collab.formats import html, markdown, quill
from collab.formats.sanitize import clean, safe_address, safe_style
from collab.formats.tree import MAX_DEPTH, Mark, Node, block, text
from collab.ot.delta import insert

ADDRESSES = {
    "plain": "javascript:alert(1)",
    "mixed case": "JaVaScRiPt:alert(1)",
    "line ends": "java\nscr\tipt:alert(1)",
    "a control character before": "\x01javascript:alert(1)",
    "spaces before": "  javascript:alert(1)",
    "vbscript": "vbscript:msgbox(1)",
    "a page in the address": "data:text/html,<script>alert(1)</script>",
    "a page in base64": "data:text/html;base64,PHNjcmlwdD4=",
    "a picture that is a program": "data:image/svg+xml;base64,PHN2Zy8+",
    "a broken host": "http://[",
}
ACTIVE = re.compile(
    r"<script|<svg|<math|<iframe|<style|<object|<form|\son\w+=|javascript|vbscript", re.I
)


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_links_and_pictures_lead_nowhere_bad(address: str) -> None:
    link = text("a", Mark("link", {"href": address}))
    picture = Node("image", {"src": address, "alt": "b"})
    tree = block("doc", block("paragraph", link, picture), Node("video", {"src": address}))
    for written in (html.write(tree), markdown.write(tree)):
        assert "script" not in written.lower()
        assert "href" not in written
        assert "src" not in written
        assert "data:" not in written.lower()


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_quill_cannot_link_there_either(address: str) -> None:
    delta = (insert("a", {"link": address}), insert({"image": address}), insert({"video": address}))
    written = html.write(quill.read(delta))
    assert not ACTIVE.search(written)
    assert "http" not in written


@pytest.mark.parametrize(
    "source",
    [
        "<a href='javascript:alert(1)'>a</a>",
        "<a href=' java&#x0a;script:alert(1)'>a</a>",
        "<a href='&#106;avascript&colon;alert(1)'>a</a>",
        "<a href=javascript&#58alert(1)>a</a>",
        "<img src=x onerror=alert(1)>a",
        "<img src='x' ONERROR = 'alert(1)'>a",
        "<svg onload=alert(1)>a</svg>",
        "<svg><script>alert(1)</script></svg>a",
        "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></math>a",
        "<p style='color: expression(alert(1))'>a</p>",
        "<p style='background: url(javascript:alert(1))'>a</p>",
        "<div style='position:fixed;inset:0'>a</div>",
        "<iframe src='javascript:alert(1)'></iframe>a",
        "<object data=x></object><embed src=x><form action=x><button formaction=x>a</button>",
        "<scr<script>ipt>alert(1)</script>a",
        "<<script>alert(1)//<</script>a",
        "<!--><script>alert(1)</script>-->a",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>a",
        "<b <script>alert(1)</script>a",
        "<table><td><style>a</style></table><a href='x' onclick=alert(1)>a</a>",
        "<div data-type='x' data-attrs='{\"onclick\":\"javascript\"' onclick=alert(1)>a</div>",
        '<span data-mark=link data-attrs=\'{"href":"javascript:alert(1)"}\'>a</span>',
        "<base href='javascript:'><meta http-equiv=refresh content=0><link rel=stylesheet href=x>a",
    ],
)
@pytest.mark.parametrize("through_markdown", [False, True])
def test_what_is_pasted_does_nothing(source: str, through_markdown: bool) -> None:
    tree = markdown.read(source) if through_markdown else html.read(source)
    written = html.write(tree)
    tags = "".join(re.findall(r"<[^>]*>", written))
    assert not ACTIVE.search(tags), written
    assert "position" not in written
    assert clean(written) == written


def test_markdown_links_are_judged_too() -> None:
    for source in (
        "[a](javascript:alert(1))",
        "[a](<java&#x0A;script:x>)",
        "![a](data:text/html,b)",
    ):
        assert not re.search("href|src", html.write(markdown.read(source)))


def test_pictures_may_bring_themselves() -> None:
    assert safe_address("data:image/png;base64,AAAA", image=True)
    assert not safe_address("data:image/png;base64,AAAA")
    assert not safe_address('data:image/png;base64,AA"onerror', image=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("color", "expression(alert(1))"),
        ("color", "red;position:fixed"),
        ("background-color", "url(//x)"),
        ("font-family", "x;y:z"),
        ("font-size", "calc(1px)"),
        ("position", "fixed"),
    ],
)
def test_styles_are_plain_values(name: str, value: str) -> None:
    assert not safe_style(name, value)


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 100_000,
        "<div data-type=x>" * 100_000,
        "<blockquote>" * 100_000 + "</blockquote>" * 100_000,
        "<ul><li>" * 100_000,
        "<b>" * 100_000 + "</i>" * 100_000,
        "<table><tr><td>" * 50_000,
        "<a " * 200_000,
        "<a b='" * 100_000,
        "<!--" * 100_000,
        "</p>" * 100_000,
        "<" * 500_000,
        "&" * 500_000,
        "&#" + "9" * 500_000 + ";",
        "<p>" + "<span data-type=x>" * 280 + "</div></b></p>" * 30_000,
    ],
    ids=lambda source: source[:20],
)
def test_broken_html_costs_time_in_proportion(source: str) -> None:
    """Generous: the standard library's parser takes minutes for some of these."""
    began = time.process_time()
    tree = html.read(source + "end")
    written = html.write(tree)
    assert time.process_time() - began < 8
    assert html.read(written) == tree


@pytest.mark.parametrize(
    "source", ["[" * 20_000, "![" * 20_000, "*a **b " * 10_000, "<a " * 50_000]
)
def test_broken_markdown_costs_time_in_proportion(source: str) -> None:
    began = time.process_time()
    assert html.write(markdown.read(source))
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    "source", ["> " * 200 + "a", "".join("  " * depth + "- a\n" for depth in range(200))]
)
def test_markdown_that_is_nested_too_deep_is_refused_rather_than_cut(source: str) -> None:
    with pytest.raises(InvalidContent, match="deep"):
        markdown.read(source)


def test_the_deepest_tree_goes_through_every_converter() -> None:
    node = block("paragraph", text("deep"))
    for depth in range(MAX_DEPTH - 20):
        node = block(("callout", "blockquote", "listItem")[depth % 3], node)
    tree = block("doc", node)
    assert html.read(html.write(tree)) == tree
    assert markdown.read(markdown.write(tree)) == tree
    assert quill.write(tree)[0].insert == "deep"
