"""Connections are counted by address and by user; past the limit they are refused, told once."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from collab.errors import TooManyConnections
from collab.settings import Settings
from collab.web.connections import RETRY_SECONDS, Connections, breathe, network_of


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def counting(clock: Clock | None = None) -> Connections:
    return Connections(
        Settings(connections_per_address=2, connections_per_user=1), clock or Clock()
    )


def test_an_address_may_have_so_many_and_another_one_too() -> None:
    connections = counting()
    with connections.address("192.0.2.1"), connections.address("192.0.2.1"):
        with pytest.raises(TooManyConnections) as refusal, connections.address("192.0.2.1"):
            raise AssertionError("let in")
        with connections.address("192.0.2.2"):
            pass
    assert refusal.value.retry_after == RETRY_SECONDS
    assert str(refusal.value) == "this address has 2 connections open: again in 10 s"


@pytest.mark.anyio
async def test_who_comes_back_after_a_flood_waits_by_name_or_address() -> None:
    loop = asyncio.get_running_loop()
    connections = Connections(Settings(edits_per_second=100))
    for user, host in (("ann", "192.0.2.1"), (None, "192.0.2.2")):
        with connections.share(user, host) as share:
            await breathe(share)  # at once, as nothing was sent
            while share.edits.wait(loop.time()) == 0:
                pass
    for user, host, waits in (
        ("ann", "192.0.2.9", True),
        ("ben", "192.0.2.1", False),
        (None, "192.0.2.2", True),
        (None, "192.0.2.3", False),
    ):
        with connections.share(user, host) as share:
            assert (share.held_back(loop.time()) > 0) is waits


def test_what_has_ended_counts_no_more_however_it_ended() -> None:
    connections = counting()
    for _ in range(5):
        with pytest.raises(KeyError), connections.user("ann"):
            raise KeyError
    with connections.user("ann"):
        with pytest.raises(TooManyConnections), connections.user("ann"):
            raise AssertionError("let in")
        with connections.user("bob"):
            pass
    with connections.user("ann"):
        pass


def test_who_is_nobody_is_not_counted_as_a_user() -> None:
    connections = counting()
    with ExitStack() as open_ones:
        for _ in range(10):
            open_ones.enter_context(connections.user(None))


def test_keys_without_connections_take_no_memory() -> None:
    clock = Clock()
    connections = counting(clock)
    for number in range(100):
        clock.seconds += 1
        with connections.address(f"192.0.2.{number}"), connections.address(f"192.0.2.{number}"):
            with pytest.raises(TooManyConnections), connections.address(f"192.0.2.{number}"):
                raise AssertionError("let in")
    assert connections._addresses._counts == {}
    assert len(connections._addresses._told) == 60


def test_a_refusal_is_logged_once_a_minute_for_each_address() -> None:
    clock = Clock()
    connections = counting(clock)

    def knock(host: str) -> None:
        with pytest.raises(TooManyConnections), connections.address(host):
            raise AssertionError("let in")

    with ExitStack() as open_ones, capture_logs() as logs:
        for host in ("192.0.2.1", "2001:db8::1"):
            for _ in range(2):
                open_ones.enter_context(connections.address(host))
        for second in (0, 1, 30, 59, 60, 61):
            clock.seconds = second
            knock("192.0.2.1")
            if second >= 30:
                knock("2001:db8::2")
    told = [(each["address"], each["limit"]) for each in logs]
    assert told == [("192.0.2.1", 2), ("2001:db8::/64", 2), ("192.0.2.1", 2)]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", ""),
        ("x" * 10_000, ""),
        (None, ""),
    ],
)
def test_ipv6_counts_by_its_network(host: str | None, network: str) -> None:
    assert network_of(host) == network
