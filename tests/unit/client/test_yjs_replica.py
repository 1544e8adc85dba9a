"""What a Yjs replica sends and when it takes something for saved: scripted messages, no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from pycrdt import Doc, Map, Text, TextEvent, UndoManager

from collab.protocols import hocuspocus
from collab.protocols.hocuspocus import Authenticated, ClientMessage, ServerMessage, SyncStatus
from collab.protocols.ywebsocket import SyncStep1, SyncStep2, SyncUpdate
from collab.words import Access
from collab_client.verdicts import failure_of
from collab_client.yjs_outbox import MERGE_RUN, MERGED_BYTES, UpdateOutbox
from collab_client.yjs_replica import MAX_STEP_2_BYTES, Ended, Updated, YjsEvent, YjsReplica

Messages: TypeAlias = Sequence[ClientMessage]
EMPTY = b"\x00\x00"
SAVED, REFUSED = SyncStatus(True), SyncStatus(False)
WRITE, READ = Authenticated(hocuspocus.READ_WRITE), Authenticated(hocuspocus.READONLY)


class Script:
    """A replica, and the server's document with what the test lets it know."""

    def __init__(self, ydoc: Doc[Any] | None = None) -> None:
        self.replica = YjsReplica(Doc() if ydoc is None else ydoc, lambda: 0.0)
        self.server: Doc[Any] = Doc()

    @property
    def text(self) -> Text:
        root: Text = self.replica.ydoc.get("t", type=Text)
        return root

    @property
    def saved(self) -> str:
        root: Text = self.server.get("t", type=Text)
        return str(root)

    def types(self, text: str) -> None:
        self.text.insert(len(str(self.text).encode()), text)

    def step_1(self) -> SyncStep1:
        return SyncStep1(self.server.get_state())

    def greet(self, scope: Authenticated = WRITE) -> Messages:
        """Connect and hear all that a server says at first; what is answered."""
        self.replica.connection_opened("token")
        self.hear(scope, self.step_1(), SyncStep2(self.server.get_update()))
        return self.replica.to_send()

    def hear(self, *messages: ServerMessage) -> list[YjsEvent]:
        return [event for message in messages for event in self.replica.receive(message)]

    def store(self, messages: Messages) -> None:
        """The server applies what these carry."""
        for message in messages:
            assert isinstance(message, SyncUpdate | SyncStep2)
            self.server.apply_update(message.update)

    def live(self) -> bool:
        return self.replica.live

    def stuck(self) -> bool:
        return self.replica.stuck

    def settled(self) -> bool:
        return self.replica.settled

    def waits(self) -> int:
        return self.replica.outbox.made - self.replica.outbox.settled


def greeted(scope: Authenticated = WRITE) -> Script:
    """A replica that is connected and has nothing to save."""
    script = Script()
    script.greet(scope)
    script.hear(SAVED)
    return script


# Opening ------------------------------------------------------------------------------------------


def test_opening_sends_token_and_step_1_without_waiting() -> None:
    script = Script()
    token, step_1 = script.replica.connection_opened(None)
    assert token == hocuspocus.Token("")
    assert step_1 == SyncStep1(script.replica.ydoc.get_state())


def test_replica_is_live_when_let_in_and_answered() -> None:
    script = Script()
    script.replica.connection_opened(None)
    assert script.hear(WRITE, script.step_1()) == []
    assert not script.live()
    script.hear(SyncStep2(EMPTY))
    assert script.live()
    assert script.replica.access is Access.WRITE


def test_content_that_a_document_brings_is_saved_with_the_first_status() -> None:
    ydoc: Doc[Any] = Doc()
    ydoc.get("t", type=Text).insert(0, "brought")
    script = Script(ydoc)
    assert script.waits() == 1
    script.store(script.greet())
    assert script.saved == "brought"
    script.hear(SAVED)
    assert script.settled()


def test_token_is_given_again_when_asked() -> None:
    script = greeted()
    script.hear(hocuspocus.AskForToken())
    assert script.replica.to_send() == [hocuspocus.Token("token")]


# Saving -------------------------------------------------------------------------------------------


def test_change_is_saved_by_its_own_status_only() -> None:
    script = Script()
    script.greet()  # the step 2 that this answers has a status of its own
    script.types("a")
    assert script.replica.to_send() == []
    script.hear(SAVED)
    assert script.waits() == 1
    script.store(script.replica.to_send())
    assert script.waits() == 1
    script.hear(SAVED)
    assert script.settled()
    assert script.saved == "a"


def test_what_is_changed_while_an_update_is_on_its_way_goes_out_as_one() -> None:
    script = greeted()
    script.types("a")
    first = script.replica.to_send()
    for letter in "bcd":
        script.types(letter)
    assert script.replica.to_send() == []
    script.hear(SAVED)
    second = script.replica.to_send()
    assert (len(first), len(second)) == (1, 1)
    script.store([*first, *second])
    assert script.saved == "abcd"
    assert script.waits() == 3
    script.hear(SAVED)
    assert script.settled()


def test_echo_of_an_own_update_is_no_news_and_is_not_sent_back() -> None:
    script = greeted()
    script.types("a")
    (message,) = script.replica.to_send()
    assert isinstance(message, SyncUpdate)
    assert script.hear(message, SAVED) == []
    assert script.replica.to_send() == []


def test_change_of_others_is_told_and_not_sent_back() -> None:
    script = greeted()
    other: Doc[Any] = Doc()
    other.get("t", type=Text).insert(0, "theirs")
    update = other.get_update()
    assert script.hear(SyncUpdate(update)) == [Updated(update)]
    assert str(script.text) == "theirs"
    assert script.replica.to_send() == []
    assert script.settled()


def test_undo_leaves_what_others_did() -> None:
    script = greeted()
    undo = UndoManager(scopes=[script.text], capture_timeout_millis=0)
    script.types("mine")
    other: Doc[Any] = Doc()
    other.get("t", type=Text).insert(0, "theirs")
    script.hear(SyncUpdate(other.get_update()))
    undo.undo()
    assert str(script.text) == "theirs"
    assert not undo.can_undo()


def test_answer_to_a_further_step_1_has_its_own_status() -> None:
    script = greeted()
    script.types("a")
    script.replica.to_send()
    script.hear(script.step_1())
    (answer,) = script.replica.to_send()
    assert isinstance(answer, SyncStep2)
    script.types("b")
    script.hear(SAVED)
    assert script.replica.to_send() == []
    script.hear(SAVED)
    assert len(script.replica.to_send()) == 1


# Losing the server --------------------------------------------------------------------------------


def test_after_a_reconnect_the_status_of_the_step_2_counts() -> None:
    script = greeted()
    script.types("sent ")
    script.replica.to_send()
    script.replica.connection_lost()
    script.types("offline")
    assert script.replica.to_send() == []
    script.store(script.greet())
    assert script.saved == "sent offline"
    assert script.waits() == 2
    script.hear(SAVED)
    assert script.settled()
    assert script.replica.to_send() == []


def test_step_2_that_was_lost_too_is_sent_again() -> None:
    script = greeted()
    script.types("a")
    script.greet()
    script.replica.connection_lost()
    script.types("b")
    script.store(script.greet())
    script.hear(SAVED)
    assert script.settled()
    assert script.saved == "ab"


def test_difference_too_large_for_a_frame_goes_out_in_the_parts_it_was_made_of() -> None:
    script = greeted()
    script.replica.connection_lost()
    for _ in range(9):
        script.types("x" * (MAX_STEP_2_BYTES // 8))
    sent = [*script.greet()]
    while not script.settled():
        script.hear(SAVED)
        sent += script.replica.to_send()
    assert len(sent) == 9
    assert all(isinstance(each, SyncUpdate) and len(each.update) < 100_000 for each in sent)
    script.store(sent)
    assert script.saved == str(script.text)


def test_nothing_counts_between_two_connections() -> None:
    script = greeted()
    script.replica.connection_lost()
    assert script.hear(SAVED, hocuspocus.PermissionDenied("no")) == []
    assert not script.live()


# Refusals -----------------------------------------------------------------------------------------


def test_reader_keeps_changes_until_it_may_write() -> None:
    script = greeted(READ)
    script.types("a")
    assert script.replica.to_send() == []
    assert script.stuck()
    script.hear(WRITE)
    assert not script.stuck()
    script.store(script.replica.to_send())
    script.hear(SAVED)
    assert script.settled()
    assert script.saved == "a"


def test_reader_whose_step_2_adds_nothing_has_nothing_unsaved() -> None:
    script = greeted()
    script.types("a")
    script.store(script.replica.to_send())
    script.replica.connection_lost()
    script.greet(READ)
    assert not script.stuck()  # not before the server has looked at it
    script.hear(SAVED)
    assert script.settled()


def test_reader_whose_step_2_adds_something_is_stuck() -> None:
    script = greeted()
    script.replica.connection_lost()
    script.types("a")
    script.greet(READ)
    script.hear(REFUSED)
    assert script.stuck()
    assert script.replica.to_send() == []


def test_refused_update_without_a_gap_means_that_we_may_only_read() -> None:
    script = greeted()
    script.types("a")
    script.replica.to_send()
    script.hear(REFUSED)
    (question,) = script.replica.to_send()
    assert isinstance(question, SyncStep1)
    assert not script.stuck()
    script.hear(SyncStep2(EMPTY))
    assert script.stuck()
    assert script.replica.access is Access.READ


def test_gap_is_filled_and_no_refusal() -> None:
    script = greeted()
    script.types("a")
    script.replica.to_send()
    script.hear(REFUSED, script.step_1())
    question, answer = script.replica.to_send()
    assert isinstance(question, SyncStep1)
    script.hear(SyncStep2(EMPTY))
    assert not script.stuck()
    script.store([answer])
    script.hear(SAVED)
    assert script.settled()
    assert script.saved == "a"


def test_server_that_refuses_the_whole_difference_is_not_asked_for_ever() -> None:
    script = greeted()
    script.types("a")
    script.replica.to_send()
    script.hear(REFUSED, script.step_1())
    script.replica.to_send()
    script.hear(SyncStep2(EMPTY), REFUSED, script.step_1())
    assert [type(each) for each in script.replica.to_send()] == [SyncStep1]
    assert script.stuck()


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("not_signed_in: no token", "not_signed_in"),
        ("document_not_found: no such document", "document_not_found"),
        ("wrong_type: a text document has no Yjs content", "wrong_type"),
        ("permission-denied", "not_allowed"),
        ("unavailable: too much to do", None),
        ("store_failure: the store failed", None),
    ],
)
def test_denial_ends_the_connection_as_a_close_code_would(reason: str, failure: str | None) -> None:
    script = Script()
    script.replica.connection_opened(None)
    (ended,) = script.hear(hocuspocus.PermissionDenied(reason))
    assert isinstance(ended, Ended)
    found = failure_of(ended.close_code, ended.reason, known=False)
    assert (found and found.code) == failure


@pytest.mark.parametrize(
    "message",
    [
        SyncUpdate(b"\x01\x01garbage"),
        SyncStep1(b"\x05\x01"),
        SyncStep2(b""),
        SAVED,
        hocuspocus.Close("done"),
    ],
)
def test_what_cannot_be_ends_the_connection_and_raises_nothing(message: ServerMessage) -> None:
    script = greeted()
    (ended,) = script.hear(message)
    assert isinstance(ended, Ended)
    assert not script.live()
    assert script.hear(SyncUpdate(EMPTY)) == []


# The user's document ------------------------------------------------------------------------------


def test_what_comes_while_the_user_keeps_a_transaction_open_is_applied() -> None:
    script = greeted()
    other: Doc[Any] = Doc()
    other.get("m", type=Map)["theirs"] = 1
    pairs: Map[int] = script.replica.ydoc.get("m", type=Map)
    with script.replica.ydoc.transaction(origin="mine"):
        pairs["mine"] = 1
        script.hear(SyncUpdate(other.get_update()))
    assert pairs.to_py() == {"mine": 1, "theirs": 1}
    script.store(script.replica.to_send())
    assert script.server.get("m", type=Map).to_py() == {"mine": 1, "theirs": 1}


def test_failing_observer_of_the_user_does_not_end_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = greeted()

    def fail(event: TextEvent) -> None:
        raise RuntimeError("mine")

    text = script.text
    text.observe(fail)
    other: Doc[Any] = Doc()
    other.get("t", type=Text).insert(0, "x")
    events = script.hear(SyncUpdate(other.get_update()))
    assert [type(event) for event in events] == [Updated]
    assert "an observer failed" in caplog.text
    assert str(script.text) == "x"


def test_stopped_replica_leaves_the_document_to_its_user() -> None:
    script = greeted()
    script.replica.stop()
    script.types("a")
    assert script.replica.to_send() == []


# The outbox ---------------------------------------------------------------------------------------


def test_many_small_updates_wait_as_few() -> None:
    ydoc: Doc[Any] = Doc()
    outbox = UpdateOutbox()
    ydoc.observe(lambda event: outbox.add(event.update))
    text = ydoc.get("t", type=Text)
    for number in range(10 * MERGE_RUN + 5):
        text.insert(number, "x")
    (parcel,) = outbox.all()
    assert parcel.covers == 10 * MERGE_RUN + 5
    copy: Doc[Any] = Doc()
    copy.apply_update(parcel.update)
    assert str(copy.get("t", type=Text)) == str(text)


def test_given_back_parcels_go_out_first_and_settle_what_they_cover() -> None:
    outbox = UpdateOutbox()
    updates = [bytes(MERGED_BYTES - 1) + bytes((number,)) for number in range(3)]
    for update in updates[:2]:
        outbox.add(update)
        outbox.restore(outbox.all())
    parcels = outbox.all()
    outbox.add(updates[2])
    outbox.restore(parcels)
    assert [parcel.update for parcel in parcels] == updates[:2]
    outbox.settle(parcels[:1])
    assert (outbox.settled, outbox.made) == (1, 3)
    assert [parcel.update for parcel in outbox.all()] == updates[1:]
