"""The client's state machine against a model server, as lists of events that must converge."""

from __future__ import annotations

import msgspec
import pytest

from collab.errors import InvalidOperation
from collab.ot.delta import Delta, Op, compose
from collab.protocols import native
from collab.words import Access, author_of
from collab_client import wire
from collab_client.core import Replica
from collab_client.events import Changed, EditRefused, PeersChanged, Reconnect, Saved
from collab_client.peers import Selection
from tests.unit.client.room import LIMITS, Client, Server, converge, delete, insert, room


def edits_sent(client: Client) -> list[native.SubmitEdit]:
    messages = [native.decode_client(frame) for frame in client.sent]
    return [message for message in messages if isinstance(message, native.SubmitEdit)]


def refusals(client: Client) -> list[EditRefused]:
    return [event for event in client.events if isinstance(event, EditRefused)]


def reset_of(
    client: Client,
    text: str,
    version: int,
    *,
    epoch: str = "epoch-1",
    committed: native.Named | None = None,
) -> native.Reset:
    return native.Reset(
        epoch=epoch,
        version=version,
        document_type="text",
        access="write",
        author=author_of(client.id),
        limits=LIMITS,
        presence=[],
        contents=msgspec.Raw(msgspec.json.encode(text)),
        committed=committed,
    )


# The stream --------------------------------------------------------------------------------------


def test_hello_names_what_we_have() -> None:
    replica = Replica("client-a-0123456789")
    assert replica.connection_opened(token="t", create="text") == native.Hello(
        client="client-a-0123456789", token="t", create="text"
    )
    server, (a,) = room("a", "abc")
    a.drop()
    hello = a.replica.connection_opened(create="text")
    assert (hello.epoch, hello.version, hello.create) == (server.epoch, 0, None)


def test_local_edit_is_visible_at_once_and_saved_by_its_own_commit() -> None:
    server, (a,) = room("a")
    a.types(0, "hi")
    assert a.text == "hi"
    assert a.replica.unsaved == insert(0, "hi")
    a.send()
    assert server.text == "hi"
    a.receive()
    assert a.replica.settled
    assert a.events == [Saved(1, 1)]


def test_one_edit_outstanding_while_typing_goes_on_in_the_buffer() -> None:
    server, (a,) = room("a")
    for index, letter in enumerate("hello"):
        a.types(index, letter)
    assert len(edits_sent(a)) == 1
    a.sync()
    assert len(edits_sent(a)) == 2
    assert wire.decode(edits_sent(a)[1].operation) == insert(1, "ello")
    assert server.version == 2
    converge(server, [a], "hello")


def test_typing_undone_before_it_was_sent_is_never_sent() -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    a.types(1, "y")
    a.deletes(1, 1)
    a.sync()
    assert server.version == 1
    assert a.replica.settled


def test_concurrent_edits_converge_with_the_committed_one_first() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(0, "X")
    b.types(0, "Y")
    b.types(4, "Z")
    a.sync()
    b.sync()
    a.sync()
    converge(server, [a, b], "XYabcZ")


def test_remote_change_is_told_in_positions_of_the_local_state() -> None:
    _, (a, b) = room("a b", "abc")
    a.types(0, "12")
    a.types(2, "34")
    b.types(3, "!")
    b.sync()
    a.receive()
    change = a.events[-1]
    assert isinstance(change, Changed)
    assert change.operation == insert(7, "!")
    assert (change.author, change.version) == (author_of(b.id), 1)


def test_operation_that_does_not_fit_changes_nothing() -> None:
    _, (a,) = room("a", "abc")
    with pytest.raises(InvalidOperation):
        a.edit(delete(2, 5))
    assert a.text == "abc"
    assert a.replica.settled


def test_versions_we_have_are_skipped() -> None:
    server, (a, b) = room("a b")
    b.types(0, "x")
    b.sync()
    a.sync()
    a.hear(native.Edits(server.events(0)))
    assert a.text == "x"
    assert a.replica.version == 1


def test_gap_in_versions_asks_for_a_new_connection_and_resumes() -> None:
    server, (a, b) = room("a b")
    b.types(0, "x")
    b.sync()
    b.types(1, "y")
    b.sync()
    a.drop()
    a.connect()
    a.send()
    a.line.to_client.clear() if a.line else None
    a.hear(native.Welcome("epoch-1", 0, "text", "write", a.replica.author, LIMITS, [], edits=[]))
    assert a.hear(native.Edits(server.events(1))) == [Reconnect("version 2 came after 0")]
    converge(server, [a, b], "xy")


def test_after_a_reconnect_event_nothing_else_is_heard() -> None:
    server, (a, b) = room("a b")
    b.types(0, "x")
    b.sync()
    assert isinstance(a.replica.receive(native.Edits(server.events(0)[:0])), list)
    a.replica.receive(native.Edits([native.EditEvent(9, "b" * 16, 1, None, msgspec.Raw(b"[]"))]))
    assert not a.replica.live
    assert a.replica.receive(native.Edits(server.events(0))) == []
    assert a.replica.to_send() == []


def test_commit_that_does_not_fit_is_healed_by_whole_contents() -> None:
    server, (a,) = room("a", "abc")
    bad = native.EditEvent(1, "b" * 16, 1, None, wire.encode(delete(0, 9)))
    a.types(0, "1")
    assert isinstance(a.hear(native.Edits([bad]))[-1], Reconnect)
    hello = a.replica.connection_opened()
    assert hello.epoch is None
    converge(server, [a], "1abc")


def test_buffer_that_others_made_needless_is_settled() -> None:
    _, (a, b) = room("a b", "abc")
    a.drop()
    a.deletes(1, 1)
    b.deletes(1, 1)
    b.sync()
    a.sync()
    assert a.replica.settled
    assert edits_sent(a) == []


# Lost connections --------------------------------------------------------------------------------


def test_lost_answer_is_found_in_the_resumed_stream() -> None:
    server, (a, b) = room("a b")
    a.types(0, "x")
    a.drop(arrived=1)
    b.types(1, "y") if b.text else b.sync()
    a.sync()
    assert server.version == 1
    assert Saved(1, 1) in a.events
    assert len(edits_sent(a)) == 1, "what the stream answers is not sent again"
    converge(server, [a, b], "x")


def test_lost_edit_is_resent_unchanged() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    a.drop()
    b.types(0, "12")
    b.sync()
    a.sync()
    first, second = edits_sent(a)
    assert first == second
    assert (second.seq, second.base) == (1, 0)
    converge(server, [a, b], "12abc!")


def test_typing_goes_on_offline() -> None:
    server, (a, b) = room("a b", "abc")
    a.drop()
    a.types(0, "1")
    a.types(1, "2")
    b.types(3, "!")
    b.sync()
    assert a.sent[1:] == []
    a.sync()
    assert len(edits_sent(a)) == 1
    converge(server, [a, b], "12abc!")


def test_resend_that_meets_its_original_is_committed_once() -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    late = a.drop()
    a.connect()
    a.send(1)
    a.receive()
    old = Client(server, "a")
    old_line = a.line
    assert old_line is not None
    server.handle(old_line, late[0])
    del old
    a.sync()
    assert server.version == 1
    converge(server, [a], "x")


def test_ack_after_the_stream_passed_is_nothing_new() -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    a.sync()
    assert a.hear(native.Ack(1, 1)) == []
    converge(server, [a], "x")


def test_ack_for_a_version_still_to_come_waits_for_the_stream() -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    assert a.hear(native.Ack(1, 1)) == []
    assert not a.replica.settled
    a.sync()
    converge(server, [a], "x")


def test_ack_for_a_version_in_our_state_takes_our_copy_away() -> None:
    """The log's state holds the edit, so the one that we hold above it would be the second."""
    _, (a,) = room("a")
    a.types(0, "x")
    a.types(1, "y")
    a.hear(native.Edits([native.EditEvent(1, "f" * 16, 1, None, wire.encode(insert(0, "x")))]))
    assert a.text == "xxy"
    a.hear(native.Ack(1, 1))
    assert a.text == "xy"
    assert Saved(1, 1) in a.events
    assert a.replica.unsaved == insert(1, "y")


def test_welcome_that_names_our_seq_as_committed_and_passed_settles_it() -> None:
    _, (a,) = room("a")
    a.types(0, "x")
    a.hear(native.Edits([native.EditEvent(1, "f" * 16, 1, None, wire.encode(insert(0, "x")))]))
    a.drop()
    a.replica.connection_opened()
    a.hear(
        native.Welcome(
            "epoch-1",
            1,
            "text",
            "write",
            a.replica.author,
            LIMITS,
            [],
            committed=native.Named(1, 1),
            edits=[],
        )
    )
    assert a.text == "x"
    assert a.replica.settled


# Resets ------------------------------------------------------------------------------------------


def test_reset_with_nothing_pending_tells_the_difference() -> None:
    _, (a,) = room("a", "abc")
    a.hear(reset_of(a, "abXc", 7))
    assert a.text == "abXc"
    assert a.replica.version == 7
    assert a.events == [Changed(insert(2, "X"), None, None, "epoch-1", 7)]


def test_reset_with_outstanding_sends_same_seq() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    lost = a.drop()
    b.types(0, "12")
    b.sync()
    server.floor = 1
    a.sync()
    first, second = edits_sent(a)
    assert native.decode_client(lost[0]) == first
    assert (first.seq, first.base) == (1, 0)
    assert (second.seq, second.base) == (1, 1)
    assert wire.decode(second.operation) == insert(5, "!")
    converge(server, [a, b], "12abc!")


def test_reset_rebases_outstanding_and_buffer() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(0, "<")
    a.types(4, ">")
    a.drop()
    b.types(1, "_")
    b.sync()
    server.floor = 1
    a.sync()
    assert [(edit.seq, edit.base) for edit in edits_sent(a)] == [(1, 0), (1, 1), (2, 2)]
    converge(server, [a, b], "<a_bc>")


def test_reset_that_contains_the_outstanding_rebases_only_the_buffer() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(0, "1")
    a.types(1, "2")
    a.drop(arrived=1)
    b.sync()
    b.types(4, "!")
    b.sync()
    server.floor = 2
    a.sync()
    assert Saved(1, 1) in a.events
    assert [edit.seq for edit in edits_sent(a)] == [1, 2]
    converge(server, [a, b], "12abc!")


def test_original_lands_after_reset() -> None:
    """A node that we lost still held the first writing of our edit, and commits it."""
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    a.types(4, "?")
    (late,) = a.drop()
    b.types(0, "12")
    b.sync()
    server.floor = 1
    a.connect()
    a.send()
    a.receive(1)
    server.floor = 0
    server.handle(a.line or server.lines[0], late)
    a.receive()
    first, second = edits_sent(a)[:2]
    assert (first.seq, second.seq) == (1, 1)
    assert first.operation != second.operation
    converge(server, [a, b], "12abc!?")
    assert server.version == 3, "one of the two writings, and the buffer"


def test_original_that_differs_in_place_wins_over_its_rewriting() -> None:
    """The diff put our text elsewhere than the log did: the log is right, and the buffer stays."""
    server, (a, b) = room("a b", "aaaa")
    a.types(2, "X")
    a.types(3, "Y")
    (late,) = a.drop()
    b.types(0, "a")
    b.sync()
    server.floor = 1
    a.connect()
    a.send()
    a.receive(1)
    server.floor = 0
    server.handle(a.line or server.lines[0], late)
    assert a.text == "aaXYaaa"
    a.receive()
    a.sync()
    converge(server, [a, b], server.text)
    assert server.text.replace("Y", "") == "aaaXaa"
    assert server.text.count("Y") == 1


def test_name_reused_with_the_commit_still_to_come_waits() -> None:
    server, (a,) = room("a", "abc")
    a.types(3, "!")
    (late,) = a.drop()
    server.commit("f" * 16, 1, insert(0, "1"))
    server.floor = 1
    a.connect()
    a.send(1)
    a.receive()
    server.floor = 0
    line = a.line
    assert line is not None
    server.handle(line, late)
    stream = line.to_client.popleft()
    a.send()
    a.receive()
    assert not a.replica.settled
    assert refusals(a) == []
    line.to_client.append(stream)
    a.sync()
    converge(server, [a], "1abc!")


def test_name_reused_for_a_commit_in_our_state_takes_our_copy_away() -> None:
    """A reset that did not know of our commit made us write it a second time."""
    _, (a,) = room("a", "abc")
    a.types(3, "!")
    a.types(4, "?")
    a.hear(reset_of(a, "abc!", 5))
    assert a.text == "abc!!?"
    a.hear(native.ErrorReport("edit_name_reused", "", seq=1, committed=native.Named(1, 4)))
    assert a.text == "abc!?"
    assert refusals(a) == []
    assert a.replica.unsaved == insert(4, "?")


def test_unsent_text_survives_another_epoch() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    a.types(4, "?")
    a.drop()
    b.drop()
    server.recreate("epoch-2", "new ")
    a.sync()
    assert a.replica.epoch == "epoch-2"
    converge(server, [a, b], "new !?")
    assert [edit.seq for edit in edits_sent(a)] == [1, 1, 2]


def test_rewriting_that_comes_to_nothing_still_holds_its_place() -> None:
    """Its first writing is on the way; an edit of the next seq would be refused after it."""
    server, (a, b) = room("a b", "abc")
    a.deletes(1, 1)
    a.types(0, "x")
    b.deletes(1, 1)
    b.sync()
    line = a.line
    assert line is not None
    server.reset(line)
    a.receive()
    assert [(edit.seq, edit.base) for edit in edits_sent(a)] == [(1, 0), (1, 1)]
    assert edits_sent(a)[1].operation == msgspec.Raw(b"[]")
    converge(server, [a, b], "xac")
    assert refusals(a) == []


@pytest.mark.parametrize("stream_first", [True, False])
def test_edit_that_leaves_out_our_own_commit_is_written_anew(stream_first: bool) -> None:
    """Another life of this client id left an edit behind, which was committed before ours."""
    server, (a,) = room("a", "abc")
    a.types(3, "!")
    server.commit(author_of(a.id), 0, insert(0, "1"))
    error = native.ErrorReport("base_below_own_commit", "", 1, native.Named(0, 1))
    if stream_first:
        a.receive()
        a.hear(error)
    else:
        a.hear(error)
        assert [one.base for one in edits_sent(a)] == [0]
        a.receive()
    assert [(one.seq, one.base) for one in edits_sent(a)] == [(1, 0), (1, 1)]
    assert wire.decode(edits_sent(a)[1].operation) == insert(4, "!")
    assert refusals(a) == []
    assert a.text == "1abc!"


def test_seq_goes_on_above_what_the_log_knows_of_us() -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    a.sync()
    again = Client(server, "a")
    again.sync()
    again.types(1, "y")
    again.sync()
    assert [edit.seq for edit in edits_sent(again)] == [2]
    assert server.text == "xy"


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["invalid_operation", "document_too_large", "stale_sequence"],
)
def test_refused_edit_is_taken_back_and_returned(code: str) -> None:
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    a.types(4, "?")
    server.refusing = (a.id, code)
    a.send()
    server.refusing = None
    a.receive()
    (refused,) = refusals(a)
    assert (refused.code, refused.operation) == (code, insert(3, "!"))
    converge(server, [a, b], "abc?")


def test_refused_for_want_of_rights_keeps_what_was_not_sent() -> None:
    server, (a,) = room("a", "abc")
    a.types(3, "!")
    a.types(4, "?")
    server.access[a.id] = "read"
    a.hear(native.AccessChange("read"))
    a.sync()
    assert [refused.code for refused in refusals(a)] == ["not_allowed"]
    assert a.text == "abc?"
    assert a.replica.access is Access.READ
    assert len(edits_sent(a)) == 1
    server.access[a.id] = "write"
    a.hear(native.AccessChange("write"))
    converge(server, [a], "abc?")


@pytest.mark.parametrize("code", ["below_floor", "base_above_head"])
def test_error_that_a_reset_follows_waits_for_it(code: str) -> None:
    server, (a,) = room("a", "abc")
    a.types(3, "!")
    server.refusing = (a.id, code)
    a.send()
    server.refusing = None
    a.receive()
    assert refusals(a) == []
    assert not a.replica.settled
    line = a.line
    assert line is not None
    server.reset(line)
    converge(server, [a], "abc!")


def test_edit_below_the_floor_is_written_anew() -> None:
    server, (a, b) = room("a b", "abc")
    a.types(3, "!")
    b.types(0, "1")
    b.sync()
    server.floor = 1
    converge(server, [a, b], "1abc!")
    assert [(edit.seq, edit.base) for edit in edits_sent(a)] == [(1, 0), (1, 1)]


@pytest.mark.parametrize("code", ["unavailable", "store_failure", "too_fast"])
def test_passing_trouble_is_answered_by_a_resend(code: str) -> None:
    server, (a,) = room("a")
    a.types(0, "x")
    server.refusing = (a.id, code)
    a.send()
    server.refusing = None
    a.receive()
    assert Reconnect(code) in a.events
    assert a.text == "x"
    converge(server, [a], "x")
    first, second = edits_sent(a)
    assert first == second


def test_error_about_something_else_is_passed_on() -> None:
    _, (a,) = room("a")
    error = native.ErrorReport("too_large", "the presence is too large")
    assert a.hear(error) == [error]


def test_operation_too_big_for_a_frame_goes_in_pieces() -> None:
    server, (a, b) = room("a b", "abc")
    server.limits = native.Limits(1024, 1 << 24, 4096)
    a.drop()
    text = "0123456789é😀" * 500
    a.edit(compose(delete(1, 1), insert(1, text)))
    converge(server, [a, b], "a" + text + "c")
    assert max(len(frame.encode()) for frame in a.sent) <= 1024
    assert server.version > 5


def test_edit_in_pieces_is_settled_with_the_last_of_them() -> None:
    server, (a,) = room("a")
    a.drop()
    server.limits = native.Limits(1024, 1 << 24, 4096)
    a.types(0, "x" * 1500)
    a.connect()
    settled = []
    while a.line and (a.line.to_server or a.line.to_client):
        a.send(1)
        a.receive(1)
        settled.append((server.version, a.replica.settled))
    assert settled == [(0, False), (1, False), (2, True)]


@pytest.mark.parametrize("frame_bytes", [180, 400, 1000, 5000])
def test_pieces_compose_to_the_whole(frame_bytes: int) -> None:
    whole: Delta = (
        Op(insert="x" * 700, attributes={"bold": True}),
        Op(delete=3),
        Op(retain=4, attributes={"bold": None}),
        Op(insert={"image": "y" * 300}),
        Op(delete=1),
        Op(retain=9),
        Op(insert="z😀" * 300),
    )
    pieces: list[Delta] = []
    rest = whole
    while rest:
        piece, rest = wire.split(rest, frame_bytes)
        pieces.append(piece)
    total: Delta = ()
    for piece in pieces:
        total = compose(total, piece)
    assert total == whole


# Peers -------------------------------------------------------------------------------------------


def test_peers_come_change_and_go() -> None:
    _, (a, b) = room("a b", "abc")
    b.replica.company.present({"name": "Bea"}, Selection(1, 1))
    b.pump()
    b.sync()
    a.sync()
    author = author_of(b.id)
    assert a.replica.company.peers[author].state == {
        "name": "Bea",
        "selection": {"anchor": 1, "head": 1},
    }
    b.replica.company.present(None)
    b.pump()
    b.sync()
    a.sync()
    assert a.replica.company.peers == {}
    assert a.events == [PeersChanged(), PeersChanged()]


def test_selection_of_a_peer_moves_through_later_edits() -> None:
    _, (a, b) = room("a b", "abc")
    b.replica.company.present({}, Selection(1, 3))
    b.pump()
    b.sync()
    a.sync()
    a.types(0, "12")
    assert a.replica.selection_of(author_of(b.id)) == Selection(3, 5)
    a.sync()
    a.deletes(3, 1)
    a.types(0, "__")
    assert a.replica.selection_of(author_of(b.id)) == Selection(5, 6)


def test_selection_from_before_a_reset_cannot_be_placed() -> None:
    server, (a, b) = room("a b", "abc")
    b.replica.company.present({}, Selection(1, 1))
    b.pump()
    b.sync()
    a.sync()
    server.commit("f" * 16, 1, insert(0, "1"))
    a.sync()
    assert a.replica.selection_of(author_of(b.id)) == Selection(2, 2)
    a.hear(reset_of(a, "1abc", 1))
    a.hear(
        native.PresenceUpdate(
            [
                native.PresenceEntry(
                    author_of(b.id), None, {"selection": {"anchor": 1, "head": 1}}, 0
                )
            ]
        )
    )
    assert a.replica.selection_of(author_of(b.id)) is None


def test_own_selection_is_sent_in_positions_of_the_log() -> None:
    _, (a,) = room("a", "abc")
    a.types(0, "12")
    a.types(5, "34")
    a.replica.company.present({}, Selection(3, 6))
    (message,) = a.replica.to_send()
    assert message == native.SetPresence({"selection": {"anchor": 1, "head": 3}}, 0)


def test_own_presence_is_told_again_after_a_reconnect() -> None:
    _, (a, b) = room("a b", "abc")
    a.replica.company.present({}, Selection(1, 1))
    a.pump()
    a.drop()
    a.types(0, "__")
    b.sync()
    a.sync()
    b.sync()
    assert b.replica.selection_of(author_of(a.id)) == Selection(3, 3)


def test_nobody_is_known_to_be_here_while_offline() -> None:
    _, (a, b) = room("a b")
    b.replica.company.present({"name": "Bea"})
    b.pump()
    b.sync()
    a.sync()
    a.drop()
    assert a.replica.company.peers == {}


# What a server should not send -------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        "{}",
        "[{}]",
        "null",
        '"x"',
        '[{"insert":"x","delete":1}]',
        '[{"delete":-1}]',
        '[{"retain":0.5}]',
        '[{"delete":9}]',
        '[{"insert":"\\ud83d"}]',
        '[{"retain":1,"attributes":[]}]',
        '[{"insert":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]",
        '[{"retain":4611686018427387904,"attributes":{"a":1}}]',
    ],
)
def test_operation_that_cannot_be_is_a_reason_to_reconnect(operation: str) -> None:
    server, (a,) = room("a", "abc")
    a.types(0, "1")
    event = native.EditEvent(1, "f" * 16, 1, None, msgspec.Raw(operation.encode()))
    events = a.hear(native.Edits([event]))
    assert isinstance(events[-1], Reconnect)
    assert a.text == "1abc"
    converge(server, [a], "1abc")


@pytest.mark.parametrize("contents", ["1", "[]", "null", "", '"\\udc00"'])
def test_contents_that_cannot_be_are_a_reason_to_reconnect(contents: str) -> None:
    server, (a,) = room("a", "abc")
    a.types(0, "1")
    (event,) = a.hear(
        native.Reset("e", 9, "text", "write", "a" * 16, LIMITS, [], msgspec.Raw(contents.encode()))
    )
    assert isinstance(event, Reconnect)
    converge(server, [a], "1abc")


def test_rights_that_cannot_be_are_a_reason_to_reconnect() -> None:
    _, (a,) = room("a", "abc")
    (event,) = a.hear(native.AccessChange("owner"))
    assert isinstance(event, Reconnect)


def test_edit_before_the_first_welcome_is_refused() -> None:
    with pytest.raises(InvalidOperation):
        Replica("client-a-0123456789").edit(insert(0, "x"))


# Types -------------------------------------------------------------------------------------------


def test_rich_text_is_followed_and_edited() -> None:
    server = Server("abc", type_="richtext")
    a, b = Client(server, "a"), Client(server, "b")
    a.sync()
    b.sync()
    a.edit((Op(retain=1, attributes={"bold": True}), Op(insert={"image": "i"})))
    b.types(1, "x")
    a.sync()
    b.sync()
    a.sync()
    expected: Delta = (
        Op(insert="a", attributes={"bold": True}),
        Op(insert={"image": "i"}),
        Op(insert="xbc"),
    )
    assert a.replica.local.to_delta() == b.replica.local.to_delta() == expected


def test_type_that_is_not_ours_is_not_followed() -> None:
    replica = Replica("client-a-0123456789")
    replica.connection_opened()
    (event,) = replica.receive(
        native.Welcome(
            "e", 0, "yjs", "write", "a" * 16, LIMITS, [], contents=msgspec.Raw(b'"AAA="')
        )
    )
    assert isinstance(event, Reconnect)
