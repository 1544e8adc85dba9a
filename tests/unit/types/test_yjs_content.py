"""Yjs documents as text, html, markdown and json, and made of those; edits at UTF-16 positions."""

from __future__ import annotations

import json
from typing import Any

import pycrdt
import pytest

from collab.errors import InvalidContent, InvalidOperation, UnknownFormat
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_edits import TextChange, TextEdit
from collab.types.yjs_replica import Change, Replica

TIPTAP = """\
# Title

Some **bold** and *slanted* text with a [link](https://example.org).

- one
- two 😀

```python
print()
```
"""


def still(doc: pycrdt.Doc[Any]) -> Still:
    replica = Replica()
    replica.take(Change(doc.get_update()))
    return YJS.still(replica)


def shown(state: Still, format: str, root: str | None = None) -> str:
    return YJS.render(state, format, root).decode()


def made(content: str, format: str, root: str | None = None) -> Still:
    return YJS.read_content(content.encode(), format, root)


def test_an_empty_document_shows_nothing_in_every_format() -> None:
    empty = YJS.empty()
    assert YJS.render(empty, "update") == b"\0\0"
    assert YJS.render(empty, "json") == b"{}"
    assert [YJS.render(empty, each) for each in ("text", "html", "markdown")] == [b"", b"", b""]
    with pytest.raises(UnknownFormat):
        YJS.render(empty, "poem")


def test_roots_are_shown_as_what_their_content_says_they_are() -> None:
    doc = pycrdt.Doc[Any]()
    doc["t"] = pycrdt.Text("hello 😀")
    doc["m"] = pycrdt.Map({"n": 1, "half": 1.5, "raw": b"\0\1", "deep": {"a": [None, True]}})
    doc["a"] = pycrdt.Array([1, pycrdt.Map({"text": pycrdt.Text("inner")})])
    doc["x"] = fragment = pycrdt.XmlFragment()
    attributes: dict[str, Any] = {"level": 2, "textAlign": None}
    heading = pycrdt.XmlElement("heading", attributes)
    fragment.children.append(heading)
    heading.children.append(pycrdt.XmlText("Title"))
    assert json.loads(shown(still(doc), "json")) == {
        "a": [1, {"text": [{"insert": "inner"}]}],
        "m": {"deep": {"a": [None, True]}, "half": 1.5, "n": 1, "raw": "AAE="},
        "t": [{"insert": "hello 😀"}],
        "x": {
            "type": "doc",
            "content": [
                {
                    "type": "heading",
                    "attrs": {"level": 2, "textAlign": None},
                    "content": [{"type": "text", "text": "Title"}],
                }
            ],
        },
    }
    assert shown(still(doc), "text") == "hello 😀\nTitle"
    assert shown(still(doc), "json", "t") == '[{"insert":"hello 😀"}]'
    assert shown(still(doc), "html", "x:xml") == "<h2>Title</h2>\n"
    for root in ("nothing", "m"):
        with pytest.raises(UnknownFormat):
            shown(still(doc), "text", root)


def test_a_root_may_be_said_to_be_something_else() -> None:
    doc = pycrdt.Doc[Any]()
    doc["a:text"] = pycrdt.Array([1])
    assert shown(still(doc), "json", "a:text:array") == "[1]"
    assert shown(still(doc), "json", "new:map") == "{}"


def test_a_text_is_never_read_as_an_array_which_takes_pycrdt_for_ever() -> None:
    text = made("é😀x", "text", "t")
    with pytest.raises(UnknownFormat):
        shown(text, "json", "t:array")
    doc = pycrdt.Doc[Any]()
    doc["m"] = pycrdt.Map({"k": pycrdt.Text("é😀x")})
    update = doc.get_update()
    type_at = update.index(b"\x01k\x02") + 2
    replica = Replica()
    replica.take(Change(update[:type_at] + b"\0" + update[type_at + 1 :]))
    for format in ("json", "text"):
        with pytest.raises(InvalidContent):
            YJS.render(replica, format)
    doc["a"] = pycrdt.Array(["é😀x", pycrdt.Text("é😀x")])
    assert json.loads(shown(still(doc), "json"))["a"] == ["é😀x", [{"insert": "é😀x"}]]


def test_markdown_becomes_what_tiptap_edits_and_comes_back() -> None:
    state = made(TIPTAP, "markdown")
    assert state.kinds == {"default": "xml"}
    assert shown(state, "markdown") == TIPTAP
    assert "<strong>bold</strong>" in shown(state, "html")
    assert shown(state, "text").splitlines()[0] == "Title"
    doc = state.document()
    text = doc.get("default", type=pycrdt.XmlFragment).children[1].children[0]
    assert isinstance(text, pycrdt.XmlText)
    assert ("bold", {"bold": {}}) in text.diff()


def test_what_is_made_of_json_shows_the_same_json() -> None:
    content = {
        "a": [1, "two", {"three": [3]}],
        "default": json.loads(shown(made(TIPTAP, "markdown"), "json", "default")),
        "m": {"key": {"deep": [1.5, None]}},
        "t": [
            {"insert": "é😀", "attributes": {"bold": True}},
            {"insert": {"image": "a.png"}},
            {"insert": "\n"},
        ],
    }
    assert json.loads(shown(made(json.dumps(content), "json"), "json")) == content


def test_text_with_formats_goes_to_a_text_where_one_is_named() -> None:
    state = made("**bold** 😀\n", "markdown", "quill:text")
    assert json.loads(shown(state, "json")) == {
        "quill": [{"insert": "bold", "attributes": {"bold": True}}, {"insert": " 😀\n"}]
    }
    assert shown(state, "markdown") == "**bold** 😀\n"
    assert shown(made("plain\n# text", "text"), "text", "codemirror") == "plain\n# text"


@pytest.mark.parametrize(
    ("content", "format"),
    [
        ("[]", "json"),
        ("{", "json"),
        ('{"a":3}', "json"),
        ('{"a":{"n":9007199254740993}}', "json"),
        ('{"a":' + '{"b":' * 100 + "1" + "}" * 101, "json"),
        ("[" * 100_000, "json"),
        ('{"a":{"type":"doc","content":[3]}}', "json"),
        ("nonsense", "update"),
        ("\x01\x01\x05\x07\x84\x05\x06\x01a\x00", "update"),
    ],
)
def test_content_that_cannot_be_is_refused(content: str, format: str) -> None:
    with pytest.raises(InvalidContent):
        made(content, format)
    with pytest.raises(InvalidContent):
        YJS.read_content(b"\xff", "text")


def test_what_is_nested_as_deep_as_the_guard_lets_it_is_shown() -> None:
    doc = pycrdt.Doc[Any]()
    inner = doc.get("x", type=pycrdt.XmlFragment)
    parent: Any = inner
    for _ in range(250):
        child = pycrdt.XmlElement("blockquote")
        parent.children.append(child)
        parent = child
    parent.children.append(pycrdt.XmlText("deep"))
    state = still(doc)
    assert shown(state, "json").count("blockquote") == 250
    assert shown(state, "text") == "deep"
    assert "deep" in shown(state, "html")
    assert "deep" in shown(state, "markdown")


def test_what_no_tree_can_hold_is_still_shown_as_json() -> None:
    doc = pycrdt.Doc[Any]()
    doc["lexical"] = text = pycrdt.Text("a")
    text.insert_embed(1, pycrdt.Map({"kind": "mention"}))
    doc["m"] = pycrdt.Map({"sub": pycrdt.Doc(guid="g"), "xml": pycrdt.XmlFragment()})
    assert json.loads(shown(still(doc), "json")) == {
        "lexical": [{"insert": "a"}, {"insert": {"kind": "mention"}}],
        "m": {"sub": {"guid": "g"}, "xml": {"type": "doc", "content": []}},
    }
    assert shown(still(doc), "text") == "a"


# Edits -------------------------------------------------------------------------------------------


def edited(state: Still, *changes: TextChange) -> str:
    update = YJS.text_edit(state, TextEdit("t", changes), 77)
    doc = state.document()
    doc.apply_update(update.raw)
    return str(doc.get("t", type=pycrdt.Text))


def test_positions_are_units_of_utf_16() -> None:
    state = made("é😀b", "text", "t")
    assert edited(state, TextChange(3, text="|")) == "é😀|b"
    assert edited(state, TextChange(1, 2, "x")) == "éxb"
    assert edited(state, TextChange(4, text="end")) == "é😀bend"
    assert edited(state, TextChange(0, 4)) == ""
    # Each is of the text that those before it have left.
    assert edited(state, TextChange(0, text="😀"), TextChange(2, 1, "e")) == "😀e😀b"


@pytest.mark.parametrize(
    "change",
    [TextChange(2, text="x"), TextChange(1, 1), TextChange(2, 1), TextChange(5), TextChange(0, 5)],
)
def test_positions_that_are_none_are_refused(change: TextChange) -> None:
    with pytest.raises(InvalidOperation):
        edited(made("é😀b", "text", "t"), change)


def test_an_embed_is_one_unit() -> None:
    doc = pycrdt.Doc[Any]()
    doc["t"] = text = pycrdt.Text("é")
    text.insert_embed(2, {"image": "a"})
    text.insert(3, "b😀")
    update = YJS.text_edit(still(doc), TextEdit("t", (TextChange(2, 1, "|"),)), 77)
    doc.apply_update(update.raw)
    assert [run for run, _ in text.diff()] == ["é", {"image": "a"}, "|😀"]


def test_an_edit_says_only_what_it_changes() -> None:
    doc = pycrdt.Doc[Any]()
    doc["t"] = text = pycrdt.Text("some text that was here before")
    del text[0:5]
    update = YJS.text_edit(still(doc), TextEdit("t", (TextChange(0, text="x"),)), 77)
    assert [client for client, _, _ in update.sections] == [77]
    assert not update.deletes
    nothing = YJS.text_edit(still(doc), TextEdit("t", ()), 77)
    assert nothing.raw == b"\0\0"


def test_only_texts_are_edited() -> None:
    with pytest.raises(InvalidOperation, match="xml"):
        YJS.text_edit(made("a", "markdown", "t"), TextEdit("t", ()), 77)
    assert edited(YJS.still(YJS.empty()), TextChange(0, text="new")) == "new"


def test_what_html_cannot_say_is_refused_there_and_shown_as_text() -> None:
    doc = pycrdt.Doc[Any]()
    doc["x"] = fragment = pycrdt.XmlFragment()
    fragment.children.append(element := pycrdt.XmlElement("n" * 300))
    element.children.append(pycrdt.XmlText("seen"))
    assert shown(still(doc), "text") == "seen"
    assert "seen" in shown(still(doc), "json")
    with pytest.raises(InvalidContent):
        shown(still(doc), "html")
