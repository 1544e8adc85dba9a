"""Who is here, by the awareness of y-protocols, in a time that the tests move."""

from __future__ import annotations

import json
from typing import Any

from collab.protocols.ywebsocket import AwarenessEntry
from collab_client.awareness import EXPIRE_SECONDS, RENEW_SECONDS, Awareness

OWN, OTHER = 1, 2


class Room:
    """Our awareness with a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ours = Awareness(OWN, lambda: self.now)

    def sent(self) -> AwarenessEntry | None:
        """What is due, if anything is."""
        message = self.ours.to_send()
        if message is None:
            return None
        (entry,) = message.entries
        return entry

    def learn(self, clock: int, state: Any, client: int = OTHER) -> bool:
        text = None if state is None else json.dumps(state)
        return self.ours.learn([AwarenessEntry(client, clock, text)])

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.ours.tick()


def test_ours_is_sent_once_under_a_higher_clock_each_time() -> None:
    room = Room()
    assert room.sent() is None
    room.ours.present({"n": 1})
    assert room.sent() == AwarenessEntry(OWN, 1, '{"n":1}')
    assert room.sent() is None
    room.ours.present(None)
    assert room.sent() == AwarenessEntry(OWN, 2, None)
    room.ours.present(None)
    assert room.sent() is None


def test_ours_is_renewed_before_others_forget_it() -> None:
    room = Room()
    room.ours.present({})
    room.sent()
    room.wait(RENEW_SECONDS - 1)
    assert room.sent() is None
    room.wait(1)
    assert room.sent() == AwarenessEntry(OWN, 2, "{}")
    room.ours.arrive()
    assert room.sent() == AwarenessEntry(OWN, 3, "{}")


def test_others_count_while_they_renew_themselves() -> None:
    room = Room()
    assert room.learn(5, {"a": 1})
    assert not room.wait(EXPIRE_SECONDS - 1)
    assert not room.learn(6, {"a": 1})
    assert not room.wait(EXPIRE_SECONDS - 1)
    assert room.ours.peers == {OTHER: {"a": 1}}
    assert room.wait(1)
    assert room.ours.peers == {}
    assert room.learn(6, {"a": 1})


def test_older_news_of_others_changes_nothing() -> None:
    room = Room()
    room.learn(5, "new")
    assert not room.learn(4, "old")
    assert not room.learn(5, "old")
    assert not room.learn(4, None)
    assert room.learn(5, None)
    assert not room.learn(5, "back")
    assert room.learn(6, "back")


def test_removal_of_ours_is_answered_from_above() -> None:
    room = Room()
    room.ours.present("here")
    room.sent()
    room.learn(7, None, client=OWN)
    assert room.sent() == AwarenessEntry(OWN, 8, '"here"')
    room.learn(20, "here", client=OWN)  # another node gave us this clock
    assert room.sent() is None
    room.ours.present("there")
    assert room.sent() == AwarenessEntry(OWN, 21, '"there"')
    assert room.ours.peers == {}


def test_nobody_is_here_offline() -> None:
    room = Room()
    room.learn(5, "a")
    assert room.ours.leave()
    assert room.ours.peers == {}
    assert room.learn(5, "a")


def test_question_is_answered_with_what_is_there() -> None:
    room = Room()
    room.ours.repeat()
    assert room.sent() is None
    room.ours.present("a")
    room.sent()
    room.ours.repeat()
    assert room.sent() == AwarenessEntry(OWN, 1, '"a"')


def test_state_that_python_cannot_read_is_passed_over() -> None:
    room = Room()
    assert not room.ours.learn([AwarenessEntry(OTHER, 1, "9" * 5000)])
    assert room.ours.peers == {}
