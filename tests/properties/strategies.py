"""Hypothesis strategies for documents and for operations that fit them.

Owns the distribution: characters of one and two units, combining sequences, embeds, attributes that
Python's == would confuse, many edits at the same places.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from collab.ot.delta import Delta, Op, normalize

CHARACTERS = [
    "a",
    "b",
    "c",
    " ",
    "\n",
    "é",
    "e\u0301",
    "漢",
    "😀",
    "👩‍👩‍👧",
    "\U0001f1e9\U0001f1ea",
    "\u200d",
]

values = st.sampled_from([True, False, 1, 0, 0.5, "", "red", [1, 2], {"id": 7}, {"id": True}])
keys = st.sampled_from(["bold", "color", "__proto__"])
attributes = st.none() | st.dictionaries(keys, values, min_size=1, max_size=2)
changes = st.none() | st.dictionaries(keys, st.none() | values, min_size=1, max_size=2)

texts = st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=6).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4
)
# Long enough for several leaves of a rope, short for hypothesis to describe.
long_texts = st.builds(lambda text, times: text * times, texts, st.integers(200, 1500))
embeds = st.sampled_from([{"image": "a.png"}, {"image": "b.png"}, {"rule": True}, {"rule": 1}])


def _insert(content: Any, formatting: dict[str, Any] | None) -> Op:
    return Op(content, None, None, formatting)


inserts = st.builds(_insert, texts | embeds, attributes)
plain_inserts = st.builds(_insert, texts, st.none())
long_inserts = st.builds(_insert, texts | long_texts | embeds, attributes)

documents = st.lists(inserts, max_size=6).map(normalize)
long_documents = st.lists(long_inserts, min_size=1, max_size=6).map(normalize)


def widths(document: Delta) -> list[int]:
    """The units of each character or embed: between these an operation may begin and end."""
    found: list[int] = []
    for op in document:
        if isinstance(op.insert, str):
            found += [1 if character < "\U00010000" else 2 for character in op.insert]
        else:
            found.append(1)
    return found


@st.composite
def operations(
    draw: st.DrawFn, document: Delta, new: st.SearchStrategy[Op] = inserts, max_parts: int = 5
) -> Delta:
    """An operation in normal form that fits `document`."""
    characters = widths(document)
    cuts = draw(st.lists(st.integers(0, len(characters)), max_size=max_parts).map(sorted))
    ops: list[Op] = []
    place = 0
    for cut in cuts:
        units = sum(characters[place:cut])
        place = cut
        if units:
            match draw(st.sampled_from(["keep", "keep", "format", "delete"])):
                case "delete":
                    ops.append(Op(delete=units))
                case "format":
                    ops.append(Op(retain=units, attributes=draw(changes)))
                case _:
                    ops.append(Op(retain=units))
        if draw(st.booleans()):
            ops.append(draw(new))
    return normalize(ops)


@st.composite
def simple_operations(draw: st.DrawFn, document: Delta) -> Delta:
    """One insert or one delete somewhere in `document`: what nearly all edits are."""
    characters = widths(document)
    place = draw(st.integers(0, len(characters)))
    before = sum(characters[:place])
    end = draw(st.integers(place, min(place + 4, len(characters))))
    if end == place:
        return normalize([Op(retain=before), draw(inserts)])
    return normalize([Op(retain=before), Op(delete=sum(characters[place:end]))])


@st.composite
def concurrent(draw: st.DrawFn) -> tuple[Delta, Delta, Delta]:
    """(document, a, b) with a and b made on the document."""
    document = draw(documents)
    return document, draw(operations(document)), draw(operations(document))
