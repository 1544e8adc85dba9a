"""Laws of what is told of a document's past, for random documents of every type."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collab.errors import UnknownFormat
from collab.ot.delta import compose
from collab.ot.diff import diff
from collab.ot.unified import unified
from collab.types.comparing import as_delta, as_text, chosen_root
from collab.types.yjs import YJS
from collab.types.yjs_content import Doc, Still
from collab.types.yjs_replica import EMPTY_UPDATE
from collab.types.yjs_roots import joint_kinds
from collab.types.yjs_shapes import shape_of_root
from tests.properties.yjs_logs import random_log

seeds = st.integers(0, 2**32)
places = st.floats(0, 1)  # in a log, whose length is not known before
lines = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "d\u2028\n"]), max_size=30).map(
    "".join
)
texts = st.builds(str.__add__, lines, st.sampled_from(["", "end"]))


def patched(old: str, patch: str) -> str:
    """What `patch` makes of `old`; every line that it says was there has to be."""
    given = old.split("\n")
    rest, made = [f"{line}\n" for line in given[:-1]] + ([given[-1]] if given[-1] else []), []
    at = 0
    marked = [f"{line}\n" for line in patch.split("\n")[:-1]]
    for index, line in enumerate(marked[2:], 2):
        if line.startswith("@@ -"):
            start, _, count = line[4:].split(" ")[0].partition(",")
            place = int(start) - (count != "0")
            made += rest[at:place]
            at = place
            continue
        if line.startswith("\\"):
            continue
        whole = index + 1 == len(marked) or not marked[index + 1].startswith("\\")
        content = line[1:] if whole else line[1:-1]
        if line[0] in " -":
            assert rest[at] == content
            at += 1
        if line[0] in " +":
            made.append(content)
    return "".join(made + rest[at:])


@given(texts, texts)
def test_a_unified_difference_makes_the_one_text_of_the_other(old: str, new: str) -> None:
    assert patched(old, unified(old, new, "old", "new")) == new


@given(seeds, places, places)
def test_a_yjs_difference_makes_the_one_state_of_the_other(
    seed: int, first: float, second: float
) -> None:
    states = random_log(seed).states
    old, new = (states[int(place * (len(states) - 1))] for place in (first, second))
    for name in ("text", "xml", "map", "array"):
        try:
            root = chosen_root(YJS, (old, new), name)
        except UnknownFormat:
            continue  # neither has anything there
        before, after = as_text(YJS, old, root), as_text(YJS, new, root)
        assert patched(before, unified(before, after, "old", "new")) == after
        if name in {"text", "xml"}:
            a, b = as_delta(YJS, old, root), as_delta(YJS, new, root)
            assert compose(a, diff(a, b)) == b


def content(state: Still, other: Still) -> dict[str, bytes]:
    """A digest for each root of the two, as it is in the one."""
    doc: Doc = state.document()
    kinds = joint_kinds([state.kinds, other.kinds])
    return {name: shape_of_root(doc, name, kind).digest for name, kind in kinds.items() if kind}


@given(seeds, places, places)
def test_restoring_makes_a_yjs_document_equal_to_any_version(
    seed: int, first: float, second: float
) -> None:
    states = random_log(seed).states
    now, then = (states[int(place * (len(states) - 1))] for place in (first, second))
    update = YJS.turning(now, then, YJS.unused_client(now))
    restored = YJS.after(now, update)
    assert content(restored, then) == content(then, restored)
    assert YJS.turning(restored, then, YJS.unused_client(restored)) == EMPTY_UPDATE
    undone = YJS.after(restored, YJS.turning(restored, now, YJS.unused_client(restored)))
    assert content(undone, now) == content(now, undone)


@given(seeds, places, places, places)
def test_what_others_do_meanwhile_merges_with_restoring(
    seed: int, first: float, second: float, third: float
) -> None:
    """And comes to the same in whatever order it arrives."""
    states = random_log(seed).states
    earlier, read, head = sorted((first, second, third))
    then, now, later = (states[int(place * (len(states) - 1))] for place in (earlier, read, head))
    update = YJS.turning(now, then, YJS.unused_client(later))
    one, other = YJS.after(later, update), YJS.after(YJS.after(now, update), later.update)
    assert content(one, other) == content(other, one)
