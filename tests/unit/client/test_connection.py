"""Losing and finding the server, and what saving promises; in virtual time, over memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest

from collab.protocols import native
from collab_client import (
    ChannelClosed,
    Closed,
    Gone,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Offline,
    OverQuota,
    ProtocolFailed,
    ReadOnly,
    Refused,
    Replaced,
    Status,
    Unreachable,
    Unsaved,
    WrongType,
)
from collab_client.channel import socket_url
from collab_client.feeds import WAITING_MESSAGES
from collab_client.verdicts import close_code_of_denial, retry_after_of
from tests.simulation.virtual import run
from tests.unit.client.memory import Network
from tests.unit.client.room import insert

Scenario = Callable[[], Awaitable[None]]


def scenario(main: Scenario) -> Callable[[], None]:
    """A test that runs in virtual time, and that nothing keeps waiting for ever."""

    def test() -> None:
        run(main)

    test.__name__ = main.__name__
    test.__doc__ = main.__doc__
    return test


# Saving ------------------------------------------------------------------------------------------


@scenario
async def test_edit_shows_at_once_and_flush_makes_it_durable() -> None:
    network = Network("world")
    async with network.connect() as doc:
        network.holding = True
        await doc.insert(0, "hello ")
        assert doc.text == "hello world"
        assert doc.status is Status.SAVING
        network.holding = False
        network.deliver()
        await doc.flush()
        assert network.server.text == "hello world"
        assert (doc.status, doc.version) == (Status.SAVED, 1)


@scenario
async def test_flush_takes_no_time_when_nothing_waits() -> None:
    network = Network()
    async with network.connect() as doc:
        network.down = True
        network.close()
        await network.until(lambda: doc.status is Status.OFFLINE)
        began = anyio.current_time()
        await doc.flush()
        assert anyio.current_time() == began


@scenario
async def test_flush_waits_for_the_edits_made_before_it_only() -> None:
    network = Network()
    async with network.connect() as doc:
        await doc.insert(0, "a")
        flushed = anyio.Event()

        async def flush() -> None:
            await doc.flush()
            flushed.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(flush)
            await anyio.lowlevel.checkpoint()
            network.holding = True
            await doc.insert(0, "b")
            await flushed.wait()
            assert doc.status is Status.SAVING
            network.holding = False
            network.deliver()


@scenario
async def test_leaving_flushes() -> None:
    network = Network()
    async with network.connect() as doc:
        await doc.insert(0, "x")
    assert network.server.text == "x"
    assert doc.status is Status.CLOSED
    with pytest.raises(Closed):
        await doc.insert(0, "y")


@scenario
async def test_leaving_gives_up_after_its_bound_and_returns_what_is_unsaved() -> None:
    network = Network("abc")
    began = 0.0
    with pytest.raises(Unsaved) as caught:
        async with network.connect(flush_seconds=3) as doc:
            network.down = True
            network.close()
            await network.until(lambda: doc.status is Status.OFFLINE)
            await doc.insert(3, "!")
            began = anyio.current_time()
    assert caught.value.operation == insert(3, "!")
    assert anyio.current_time() - began == pytest.approx(3)


@scenario
async def test_exception_in_the_body_comes_out_bare_after_the_flush() -> None:
    network = Network()
    with pytest.raises(KeyError, match="mine"):
        async with network.connect() as doc:
            await doc.insert(0, "x")
            raise KeyError("mine")
    assert network.server.text == "x"


@scenario
async def test_failed_flush_is_noted_on_the_exception_of_the_body() -> None:
    network = Network()
    with pytest.raises(KeyError) as caught:
        async with network.connect(flush_seconds=1) as doc:
            network.holding = True
            await doc.insert(0, "x")
            raise KeyError
    assert "not saved within 1 seconds" in caught.value.__notes__[0]


@scenario
async def test_cancelled_body_leaves_without_waiting() -> None:
    network = Network()
    began = anyio.current_time()
    with anyio.move_on_after(1):
        async with network.connect() as doc:
            network.holding = True
            await doc.insert(0, "x")
            await anyio.sleep_forever()
    assert anyio.current_time() - began == pytest.approx(1)


@scenario
async def test_flush_raises_what_was_refused() -> None:
    network = Network("abc")
    async with network.connect(client_id="client-0123456789") as doc:
        network.server.refusing = ("client-0123456789", "document_too_large")
        await doc.insert(0, "1")
        await network.until(lambda: doc.text == "abc")
        await doc.insert(0, "2")
        await network.until(lambda: doc.text == "abc")
        network.server.refusing = None
        await doc.insert(0, "3")
        with pytest.raises(Refused) as caught:
            await doc.flush()
        assert caught.value.reason == "document_too_large"
        assert caught.value.operation == insert(0, "1")
        assert [other.operation for other in caught.value.others] == [insert(0, "2")]
        assert doc.text == network.server.text == "3abc"
        await doc.flush()


@scenario
async def test_refusal_nobody_asked_about_is_raised_on_leaving() -> None:
    network = Network()
    with pytest.raises(Refused):
        async with network.connect(client_id="client-0123456789") as doc:
            network.server.refusing = ("client-0123456789", "invalid_operation")
            await doc.insert(0, "1")


@scenario
async def test_read_only_document_is_not_edited() -> None:
    network = Network("abc")
    network.server.access["client-0123456789"] = "read"
    async with network.connect(client_id="client-0123456789") as doc:
        assert doc.status is Status.READ_ONLY
        with pytest.raises(ReadOnly):
            await doc.insert(0, "x")
        assert doc.text == "abc"


@scenario
async def test_text_that_may_no_longer_be_sent_is_kept_and_told() -> None:
    network = Network("abc")
    async with network.connect(client_id="client-0123456789") as doc:
        network.down = True
        network.close()
        await network.until(lambda: doc.status is Status.OFFLINE)
        await doc.insert(0, "x")
        network.server.access["client-0123456789"] = "read"
        network.down = False
        await network.until(lambda: doc.status is Status.READ_ONLY)
        with pytest.raises(ReadOnly) as caught:
            await doc.flush()
        assert caught.value.operation == insert(0, "x")
        assert doc.text == "xabc"
        network.server.access.clear()
        network.say(native.AccessChange("write"))
        await network.until(lambda: doc.status is not Status.READ_ONLY)
        await doc.flush()
        assert network.server.text == "xabc"


# Losing the server -------------------------------------------------------------------------------


@scenario
async def test_offline_edits_are_sent_as_one_after_the_reconnect() -> None:
    network = Network("abc")
    async with network.connect() as doc:
        network.down = True
        network.close()
        await network.until(lambda: doc.status is Status.OFFLINE)
        for letter in "321":
            await doc.insert(0, letter)
        network.commit(insert(3, "!"))
        assert doc.text == "123abc"
        network.down = False
        await doc.flush()
        assert doc.text == network.server.text == "123abc!"
        assert len(network.edits()) == 1


@scenario
async def test_edit_without_an_answer_is_resent_unchanged() -> None:
    network = Network()
    async with network.connect() as doc:
        network.holding = True
        await doc.insert(0, "x")
        await network.until(lambda: len(network.edits()) == 1)
        network.close()
        network.holding = False
        network.commit(insert(0, "y"))
        await doc.flush()
        first, second = network.edits()
        assert first == second
        assert network.server.text == "yx"


@scenario
async def test_reconnect_resumes_from_the_version_it_has() -> None:
    network = Network()
    async with network.connect(create="text") as doc:
        await doc.insert(0, "x")
        await doc.flush()
        network.close(1012)
        await network.until(lambda: len(network.hellos()) == 2)
        first, second = network.hellos()
        assert (first.epoch, first.version, first.create) == (None, None, "text")
        assert (second.epoch, second.version, second.create) == ("epoch-1", 1, None)
        assert first.client == second.client


@scenario
async def test_attempts_come_apart_by_doubled_delays_up_to_ten_seconds() -> None:
    network = Network()
    async with network.connect():
        network.down = True
        await anyio.sleep(6)
        network.close()
        await network.until(lambda: len(network.opened_at) == 11)
        later = network.opened_at[1:]
        delays = [after - before for before, after in pairwise(later)]
        assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10])
        assert later[0] - network.opened_at[0] == pytest.approx(6.1)
        network.down = False
        await network.until(lambda: len(network.channels) == 2)


@scenario
async def test_connection_that_does_not_last_does_not_reset_the_delays() -> None:
    network = Network()
    async with network.connect() as doc:
        for _ in range(4):
            network.close()
            await network.until(lambda: doc.status is Status.OFFLINE)
            await network.until(lambda: doc.status is Status.SAVED)
        times = network.opened_at
        delays = [after - before for before, after in pairwise(times)]
        assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=0.01)


@scenario
async def test_connection_that_lasted_begins_the_delays_anew() -> None:
    network = Network()
    async with network.connect() as doc:
        network.refusals = [ChannelClosed(1006, refused=True) for _ in range(5)]
        network.close()
        await network.until(lambda: len(network.channels) == 2)
        await network.until(lambda: doc.status is Status.SAVED)
        await anyio.sleep(3)
        began = anyio.current_time()
        network.close()
        await network.until(lambda: len(network.channels) == 3)
        assert network.opened_at[-1] - began == pytest.approx(0.1)


@scenario
async def test_goodbye_says_when_to_come_back() -> None:
    network = Network()
    async with network.connect():
        network.say(native.Goodbye(retry_after=7))
        await anyio.sleep(1)
        network.close(1012)
        await network.until(lambda: len(network.opened_at) == 2)
        assert network.opened_at[1] - network.opened_at[0] == pytest.approx(8.1, abs=0.01)


@scenario
async def test_edits_sent_too_fast_are_sent_again_after_the_time_given() -> None:
    network = Network()
    async with network.connect() as doc:
        network.holding = True
        await doc.insert(0, "x")
        await network.until(lambda: len(network.edits()) == 1)
        began = anyio.current_time()
        network.channels[-1].line.to_server.clear()
        network.holding = False
        network.say(native.ErrorReport("too_fast", "slower", seq=1, retry_after=5))
        await doc.flush()
        assert network.server.text == "x"
        assert anyio.current_time() - began == pytest.approx(5.1, abs=0.01)


@scenario
async def test_server_that_does_not_welcome_is_left_for_another_attempt() -> None:
    network = Network()
    network.holding = True
    async with anyio.create_task_group() as tasks:

        async def heal() -> None:
            await network.until(lambda: len(network.channels) == 2)
            network.holding = False
            network.deliver()

        tasks.start_soon(heal)
        async with network.connect():
            assert network.opened_at[1] - network.opened_at[0] == pytest.approx(20.1, abs=0.01)


@scenario
async def test_frame_that_is_no_message_ends_only_that_connection() -> None:
    network = Network()
    async with network.connect() as doc:
        network.channels[-1].line.to_client.append("{")
        network.channels[-1].bell.ring()
        await network.until(lambda: len(network.channels) == 2 and doc.status is Status.SAVED)


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429])
def test_passing_close_codes_are_followed_by_another_attempt(code: int) -> None:
    async def main() -> None:
        network = Network()
        async with network.connect() as doc:
            network.close(code)
            await network.until(lambda: len(network.channels) == 2)
            await doc.insert(0, "x")
        assert network.server.text == "x"

    run(main)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (1003, ProtocolFailed),
        (1007, ProtocolFailed),
        (1009, ProtocolFailed),
        (4400, ProtocolFailed),
        (4401, NotSignedIn),
        (4403, NotAllowed),
        (4404, Gone),
        (4409, Replaced),
        (4413, OverQuota),
        (4415, WrongType),
        (4499, Closed),
    ],
)
def test_final_close_codes_end_the_document(code: int, failure: type[Closed]) -> None:
    async def main() -> None:
        network = Network("abc")
        async with network.connect() as doc:
            changes = doc.changes()
            network.close(code, "so")
            with pytest.raises(failure, match="so") as caught:
                await anext(changes)
            assert caught.value.close_code == code
            assert doc.status is Status.CLOSED
            assert doc.text == "abc"
            with pytest.raises(failure):
                await doc.insert(0, "x")
            await doc.flush()
        assert len(network.channels) == 1

    run(main)


@scenario
async def test_unsaved_edits_make_a_final_failure_heard() -> None:
    network = Network("abc")
    with pytest.raises(Replaced):
        async with network.connect() as doc:
            network.holding = True
            await doc.insert(0, "x")
            network.close(4409)
            with pytest.raises(Replaced):
                await doc.flush()
            assert doc.unsaved == insert(0, "x")


@scenario
async def test_unsent_text_survives_delete_and_recreate_for_those_who_keep_trying() -> None:
    network = Network("abc")
    async with network.connect(keep_trying=True) as doc:
        network.holding = True
        await doc.insert(3, "!")
        network.refusals = [ChannelClosed(4404, "no such document") for _ in range(3)]
        network.close(4404)
        network.server.recreate("epoch-2", "new ")
        network.holding = False
        await doc.flush()
        assert doc.text == network.server.text == "new !"
        assert doc.epoch == "epoch-2"


@scenario
async def test_refused_handshake_after_a_welcome_is_passing_trouble() -> None:
    network = Network()
    async with network.connect() as doc:
        network.refusals = [ChannelClosed(4403, "HTTP status 403", refused=True)]
        network.close()
        await network.until(lambda: len(network.channels) == 2)
        await doc.insert(0, "x")


# Opening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "failure"), [(4404, NotFound), (4401, NotSignedIn)])
def test_final_refusal_is_raised_by_connect(code: int, failure: type[Closed]) -> None:
    async def main() -> None:
        network = Network()
        network.refusals = [ChannelClosed(code)]
        with pytest.raises(failure) as caught:
            async with network.connect():
                raise AssertionError("never entered")
        assert not isinstance(caught.value, Gone)

    run(main)


@scenario
async def test_unreachable_server_is_tried_for_a_while() -> None:
    network = Network()
    network.down = True
    with pytest.raises(Unreachable, match="refused"):
        async with network.connect(open_seconds=5):
            raise AssertionError("never entered")
    assert anyio.current_time() == pytest.approx(5)
    assert len(network.opened_at) > 4


@scenario
async def test_each_connection_asks_for_a_fresh_token() -> None:
    network = Network()
    tokens = iter(["one", "two", "three"])

    async def token() -> str:
        await anyio.lowlevel.checkpoint()
        return next(tokens)

    async with network.connect(token=token):
        network.close(4401)  # it ran out while we were connected
        await network.until(lambda: len(network.hellos()) == 2)
        assert [hello.token for hello in network.hellos()] == ["one", "two"]


@scenario
async def test_function_that_gives_a_token_need_not_be_awaited() -> None:
    network = Network()
    tokens = iter(["one", None])
    async with network.connect(token=lambda: next(tokens)):
        network.close(4401)
        await network.until(lambda: len(network.hellos()) == 2)
        assert [hello.token for hello in network.hellos()] == ["one", None]


@scenario
async def test_token_that_is_a_text_is_not_shown_again_when_it_has_ended() -> None:
    network = Network()
    async with network.connect(token="one") as doc:
        network.close(4401, "not_signed_in: the token has expired")
        await network.until(lambda: doc.status is Status.CLOSED)
        with pytest.raises(NotSignedIn, match="expired"):
            await doc.insert(0, "x")
    assert len(network.hellos()) == 1


@scenario
async def test_changed_right_is_news_on_this_connection_and_by_the_next() -> None:
    network = Network()
    async with network.connect(client_id="client-0123456789") as doc:
        changes = doc.access_changes()
        assert doc.access == "write"
        network.say(native.AccessChange("read"))
        assert await anext(changes) == doc.access == "read"
        network.server.access["client-0123456789"] = "admin"
        network.close()
        await network.until(lambda: doc.status is Status.OFFLINE)
        assert doc.access == "read"
        assert await anext(changes) == doc.access == "admin"
        network.close(4403)
        with pytest.raises(NotAllowed):
            await anext(changes)
    assert len(network.hellos()) == 2


@scenario
async def test_close_that_says_when_to_come_back() -> None:
    network = Network()
    async with network.connect():
        network.close(4429, "too_many_connections: 5 are open: again in 7 s")
        await network.until(lambda: len(network.opened_at) == 2)
        assert network.opened_at[1] - network.opened_at[0] == pytest.approx(7.1, abs=0.01)


@pytest.mark.parametrize(
    ("code", "reason", "seconds"),
    [
        (4429, "too_many_edits: more than 4 edits a second: again in 3 s", 3),
        (4429, "HTTP status 429: again in 2 s", 2),
        (1013, "too_many_connections: again in 1 s", 1),
        (4429, "again in 999999 s", 60),
        (4429, "again in 3 s, or so", 0),
        (4429, "again in 99999999999999999999 s", 0),
        (4429, "again in \u0663 s", 0),
        (4429, "", 0),
        (1006, "again in 3 s", 0),
    ],
)
def test_how_long_a_close_asks_to_stay_away(code: int, reason: str, seconds: float) -> None:
    assert retry_after_of(code, reason) == seconds


@pytest.mark.parametrize(
    "code",
    ["too_many_connections", "too_many_documents", "too_fast", "store_failure", "quarantined"],
)
def test_denial_that_passes_is_not_final(code: str) -> None:
    assert close_code_of_denial(f"{code}: more: again in 1 s") == native.CloseCode.TRY_LATER


@scenario
async def test_token_that_cannot_be_had_now_is_passing_trouble() -> None:
    network = Network()
    failures = [OSError("offline"), RuntimeError("still")]

    async def token() -> str:
        await anyio.lowlevel.checkpoint()
        if failures:
            raise failures.pop()
        return "t"

    async with network.connect(token=token):
        assert network.hellos()[0].token == "t"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://h:8000", "ws://h:8000/v1/documents/a:b@c~d/socket"),
        ("https://h/", "wss://h/v1/documents/a:b@c~d/socket"),
        ("ws://h/prefix/", "ws://h/prefix/v1/documents/a:b@c~d/socket"),
        ("wss://h", "wss://h/v1/documents/a:b@c~d/socket"),
    ],
)
def test_socket_of_a_document(base: str, expected: str) -> None:
    assert socket_url(base, "a:b@c~d") == expected


@pytest.mark.parametrize("base", ["ftp://h", "localhost:8000", "", "http://"])
def test_what_is_no_server_url_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        socket_url(base, "notes")


# Peers and messages ------------------------------------------------------------------------------


@scenario
async def test_messages_reach_the_others_only() -> None:
    network = Network()
    async with network.connect() as a, network.connect() as b:
        inbox = b.messages()
        await a.send_message({"ping": [1, 2]})
        message = await anext(inbox)
        assert (message.author, message.body) == (a.author, {"ping": [1, 2]})


@scenario
async def test_messages_need_a_connection() -> None:
    network = Network()
    async with network.connect() as doc:
        network.down = True
        network.close()
        await network.until(lambda: doc.status is Status.OFFLINE)
        with pytest.raises(Offline):
            await doc.send_message("hello?")


@scenario
async def test_unread_messages_are_bounded_and_counted() -> None:
    network = Network()
    async with network.connect() as doc:
        inbox = doc.messages()
        for number in range(WAITING_MESSAGES + 3):
            network.say(native.PeerMessage("f" * 16, None, number))
        network.say(native.AccessChange("admin"))
        await network.until(lambda: inbox.missed == 3)
        assert (await anext(inbox)).body == 3


@scenario
async def test_presence_shows_selections_in_string_indices() -> None:
    network = Network("😀😀abc")
    async with network.connect() as a, network.connect() as b:
        updates = a.presence.updates()
        await b.presence.set({"name": "Bea"}, selection=(2, 4))
        peers = await anext(updates)
        assert peers[b.author].selection == (2, 4)
        assert peers[b.author].state["selection"] == {"anchor": 4, "head": 6}
        await a.insert(0, "é😀")
        assert a.presence.peers[b.author].selection == (4, 6)
        await b.presence.clear()
        assert await anext(updates) == {}
        with pytest.raises(IndexError):
            await b.presence.set({}, selection=99)


@scenario
async def test_presence_that_cannot_be_sent_is_refused_at_once() -> None:
    network = Network()
    async with network.connect() as doc:
        with pytest.raises(TypeError):
            await doc.presence.set({"me": object()})
        with pytest.raises(ValueError, match="4096 bytes"):
            await doc.presence.set({"me": "x" * 5000})
