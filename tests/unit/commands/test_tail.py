"""How the lines of an event stream become events."""

from __future__ import annotations

from collab.commands.tail import Event, parse_events


def test_events_are_parsed_and_comments_passed_over() -> None:
    lines = [
        ": still here",
        "",
        "event: welcome",
        "id: e:1",
        'data: {"version":1}',
        "",
        "event: message",
        'data: {"body":',
        "data: 2}",
        "",
        "event: cut off",
        "data: 1",
    ]
    assert list(parse_events(iter(lines))) == [
        Event("welcome", "e:1", {"version": 1}),
        Event("message", "e:1", {"body": 2}),
    ]
