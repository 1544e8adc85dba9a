"""The text and richtext types keep the laws of DocumentType and refuse what they must."""

from __future__ import annotations

import pytest

from collab.errors import (
    DocumentBroken,
    DocumentTooLarge,
    InvalidContent,
    InvalidOperation,
    UnknownFormat,
)
from collab.ot.delta import Delta, delete, insert, retain
from collab.ot.rope import Rope
from collab.types import Candidate, DocumentType
from collab.types.delta import RICHTEXT, TEXT, DeltaType

BOLD = {"bold": True}
IMAGE = {"image": "a.png"}
RICH = Rope.of((insert("é😀", BOLD), insert(IMAGE), insert('"\n')))
PLAIN = Rope.of((insert('é😀"\n'),))

BOTH = pytest.mark.parametrize("kind", [TEXT, RICHTEXT], ids=lambda kind: kind.name)


def test_they_are_document_types() -> None:
    kinds: list[DocumentType] = [TEXT, RICHTEXT]
    assert [kind.name for kind in kinds] == ["text", "richtext"]


@BOTH
def test_the_empty_state(kind: DeltaType) -> None:
    empty = kind.empty()
    assert kind.size(empty) == 0
    assert kind.load(kind.dump(empty)) == empty
    assert kind.render(empty, "text") == b""
    assert kind.render(empty, "json") == b"[]"


def test_contents_are_a_string_or_a_delta() -> None:
    assert TEXT.contents(TEXT.empty()) == b'""'
    assert TEXT.contents(PLAIN) == '"é😀\\"\\n"'.encode()
    assert RICHTEXT.contents(RICHTEXT.empty()) == b"[]"
    assert (
        RICHTEXT.contents(RICH)
        == (
            '[{"insert":"é😀","attributes":{"bold":true}},{"insert":{"image":"a.png"}},'
            '{"insert":"\\"\\n"}]'
        ).encode()
    )


@BOTH
def test_an_operation_comes_back_from_the_log(kind: DeltaType) -> None:
    operation = kind.parse(b'[{"retain":2},{"insert":"x"},{"delete":1}]')
    raw = kind.encode(operation)
    assert raw == b'[{"retain":2},{"insert":"x"},{"delete":1}]'
    assert kind.decode(raw) == operation


@BOTH
def test_an_empty_operation_is_an_operation(kind: DeltaType) -> None:
    operation = kind.parse(b"[]")
    assert kind.encode(operation) == b"[]"
    over = Candidate(operation, [(insert("a"),)], named=True)
    assert kind.place(PLAIN, [over], max_bytes=100).commits == [((), (0,))]
    assert kind.apply(PLAIN, operation) == PLAIN


@BOTH
def test_what_was_committed_first_goes_first(kind: DeltaType) -> None:
    committed, late = (insert("first "),), (insert("second "),)
    state = kind.apply(PLAIN, committed)
    placement = kind.place(state, [Candidate(late, [committed], named=True)], max_bytes=100)
    assert kind.render(placement.state, "text").decode() == 'first second é😀"\n'


@BOTH
def test_a_candidate_is_rebased_over_those_before_it_and_refused_alone(kind: DeltaType) -> None:
    operations: list[Delta] = [(insert("a"),), (delete(99),), (insert("b"),), (insert("x" * 99),)]
    candidates = [Candidate(operation, [], named=True) for operation in operations]
    placement = kind.place(PLAIN, candidates, max_bytes=50)
    assert [members for _, members in placement.commits] == [(0,), (2,)]
    assert {index: type(error) for index, error in placement.refused.items()} == {
        1: InvalidOperation,
        3: DocumentTooLarge,
    }
    assert kind.render(placement.state, "text").decode() == 'abé😀"\n'


@BOTH
@pytest.mark.parametrize(
    "operation", [(retain(9), insert("x")), (delete(9),), (retain(2), insert("x"))]
)
def test_what_does_not_fit_is_refused(kind: DeltaType, operation: Delta) -> None:
    with pytest.raises(InvalidOperation):
        kind.apply(PLAIN, operation)


def test_only_rich_text_takes_attributes_and_embeds() -> None:
    raw = b'[{"insert":{"image":"a.png"},"attributes":{"bold":true}}]'
    assert RICHTEXT.parse(raw) == (insert(IMAGE, BOLD),)
    with pytest.raises(InvalidOperation, match="plain text"):
        TEXT.parse(raw)


@BOTH
def test_default_limits_hold(kind: DeltaType) -> None:
    deep = b'[{"retain":1,"attributes":' + b'{"a":' * 17 + b"1" + b"}" * 17 + b"}]"
    with pytest.raises(InvalidOperation):
        kind.parse(deep)


def test_snapshots_come_back_equal() -> None:
    assert TEXT.load(TEXT.dump(PLAIN)) == PLAIN
    assert RICHTEXT.load(RICHTEXT.dump(RICH)) == RICH


@BOTH
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"{}", b"7", b'[{"retain":1}]', b'"\\ud800"', b"\xff", b'[{"insert":"a"']
)
def test_a_snapshot_that_does_not_decode_is_a_broken_document(kind: DeltaType, raw: bytes) -> None:
    with pytest.raises(DocumentBroken):
        kind.load(raw)


@BOTH
@pytest.mark.parametrize("raw", [b"", b"{}", b'[{"other":1}]', b"\xff"])
def test_a_commit_that_does_not_decode_is_a_broken_document(kind: DeltaType, raw: bytes) -> None:
    with pytest.raises(DocumentBroken):
        kind.decode(raw)


@BOTH
def test_content_is_read_in_the_formats_it_is_rendered_to(kind: DeltaType) -> None:
    assert kind.formats >= {"text", "json"}
    for format in ("text", "json"):
        assert kind.read_content(kind.render(PLAIN, format), format) == PLAIN
    assert RICHTEXT.read_content(RICHTEXT.render(RICH, "json"), "json") == RICH


def test_rich_text_as_text_leaves_embeds_out() -> None:
    assert RICHTEXT.render(RICH, "text").decode() == 'é😀"\n'


@BOTH
def test_other_formats_are_unknown(kind: DeltaType) -> None:
    with pytest.raises(UnknownFormat, match=f"of {kind.name} documents are .*json.* text"):
        kind.render(PLAIN, "poem")
    with pytest.raises(UnknownFormat):
        kind.read_content(b"", "")


@BOTH
@pytest.mark.parametrize(
    ("raw", "format"),
    [
        (b"\xff", "text"),
        (b"\xed\xa0\x80", "text"),
        (b"", "json"),
        (b'"text"', "json"),
        (b'[{"insert":"a"},{"delete":1}]', "json"),
        (b'[{"insert":""}]', "json"),
    ],
)
def test_what_is_not_content_is_refused(kind: DeltaType, raw: bytes, format: str) -> None:
    with pytest.raises(InvalidContent):
        kind.read_content(raw, format)


def test_plain_text_is_neither_html_nor_markdown() -> None:
    assert TEXT.formats == {"text", "json"}
    for format in ("html", "markdown"):
        with pytest.raises(UnknownFormat):
            TEXT.render(PLAIN, format)
        with pytest.raises(UnknownFormat):
            TEXT.read_content(b"x", format)


def test_rich_text_is_written_as_html_and_markdown() -> None:
    title = insert("Ti"), insert("\n", {"header": 1})
    line = insert("a "), insert("b<", BOLD), insert("\nc")
    lines = Rope.of((*title, *line, insert("\n", {"list": "bullet"})))
    assert RICHTEXT.render(lines, "html").decode() == (
        "<h1>Ti</h1>\n<p>a <strong>b&lt;</strong></p>\n<ul><li><p>c</p></li></ul>\n"
    )
    assert RICHTEXT.render(lines, "markdown").decode() == "# Ti\n\na **b\\<**\n\n- c\n"
    for format in ("html", "markdown"):
        assert RICHTEXT.read_content(RICHTEXT.render(lines, format), format) == lines
        assert RICHTEXT.render(RICHTEXT.empty(), format) == b""
        assert RICHTEXT.read_content(b"", format) == RICHTEXT.empty()


def test_rich_text_of_html_ends_its_last_line() -> None:
    assert RICHTEXT.read_content(b"hello", "html") == Rope.of((insert("hello\n"),))


@pytest.mark.parametrize("format", ["html", "markdown"])
def test_markup_that_is_no_content_is_refused(format: str) -> None:
    with pytest.raises(InvalidContent, match="UTF-8"):
        RICHTEXT.read_content(b"\xff", format)
    attributes = '{"value":"' + 5000 * "x" + '"}'
    marked = f"<span data-mark=x data-attrs='{attributes}'>a</span>"
    with pytest.raises(InvalidContent, match="attributes over"):
        RICHTEXT.read_content(marked.encode(), format)


def test_plain_text_refuses_rich_content() -> None:
    with pytest.raises(InvalidContent, match="plain text"):
        TEXT.read_content(RICHTEXT.render(RICH, "json"), "json")


def test_the_difference_leads_from_one_state_to_another() -> None:
    for kind, old, new in (
        (TEXT, PLAIN, Rope.of((insert('é😀!"'),))),
        (RICHTEXT, RICH, PLAIN),
        (RICHTEXT, PLAIN, RICH),
        (RICHTEXT, RICH, Rope.empty()),
    ):
        assert kind.apply(old, kind.difference(old, new)) == new
        assert kind.difference(old, old) == ()
