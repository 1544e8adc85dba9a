"""The conversations that every client's core replays: up to date, and ours keeps to them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from collab.protocols import native
from collab_client import wire
from collab_client.core import Replica
from collab_client.events import Event
from collab_client.peers import Selection
from tests.vectors.recording import FILE, encoded, plain, standing, told

CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
DOINGS = ("open", "edit", "receive", "lose", "present")
MAX_BYTES = 300_000


def do(replica: Replica, step: dict[str, Any]) -> tuple[list[Event], list[native.ClientMessage]]:
    (doing,) = (doing for doing in DOINGS if doing in step)
    argument = step[doing]
    match doing:
        case "open":
            return [], [replica.connection_opened()]
        case "lose":
            return replica.connection_lost(), []
        case "edit":
            replica.edit(wire.decode(msgspec.json.encode(argument)))
            return [], replica.to_send()
        case "present":
            selection = argument["selection"]
            replica.company.present(argument["state"], selection and Selection(**selection))
            return [], replica.to_send()
    events = replica.receive(native.decode_server(json.dumps(argument)))
    return events, replica.to_send()


def test_the_file_is_what_the_generator_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == encoded(), "python -m tests.vectors writes it anew"


def test_the_file_is_of_modest_size_and_shows_every_kind_of_step_and_event() -> None:
    assert FILE.stat().st_size < MAX_BYTES
    steps = [step for case in CASES for step in case["steps"]]
    assert {doing for step in steps for doing in DOINGS if doing in step} == set(DOINGS)
    events = {event["type"] for step in steps for event in step["events"]}
    assert events >= {"changed", "saved", "refused", "peers", "reconnect", "access", "error"}
    heard = {step["receive"]["type"] for step in steps if "receive" in step}
    assert heard >= {"welcome", "reset", "edits", "ack", "presence", "error"}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_core_does_as_written(case: dict[str, Any]) -> None:
    replica = Replica(case["client"])
    shown: Any = []
    for step in case["steps"]:
        events, messages = do(replica, step)
        shown = step.get("local", shown)
        assert [told(event) for event in events] == step["events"]
        assert [json.loads(native.encode(message)) for message in messages] == step["sends"]
        assert plain(replica.local.to_delta()) == shown
        assert standing(replica) == {key: step[key] for key in standing(replica)}
