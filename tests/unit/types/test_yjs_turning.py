"""Making a yjs document equal to an earlier state of it: what is touched and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from collab.errors import InvalidContent
from collab.types import yjs_turning
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_guard import Guard, read_update
from collab.types.yjs_replica import EMPTY_UPDATE

CLIENT = 99


def still(doc: Doc[Any]) -> Still:
    update = doc.get_update()
    return Still(update, Guard.of(read_update(update)).roots())


class Edited:
    """A document, and the state it was in before."""

    def __init__(self) -> None:
        self.doc: Doc[Any] = Doc(client_id=1)
        self.text: Text = self.doc.get("text", type=Text)
        self.map: Map[Any] = self.doc.get("map", type=Map)
        self.array: Array[Any] = self.doc.get("array", type=Array)
        self.xml: XmlFragment = self.doc.get("xml", type=XmlFragment)

    def restored(self, change: Callable[[], None]) -> bytes:
        """The update that takes `change` back; applied, and proved to do so."""
        before = still(self.doc)
        content = YJS.render(before, "json")
        change()
        update = YJS.turning(still(self.doc), before, CLIENT)
        self.doc.apply_update(update)
        assert filled(YJS.render(still(self.doc), "json")) == filled(content)
        return update


def filled(content: bytes) -> dict[str, Any]:
    """The roots that hold anything: an empty one may be of any kind, or not there yet."""
    empty: tuple[Any, ...] = (None, [], {}, {"type": "doc", "content": []})
    return {name: value for name, value in json.loads(content).items() if value not in empty}


def deleted(update: bytes) -> int:
    ranges = read_update(update).deletes.values()
    return sum(end - start for each in ranges for start, end in each)


def made(update: bytes) -> int:
    return sum(struct[0] for _, _, structs in read_update(update).sections for struct in structs)


def test_nothing_is_done_where_nothing_changed() -> None:
    edited = Edited()
    edited.text += "hello"
    edited.map["key"] = Map({"a": [1]})
    edited.xml.children.append(XmlElement("p", {"level": "1"}, [XmlText("words")]))
    assert edited.restored(lambda: None) == EMPTY_UPDATE


def test_only_what_changed_of_a_text_is_touched() -> None:
    edited = Edited()
    edited.text += "one two 😀 three"

    def change() -> None:
        del edited.text[4:7]  # two
        edited.text += " four"

    update = edited.restored(change)
    assert (deleted(update), made(update)) == (5, 3)


def test_formats_are_taken_away_and_brought_back() -> None:
    edited = Edited()
    edited.text.insert(0, "bold plain", {})
    edited.text.format(0, 4, {"bold": True, "color": "red"})

    def change() -> None:
        edited.text.format(0, 4, {"bold": None})
        edited.text.format(2, 10, {"italic": True})
        edited.text.insert_embed(3, {"image": "x.png"}, {"italic": True})
        edited.text.insert(0, "new", {"bold": True})

    edited.restored(change)
    assert edited.text.diff() == [("bold", {"bold": True, "color": "red"}), (" plain", None)]


def test_a_map_that_changed_inside_stays_the_one_it_was() -> None:
    edited = Edited()
    edited.map["inner"] = Map({"kept": 1, "changed": 2, "gone": 3})
    edited.map["value"] = "x"

    def change() -> None:
        inner = edited.map["inner"]
        inner["changed"], inner["new"] = 4, 5
        del inner["gone"]
        del edited.map["value"]

    typed: Map[Any] = edited.map["inner"]
    edited.restored(change)
    typed["later"] = True  # by somebody who holds on to it
    assert edited.map["inner"]["later"] is True
    assert edited.map["inner"]["kept"] == 1


def test_of_a_list_only_what_differs_is_exchanged() -> None:
    edited = Edited()
    edited.array.extend([1, "two", Map({"n": 3}), Text("four"), [5], b"six"])

    def change() -> None:
        del edited.array[1]
        edited.array[1]["n"] = 4  # the map
        edited.array[2].insert(0, "No. ")  # the text
        edited.array.insert(0, None)

    update = edited.restored(change)
    # Gone: the null, the map's 4 and the four units; made: "two" and the map's 3.
    assert (deleted(update), made(update)) == (6, 2)


def test_what_was_deleted_is_made_again_with_all_that_was_in_it() -> None:
    edited = Edited()
    edited.map["deep"] = Map({"list": Array([Text("words"), Map({"fragment": XmlFragment()})])})
    inner = edited.map["deep"]["list"]
    inner[0].format(0, 2, {"bold": True})
    inner[1]["fragment"].children.append(XmlElement("p", {"a": "b"}, [XmlText("x")]))
    edited.map["other"] = Doc(guid="the same")

    def change() -> None:
        del edited.map["deep"]
        del edited.map["other"]

    edited.restored(change)
    assert edited.map["deep"]["list"][0].diff() == [("wo", {"bold": True}), ("rds", None)]
    assert edited.map["other"].guid == "the same"


def test_paragraphs_stay_where_they_are() -> None:
    edited = Edited()
    for word in ("first", "second", "third"):
        edited.xml.children.append(XmlElement("p", {"align": "left"}, [XmlText(word)]))

    def change() -> None:
        edited.xml.children.insert(0, XmlElement("h1", {}, [XmlText("title")]))
        paragraph: Any = edited.xml.children[2]
        paragraph.attributes["align"] = "right"
        paragraph.children[0].insert(6, " one")
        paragraph.children[0].format(0, 3, {"bold": {}})
        del edited.xml.children[3]

    paragraph: Any = edited.xml.children[1]
    second = paragraph.children[0]
    edited.restored(change)
    second.insert(0, "typed ")
    assert str(edited.xml.children[1]) == '<p align="left">typed second</p>'


def test_a_root_that_was_not_there_is_emptied() -> None:
    edited = Edited()
    edited.text += "there"

    def change() -> None:
        edited.map["new"] = 1
        edited.array.append(1)
        edited.xml.children.append(XmlElement("p"))

    edited.restored(change)


def test_an_emptied_root_is_filled_again() -> None:
    edited = Edited()
    edited.text += "words"
    edited.xml.children.append(XmlElement("p", {}, [XmlText("more")]))

    def change() -> None:
        edited.text.clear()
        del edited.xml.children[0]

    edited.restored(change)
    assert str(edited.text) == "words"


def test_texts_with_nothing_in_common_are_replaced() -> None:
    edited = Edited()
    edited.text += " ".join(f"a{n}" for n in range(3000))

    def change() -> None:
        edited.text.clear()
        edited.text += " ".join(f"b{n}" for n in range(3000))

    edited.restored(change)


def test_text_in_an_array_is_refused() -> None:
    hostile = (
        b"\x01\x02\x01\x00\x27\x01\x01m\x01k\x00"  # an array under a key
        b"\x04\x00\x01\x00\x04\xf0\x9f\x98\x80\x00"  # with a character of two units in it
    )
    state = Still(hostile, Guard.of(read_update(hostile)).roots())
    with pytest.raises(InvalidContent):
        YJS.turning(state, still(Doc()), CLIENT)


def test_all_texts_share_what_comparing_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once that is used up the others are replaced, from the first difference to the last."""
    edited = Edited()
    texts = [Text("one two three four five six") for _ in range(20)]
    edited.array.extend(texts)

    def change() -> None:
        for text in list(edited.array):
            del text[19:23]  # five
            del text[4:7]  # two

    whole = edited.restored(change)
    monkeypatch.setattr(yjs_turning, "_MAX_STEPS", 200)
    short = edited.restored(change)
    assert deleted(whole) == 0
    assert 0 < deleted(short) < 20 * 13
