"""Laws of what is told of a document's past, for random documents of every type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collab.errors import UnknownFormat
from collab.ot import blame
from collab.ot.delta import Delta, Embed, Op, compose, normalize
from collab.ot.diff import diff
from collab.ot.rope import Rope
from collab.ot.tracked import Kind, tracked
from collab.ot.unified import unified
from collab.types.comparing import as_delta, as_text, chosen_root
from collab.types.yjs import YJS
from collab.types.yjs_content import Doc, Still
from collab.types.yjs_guard import check_state_vector
from collab.types.yjs_origins import Origins, Removals
from collab.types.yjs_prose import prose
from collab.types.yjs_replica import EMPTY_UPDATE
from collab.types.yjs_roots import Root, joint_kinds
from collab.types.yjs_shapes import shape_of_root
from collab.types.yjs_tracked import came_and_went
from tests.properties.random_deltas import random_document, random_operation, widths
from tests.properties.yjs_logs import random_log

ROOTS: tuple[Root, ...] = (("text", "text"), ("xml", "xml"))
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


@given(seeds, st.integers(1, 30))
def test_blame_tells_of_every_character_which_operation_brought_it(seed: int, count: int) -> None:
    random = Random(seed)
    rope, widths = blame.unmarked(Rope.empty()), list[int]()
    # For each character or embed what it is, how wide, and who brought it: the plain way.
    known: list[tuple[object, int, int]] = []
    for number in range(1, count + 1):
        ops, widths = random_operation(random, widths)
        operation = normalize(ops)
        rope = blame.marked(rope, operation, number)
        known = brought(known, operation, number)
    told = [
        (content, by)
        for part, by in blame.parts(rope)
        for content in (part if isinstance(part, str) else [part])
    ]
    assert told == [(content, by) for content, _, by in known]


def brought(
    known: list[tuple[object, int, int]],
    operation: Delta,
    number: int,
    gone: list[tuple[object, int]] | None = None,
) -> list[tuple[object, int, int]]:
    """What is there after an operation; what it deletes of version 0 is `gone`, by it."""
    rest, made = list(known), list[tuple[object, int, int]]()
    for op in operation:
        if op.insert is not None:
            contents: Iterable[object] = op.insert if isinstance(op.insert, str) else [op.insert]
            made += [
                (each, 2 if isinstance(each, str) and each > "\uffff" else 1, number)
                for each in contents
            ]
            continue
        left = op.length
        while left:
            item = rest.pop(0)
            left -= item[1]
            if op.retain is not None:
                made.append(item)
            elif gone is not None and item[2] == 0:
                gone.append((item[0], number))
    return made + rest


@given(seeds, st.integers(1, 10))
def test_of_what_changed_each_part_is_told_with_who_did_it(seed: int, count: int) -> None:
    random = Random(seed)
    document = normalize(random_document(random, 8))
    old = blame.unmarked(Rope.of(document))
    known = brought([], old.to_delta(), 0)
    gone: list[tuple[object, int]] = []
    widths_now, operations, rope = widths(list(document)), list[Delta](), old
    for number in range(1, count + 1):
        ops, widths_now = random_operation(random, widths_now)
        operations.append(normalize(ops))
        rope = blame.marked(rope, operations[-1], number)
        known = brought(known, operations[-1], number, gone)
    back = blame.unmarked(rope)
    for number in range(count, 0, -1):
        back = blame.unwound(back, operations[number - 1], number)
    told = list(tracked(blame.taken(old, back), blame.parts(rope)))
    parts = [
        (kind, each, by)
        for kind, content, by in told
        for each in (content if isinstance(content, str) else [content])
    ]
    assert normalize(Op(each) for kind, each, _ in parts if kind is not Kind.INSERTED) == (
        old.to_delta()
    )
    assert [(each, by or 0) for kind, each, by in parts if kind is not Kind.DELETED] == [
        (each, by) for each, _, by in known
    ]
    deleted = [(each, by) for kind, each, by in parts if kind is Kind.DELETED]
    assert sorted(map(repr, deleted)) == sorted(map(repr, gone))


@given(seeds, places, places)
def test_of_what_changed_in_a_yjs_document_each_part_is_told_with_who_did_it(
    seed: int, first: float, second: float
) -> None:
    log = random_log(seed, 60)
    start, end = sorted(int(place * len(log.changes)) for place in (first, second))
    origins, removals = Origins(), Removals()
    for version in range(start + 1, end + 1):
        update = YJS.parse(log.changes[version - 1].update)
        origins.note(version, update)
        removals.note(version, update.deletes.items())
    old, new = log.states[start], log.states[end]
    kinds = joint_kinds([old.kinds, new.kinds])
    for root in ROOTS:
        if kinds.get(root[0]) != root[1]:
            continue
        told = list(tracked(*came_and_went(old, new, root, origins, removals)))
        before = [content for kind, content, _ in told if kind is not Kind.INSERTED]
        after = [content for kind, content, _ in told if kind is not Kind.DELETED]
        for state, contents in ((old, before), (new, after)):
            words = prose(state, root, last_line_end=True)
            assert normalize(map(Op, contents)) == normalize(Op(content) for content, *_ in words)
        for kind, content, by in told:
            assert (by is None) == (kind is Kind.KEPT)
            if by is not None and by[0] is None:
                # Of a line end there may be only the element that has got, or lost, its words.
                assert not str(content).strip("\n")
            elif by is not None:
                assert start < by[0] <= end


@given(seeds, places)
def test_blame_of_a_yjs_document_tells_the_version_that_brought_each_character(
    seed: int, place: float
) -> None:
    log = random_log(seed, 60)
    origins = Origins()
    for version, change in enumerate(log.changes, 1):
        origins.note(version, YJS.parse(change.update))
    end = int(place * len(log.changes))
    state = log.states[end]
    for root in ROOTS:
        if state.kinds.get(root[0]) != root[1]:
            continue
        words = list(each_item(state, root))
        if root[1] == "xml":
            text = "".join(str(content) for content, _, _ in words)
            assert text == as_text(YJS, state, root)
        else:
            inserts = normalize(Op(insert=content) for content, _, _ in words)
            assert inserts == normalize(Op(op.insert) for op in as_delta(YJS, state, root))
        for content, client, clock in words:
            [(_, by)] = origins.of(client, clock, clock + 1)
            assert by is not None
            assert by <= end
            # It was not there before, and then it was this.
            assert clock >= vector(log.states[by - 1]).get(client, 0)
            if log.states[by].kinds.get(root[0]) == root[1]:
                then = {(c, k): each for each, c, k in each_item(log.states[by], root)}
                assert then.get((client, clock), content) == content


def each_item(state: Still, root: Root) -> Iterator[tuple[str | Embed, int, int]]:
    """The characters and embeds, each with the item that it begins with."""
    for content, client, clock, _ in prose(state, root):
        if not isinstance(content, str):
            yield content, client, clock
            continue
        for character in content:
            yield character, client, clock
            clock += 1 if character <= "\uffff" else 2


def vector(state: Still) -> dict[int, int]:
    return check_state_vector(YJS.vector_of(state))
