"""What has to hold for every document, whatever has happened to the nodes that served it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from collab.types.known import document_type
from collab.words import Commit
from collab_client import LiveDocument
from tests.integration.nodes.cluster import Cluster
from tests.integration.nodes.watch import Seen
from tests.integration.nodes.writers import DOCUMENTS, FILLER, Crowd, Writer
from tests.integration.talk import http

CONVERGED_SECONDS = 30.0


async def log_of(cluster: Cluster, document: str) -> list[Commit]:
    """The document's whole log, as it is stored."""
    stored = await cluster.store.get(document)
    assert stored is not None
    log: list[Commit] = []
    while page := await cluster.store.read(document, stored.epoch, len(log), 1000):
        log += page
    return log


def text_of(type: str, log: Sequence[Commit]) -> str:
    """What the operations of a log make of nothing, one after the other; fails at a gap."""
    assert [commit.version for commit in log] == list(range(1, len(log) + 1))
    kind = document_type(type)
    state = kind.empty()
    for commit in log:
        state = kind.settle(kind.apply(state, kind.decode(commit.operation)))
    return kind.render(state, "text").decode()


def check_told(type: str, log: Sequence[Commit], writers: Iterable[Writer]) -> None:
    """All that clients at one document were told, or shown of others' work, is in the log; each
    edit is there once."""
    text = text_of(type, log)
    counts = Counter(text)
    del counts[FILLER]
    assert set(counts.values()) <= {1}
    if type != "yjs":  # whose sockets need no names
        names = [(credit.author, credit.seq) for commit in log for credit in commit.credits]
        assert len(set(names)) == len(names) == len(log)
    for writer in writers:
        lost = writer.told - counts.keys()
        assert not lost, f"client {writer.number} was told of {len(lost)} edits that are not there"
        assert not writer.watch.contradictions
        newest = max(writer.watch.commits, default=0)
        assert newest <= len(log), f"client {writer.number} was shown version {newest}"
        for version, seen in writer.watch.commits.items():
            assert seen == _seen(log[version - 1]), f"client {writer.number}, version {version}"
        for version, contents in writer.watch.contents:
            assert text_of(type, log[:version]) == _plain(contents)


def _seen(commit: Commit) -> Seen:
    [credit] = commit.credits
    operation = json.dumps(json.loads(commit.operation), sort_keys=True)
    return Seen(credit.author, credit.seq, operation)


def _plain(contents: Any) -> str:
    return contents if isinstance(contents, str) else "".join(op["insert"] for op in contents)


async def prove(crowd: Crowd) -> int:
    """Everybody has stopped and saved: log, nodes and clients agree, every edit is there once, and
    everything that anybody was ever shown was so. The number of edits."""
    cluster = crowd.cluster
    await crowd.converged(CONVERGED_SECONDS)
    for document, type in DOCUMENTS.items():
        writers = crowd.at_document(document)
        log = await log_of(cluster, document)
        check_told(type, log, writers)
        text = text_of(type, log)
        typed = {token for writer in writers for token in writer.typed}
        assert all(writer.told == writer.typed for writer in writers)
        assert set(text) - {FILLER} == typed
        for node in cluster.nodes:
            async with http(node) as api:
                assert await api.content(document) == text
                assert await api.head(document) == len(log)
        for writer in writers:
            assert writer.text == text
        contents = [each.live.contents for each in writers if isinstance(each.live, LiveDocument)]
        assert all(each == contents[0] for each in contents)
    assert cluster.defects() == []
    return sum(len(writer.typed) for writer in crowd.writers)
