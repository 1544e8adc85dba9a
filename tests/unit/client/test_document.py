"""Editing at Python string indices, and following what changes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import InvalidOperation
from collab.ot.delta import Delta, Op, compose
from collab.ot.rope import Rope
from collab_client import Deleted, Formatted, Inserted
from collab_client.feeds import WAITING_CHANGES
from collab_client.indices import replacing, steps, text_of
from tests.simulation.virtual import run
from tests.unit.client.memory import Network
from tests.unit.client.room import delete, insert


def test_indices_count_characters_not_units() -> None:
    async def main() -> None:
        network = Network("a😀b👩‍👩‍👧c")
        async with network.connect() as doc:
            assert doc.text == "a😀b👩‍👩‍👧c"
            await doc.insert(2, "1")
            await doc.insert(len(doc.text), "é🎉")
            await doc.delete(1, 1)
            await doc.replace(doc.text.index("b"), 1, "ß🙂")
            expected = "a1ß🙂👩‍👩‍👧cé🎉"
            assert doc.text == expected
            await doc.flush()
            assert network.server.text == expected

    run(main)


@pytest.mark.parametrize(
    ("index", "length"), [(-1, 0), (0, -1), (4, 0), (3, 1), (0, 4), (2**70, 0)]
)
def test_indices_outside_the_document_are_refused(index: int, length: int) -> None:
    async def main() -> None:
        network = Network("a😀b")
        async with network.connect() as doc:
            with pytest.raises(IndexError):
                await doc.replace(index, length, "x")
            assert doc.text == "a😀b"

    run(main)


@pytest.mark.parametrize("content", ["\ud83d", "a\udc00", {"image": "x"}])
def test_what_a_text_cannot_hold_is_refused_before_it_is_shown(content: Any) -> None:
    async def main() -> None:
        network = Network("abc")
        async with network.connect() as doc:
            with pytest.raises(InvalidOperation):
                await doc.insert(0, content)
            with pytest.raises(InvalidOperation):
                await doc.format(0, 1, {"bold": True})
            assert doc.text == "abc"

    run(main)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_edits_at_indices_do_what_slices_do(data: st.DataObject) -> None:
    texts = st.text(alphabet="ab\n😀é👩\u200d", max_size=6)
    expected = data.draw(texts)
    before = document = Rope.of((Op(insert=expected),) if expected else ())
    whole: Delta = ()
    for _ in range(data.draw(st.integers(1, 5))):
        index = data.draw(st.integers(0, len(expected)))
        length = data.draw(st.integers(0, len(expected) - index))
        content = data.draw(texts)
        operation = replacing(document, index, length, content)
        document, whole = document.apply(operation), compose(whole, operation)
        expected = expected[:index] + content + expected[index + length :]
        assert text_of(document) == expected
    replayed = text_of(before)
    for step in steps(whole, before):
        match step:
            case Inserted(at, inserted):
                replayed = f"{replayed[:at]}{inserted}{replayed[at:]}"
            case Deleted(at, deleted):
                replayed = replayed[:at] + replayed[at + deleted :]
    assert replayed == expected


def test_what_was_inserted_does_not_change_with_the_objects_it_came_from() -> None:
    async def main() -> None:
        network = Network(type_="richtext")
        async with network.connect() as doc:
            embed = {"mention": {"id": 1}}
            await doc.insert(0, embed)
            embed["mention"]["id"] = 2
            assert doc.contents == (Op(insert={"mention": {"id": 1}}),)
            with pytest.raises(TypeError):
                await doc.insert(0, {"object": object()})
            assert doc.text == "\ufffc"

    run(main)


def test_rich_text_has_formats_and_embeds() -> None:
    async def main() -> None:
        network = Network("😀title\ntext", type_="richtext")
        async with network.connect() as doc:
            await doc.format(0, 6, {"bold": True})
            await doc.insert(6, {"image": "x.png"}, alt="picture")
            await doc.insert(7, "!", {"bold": True})
            await doc.format(1, 1, {"bold": None})
            assert doc.text == "😀title\ufffc!\ntext"
            assert doc.text[7] == "!"
            bold = {"bold": True}
            expected: Delta = (
                Op(insert="😀", attributes=bold),
                Op(insert="t"),
                Op(insert="itle", attributes=bold),
                Op(insert={"image": "x.png"}, attributes={"alt": "picture"}),
                Op(insert="!", attributes=bold),
                Op(insert="\ntext"),
            )
            assert doc.contents == expected
            await doc.flush()
            assert network.server.rope.to_delta() == expected

    run(main)


def test_change_reads_in_string_indices() -> None:
    async def main() -> None:
        network = Network("😀abc😀", type_="richtext")
        async with network.connect() as doc:
            changes = doc.changes()
            network.commit(
                (
                    Op(insert="é😀"),
                    Op(delete=3),
                    Op(retain=1, attributes={"bold": True}),
                    Op(retain=1),
                    Op(insert={"image": "x"}),
                    Op(insert="z"),
                    Op(delete=2),
                )
            )
            change = await anext(changes)
            assert change.steps() == [
                Inserted(0, "é😀"),
                Deleted(2, 2),
                Formatted(2, 1, {"bold": True}),
                Inserted(4, {"image": "x"}),
                Inserted(5, "z"),
                Deleted(6, 1),
            ]
            assert (change.author, change.version, change.local) == ("f" * 16, 1, False)
            assert doc.text == "é😀bc\ufffcz"

    run(main)


def test_changes_leave_out_our_own_edits() -> None:
    async def main() -> None:
        network = Network("abc")
        async with network.connect() as doc:
            changes = doc.changes()
            await doc.insert(0, "x")
            await doc.flush()
            network.commit(insert(4, "!"))
            await network.until(lambda: doc.version == 2)
            await doc.insert(0, "y")
            await doc.flush()
            network.commit(insert(6, "?"))
            await network.until(lambda: doc.version == 4)
            assert (await anext(changes)).steps() == [Inserted(4, "!")]
            assert (await anext(changes)).steps() == [Inserted(6, "?")]
        assert [change async for change in changes] == []

    run(main)


@pytest.mark.parametrize("edits", [5, WAITING_CHANGES * 3])
def test_unread_changes_are_put_together_and_still_lead_to_the_document(edits: int) -> None:
    async def main() -> None:
        network = Network("abc")
        async with network.connect() as doc:
            mirror = doc.contents
            changes = doc.changes(local=True)
            for number in range(edits):
                network.commit(insert(number % 3, str(number)))
                await doc.replace(number % len(doc.text), 1, "é😀")
            await doc.flush()
            assert doc.text == network.server.text
        waiting = [change async for change in changes]
        assert len(waiting) <= WAITING_CHANGES
        for change in waiting:
            assert change.before.to_delta() == mirror
            mirror = compose(mirror, change.operation)
        assert mirror == doc.contents

    run(main)


def test_reset_is_one_change_without_an_author() -> None:
    async def main() -> None:
        network = Network("abc")
        async with network.connect() as doc:
            changes = doc.changes()
            network.server.recreate("epoch-2", "abXc")
            network.close(1012)
            change = await anext(changes)
            assert (change.operation, change.author) == (insert(2, "X"), None)
            assert (change.epoch, change.version) == ("epoch-2", 0)

    run(main)


def test_feeds_end_when_the_document_is_left() -> None:
    async def main() -> None:
        network = Network()
        async with network.connect() as doc:
            feeds: list[Any] = [doc.changes(), doc.messages(), doc.presence.updates()]
        feeds += [doc.changes(), doc.messages(), doc.presence.updates()]
        with anyio.fail_after(1):
            for feed in feeds:
                assert [item async for item in feed] == []

    run(main)


def test_apply_takes_units_as_they_are_on_the_wire() -> None:
    async def main() -> None:
        network = Network("😀b")
        async with network.connect() as doc:
            await doc.apply(delete(2, 1))
            with pytest.raises(InvalidOperation):
                await doc.apply(delete(1, 1))
            assert doc.text == "😀"

    run(main)
