"""Logs of yjs documents that several people edit, and the state after each commit.

Owns how updates become commits, which is as the server does it. The updates are random and honest.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from collab.types import Candidate
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_replica import Change
from tests.fuzz.yjs_documents import deliveries


@dataclass(frozen=True)
class YjsLog:
    """`states[n]` is the state after the first n of `changes`."""

    changes: list[Change]
    states: list[Still]


def random_log(seed: int, steps: int = 40) -> YjsLog:
    """What comes of random edits by three clients."""
    replica = YJS.empty()
    log = YjsLog([], [YJS.still(replica)])
    for raw in deliveries(Random(seed), steps):
        placement = YJS.place(
            replica, [Candidate(YJS.parse(raw), None, named=False)], max_bytes=1 << 30
        )
        for change, _ in placement.commits:
            YJS.settle(replica)
            log.changes.append(change)
            log.states.append(YJS.still(replica))
    return log
