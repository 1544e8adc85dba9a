"""What this process counts and times for its operators: plain objects, imported by whoever counts.

Owns their names, labels and buckets. Knows nothing of what it measures. What can be looked at when
somebody asks is not counted here (`collab.gauges`). Counting is done per batch or per call, never
per edit and peer. No label ever holds a document, a user or an address: those are private, and
without end; every label here has few values.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

COUNTED: Final = CollectorRegistry()
"""Everything below, and what the system knows of the process."""

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

ProcessCollector(registry=COUNTED)

COMMITS: Final = Counter(
    "collab_commits_total", "Commits that this node has made durable.", registry=COUNTED
)
BATCH_EDITS: Final = Histogram(
    "collab_batch_edits",
    "Edits of one document that were ordered as one batch.",
    buckets=_SIZES,
    registry=COUNTED,
)
COMMIT_SECONDS: Final = Histogram(
    "collab_commit_seconds",
    "From taking a batch to its answers, with every conflict on the way.",
    buckets=_SECONDS,
    registry=COUNTED,
)
CONFLICTS: Final = Counter(
    "collab_conflicts_total",
    "Batches that found commits of another node in their place and were ordered again.",
    registry=COUNTED,
)
GROUP_DOCUMENTS: Final = Histogram(
    "collab_group_documents",
    "Documents whose batches were stored in one transaction.",
    buckets=_SIZES,
    registry=COUNTED,
)
OPEN_SECONDS: Final = Histogram(
    "collab_open_seconds",
    "Opening a document: reading it from the store and replaying its newest commits.",
    buckets=_SECONDS,
    registry=COUNTED,
)
STORE_SECONDS: Final = Histogram(
    "collab_store_seconds",
    "Calls of the store.",
    ["call"],
    buckets=_SECONDS,
    registry=COUNTED,
)
STORE_FAILURES: Final = Counter(
    "collab_store_failures_total",
    "Calls that the store did not answer, or answered with a failure.",
    ["call"],
    registry=COUNTED,
)
NEWS: Final = Counter(
    "collab_news_total",
    "News to and from other nodes over the bus, by what became of them.",
    ["what"],
    registry=COUNTED,
)
NEWS_SENT: Final = NEWS.labels("sent")
NEWS_HEARD: Final = NEWS.labels("heard")
NEWS_BROKEN: Final = NEWS.labels("broken")
NEWS_DROPPED: Final = NEWS.labels("dropped")
REJECTS: Final = Counter(
    "collab_rejects_total",
    "What was refused, by what it was of (edit, signal, connection, request) and the error's code.",
    ["of", "code"],
    registry=COUNTED,
)
CONNECTIONS: Final = Gauge(
    "collab_connections",
    "Open connections: websockets and event streams.",
    ["kind"],
    registry=COUNTED,
)
REQUEST_SECONDS: Final = Histogram(
    "collab_request_seconds",
    "HTTP requests, up to the first byte of the answer.",
    ["method", "status"],
    buckets=_SECONDS,
    registry=COUNTED,
)
STALL_SECONDS: Final = Histogram(
    "collab_loop_stall_seconds",
    "How much longer than asked for the event loop slept, ten times a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=COUNTED,
)


def reject(of: str, code: str) -> None:
    """Count that something was refused; `code` is one of the errors' codes."""
    REJECTS.labels(of, code).inc()


def node_name() -> str:
    """What tells this process from every other: its machine and its number there."""
    return f"{socket.gethostname()}-{os.getpid()}"
