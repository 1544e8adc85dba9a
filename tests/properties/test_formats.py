"""The laws of the formats: what is written can be read again, and nothing that is written bites."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from collab.formats import html, markdown, prosemirror, quill
from collab.formats.normal import normal
from collab.formats.sanitize import clean
from collab.formats.tree import Node, walk
from collab.ot.delta import Delta
from tests.properties.trees import plain_trees, quill_documents, trees

_HTML = st.lists(
    st.sampled_from(
        [
            *"<>/=\"' ab&;-!\n", "<p", "<p>", "<li>", "<ul>", "</ul>", "</", "<table>", "<td>",
            "<tr>", "</table>", "<!--", "<b>", "<i>", "</b>", "<div data-type=x>", "<span>",
            "</div>", "<br>", "<span data-type=y>", "</span>", "<pre>", "</pre>", "<img src=a>",
            "<h1>", "<blockquote>",
            "<input type=checkbox>", "<div>", "<code>", "<hr>", "<p style='white-space: pre-wrap'>",
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip
_MARKDOWN = st.lists(
    st.sampled_from(
        [*"a *_`~[]()<>!#|-+\n1.&:\\\t", "```", "<b>", "- ", "> ", "    ", "\n\n", "<div>", "[x] "]
    ),
    max_size=25,
).map("".join)
_SPACE = re.compile(r"\s+")


def text_of(tree: Node) -> str:
    """All text, without white space."""
    shown = "".join(node.text for node, entering in walk(tree) if entering)
    return _SPACE.sub("", shown)


@given(trees)
def test_the_normal_form_is_one(tree: Node) -> None:
    assert normal(normal(tree)) == normal(tree)
    assert text_of(normal(tree)) == text_of(tree).replace("\0", "\ufffd")


@given(trees)
def test_html_comes_back(tree: Node) -> None:
    assert html.read(html.write(tree)) == normal(tree)


@given(trees)
def test_html_is_a_fixed_point_of_the_sanitiser(tree: Node) -> None:
    written = html.write(tree)
    assert clean(written) == written


@given(_HTML)
def test_any_html_is_read_as_a_tree_that_comes_back(source: str) -> None:
    tree = html.read(source)
    assert html.read(html.write(tree)) == tree


@given(plain_trees)
def test_what_markdown_can_say_comes_back(tree: Node) -> None:
    assert markdown.read(markdown.write(tree)) == normal(tree)


@given(trees)
def test_markdown_keeps_all_text(tree: Node) -> None:
    assert text_of(markdown.read(markdown.write(tree))) == text_of(normal(tree))


@given(_MARKDOWN)
def test_any_markdown_is_read_as_a_tree_that_html_holds(source: str) -> None:
    tree = markdown.read(source)
    assert html.read(html.write(tree)) == tree


@given(quill_documents())
def test_a_document_of_quill_comes_back(document: Delta) -> None:
    assert quill.write(quill.read(document)) == document


@given(trees)
def test_quill_keeps_all_text(tree: Node) -> None:
    assert text_of(quill.read(quill.write(tree))) == text_of(tree)


@given(trees)
def test_prosemirror_json_comes_back(tree: Node) -> None:
    tree = normal(tree)
    assert normal(prosemirror.read(prosemirror.write(tree))) == tree
