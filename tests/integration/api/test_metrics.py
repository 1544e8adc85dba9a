"""What /metrics tells, and to whom; documentation and dashboard speak of the same values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from collab.errors import StoreFailure
from collab.metrics import node_name
from collab.native_peer import NativePeer
from collab.peer import Wire
from collab.protocols import native
from collab.storage import Polled
from collab.words import Access
from tests.integration.api.asgi import Server, events, problem, serving, token

DOCS = Path(__file__).parents[3] / "docs"
KEY = "a-key-of-a-scraper-that-is-long-enough"

pytestmark = pytest.mark.anyio


async def scrape(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and its labels but the node, which has to be ours."""
    answer = await server.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("node") == node_name()
            found[sample.name, frozenset(labels.items())] = sample.value
    return found


class Change:
    """What has changed since the first look; the counters are of the whole process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self._after = self._before

    async def begin(self) -> None:
        self._before = await scrape(self._server)

    async def look(self) -> None:
        self._after = await scrape(self._server)

    def of(self, name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        return self._after.get(key, 0) - self._before.get(key, 0)

    def now(self, name: str, **labels: str) -> float:
        return self._after[name, frozenset(labels.items())]


@pytest.fixture
async def change(server: Server) -> Change:
    change = Change(server)
    await change.begin()
    return change


async def test_commits_and_what_they_take_are_counted(server: Server, change: Change) -> None:
    await server.make("notes")
    for _ in range(3):
        await server.type("notes", "x")
    await change.look()
    assert change.of("collab_commits_total") == 3
    assert change.of("collab_batch_edits_sum") == 3
    assert change.of("collab_commit_seconds_count") == 3
    assert change.of("collab_commit_seconds_sum") > 0
    assert change.of("collab_group_documents_sum") == 3
    assert change.of("collab_store_seconds_count", call="append") == 3
    assert change.of("collab_store_seconds_count", call="load") == 1
    assert change.of("collab_open_seconds_count") == 1
    assert change.now("collab_unsaved_versions") == 3
    assert change.now("collab_sessions", type="text") == 1
    assert change.now("collab_sessions", type="yjs") == 0


async def test_readers_are_counted_while_they_are_there(server: Server, change: Change) -> None:
    await server.make("notes")
    async with events(server, "notes") as reader:
        await reader.event()
        await change.look()
        assert change.now("collab_peers", type="text") == 1
        assert change.of("collab_connections", kind="events") == 1
    await change.look()
    assert change.now("collab_peers", type="text") == 0
    assert change.of("collab_connections", kind="events") == 0


class Stuck(Wire[str, str]):
    """The wire of a client that says hello and never reads."""

    def __init__(self) -> None:
        self.full = anyio.Event()

    async def receive(self) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(self, frame: str) -> None:
        self.full.set()
        await anyio.sleep_forever()


async def test_how_far_peers_are_behind_is_looked_at(server: Server, change: Change) -> None:
    await server.make("notes")
    hello = native.Hello(client="a-client-of-this-test")
    wire = Stuck()
    async with server.registry.open("notes") as session, anyio.create_task_group() as tasks:
        settings = server.registry.settings
        peer = NativePeer(session, wire, hello, user=None, access=Access.READ, settings=settings)
        tasks.start_soon(peer.run)
        with anyio.fail_after(5):
            await wire.full.wait()
        for _ in range(11):
            await server.type("notes", "x")
        await change.look()
        tasks.cancel_scope.cancel()
    assert change.now("collab_lag_versions") == 11
    behind = [change.now("collab_lagging_peers", versions=each) for each in ("1", "10", "100")]
    assert behind == [1, 1, 0]


async def test_refusals_are_counted_by_code(server: Server, change: Change) -> None:
    await server.make("notes")
    await server.type("notes", "x", base=77)
    await server.client.get("/v1/documents/nothing-here")
    async with events(server, "notes") as reader:
        await reader.event()
        await server.client.delete("/v1/documents/notes")
        while (await reader.event()).kind != "goodbye":
            pass
    await change.look()
    rejects = "collab_rejects_total"
    assert change.of(rejects, of="edit", code="base_above_head") == 1
    assert change.of(rejects, of="request", code="base_above_head") == 1
    assert change.of(rejects, of="request", code="document_not_found") == 1
    assert change.of(rejects, of="connection", code="document_not_found") == 1


async def test_requests_are_timed_by_method_and_kind_of_status(
    server: Server, change: Change
) -> None:
    await server.client.get("/v1/documents/nothing-here")
    await server.client.request("BREW", "/v1/documents")
    await change.look()
    timed = "collab_request_seconds_count"
    assert change.of(timed, method="GET", status="4xx") == 1
    assert change.of(timed, method="other", status="4xx") == 1
    assert change.of(timed, method="GET", status="2xx") == 1  # the first look


async def test_nothing_in_it_names_a_document_or_a_user(server: Server) -> None:
    await server.make("secret-plans")
    await server.type("secret-plans", "x")
    async with events(server, "secret-plans") as reader:
        await reader.event()
        page = (await server.client.get("/metrics")).text
    for name in ("secret-plans", "alice", "127.0.0.1"):
        assert name not in page


async def test_only_who_administers_everything_may_ask(server: Server) -> None:
    async def ask(bearer: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {"Authorization": ""}
        return await server.client.get("/metrics", headers=headers)

    assert (await ask(token())).status_code == 200
    assert problem(await ask(None), 401) == "not_signed_in"
    assert problem(await ask(token("bob", **{"*": "write"})), 403) == "not_allowed"
    assert problem(await ask(token("bob", notes="admin")), 403) == "not_allowed"


async def test_an_operator_who_was_restricted_may_not_ask(server: Server) -> None:
    bob = {"Authorization": f"Bearer {token('bob')}"}
    assert (await server.client.get("/metrics", headers=bob)).status_code == 200
    grant = {"document": "*", "user": "bob", "access": "read"}
    assert (await server.client.post("/v1/access", json=grant)).status_code == 200
    assert problem(await server.client.get("/metrics", headers=bob), 403) == "not_allowed"


async def test_an_api_key_and_anybody_in_development_mode_may_ask() -> None:
    async with serving(api_keys=SecretStr(f"scraper={KEY}")) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        assert (await server.client.get("/metrics", headers=headers)).status_code == 200
    async with serving(secret_key=None) as server:
        headers = {"Authorization": "", "Host": "localhost"}
        assert (await server.client.get("/metrics", headers=headers)).status_code == 200


async def test_a_store_that_fails_shows_and_hides_nothing_else(
    server: Server, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change.look()
    assert change.now("collab_store_up") == 1

    async def fails(*_: Any) -> Any:
        raise StoreFailure("down")

    store = server.registry.store
    monkeypatch.setattr(store, "poll", fails)
    monkeypatch.setattr(store, "grants", fails)
    await change.look()
    assert change.now("collab_store_up") == 0
    writer = {"Authorization": f"Bearer {token('bob', **{'*': 'write'})}"}
    refused = await server.client.get("/metrics", headers=writer)
    assert refused.status_code in (403, 503)


async def test_a_store_that_hangs_delays_the_answer_by_a_bounded_time(
    server: Server, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: Any) -> Polled:
        await anyio.sleep_forever()
        raise AssertionError

    store = server.registry.store
    monkeypatch.setattr(store, "poll", hangs)
    monkeypatch.setattr(store, "grants", hangs)
    with anyio.fail_after(10):
        await change.look()
    assert change.now("collab_store_up") == 0


async def test_draining_shows(server: Server, change: Change) -> None:
    await change.look()
    assert change.now("collab_up") == 1
    await server.registry.drain()
    await change.look()
    assert change.now("collab_up") == 0


# What is written about them ----------------------------------------------------------------------


async def kinds(server: Server) -> dict[str, tuple[str, set[str]]]:
    """Every metric with its kind and its labels, after something has happened to each."""
    await server.make("notes")
    await server.type("notes", "x", base=77)
    await server.type("notes", "x")
    async with events(server, "notes") as reader:
        await reader.event()
        with pytest.MonkeyPatch.context() as patch:

            async def fails(*_: Any) -> Any:
                raise StoreFailure("down")

            patch.setattr(server.registry.store, "load", fails)
            answer = await server.client.post("/v1/documents/later/edits", json={"operation": []})
            assert answer.status_code == 503
        found: dict[str, tuple[str, set[str]]] = {}
        page = (await server.client.get("/metrics")).text
    for family in text_string_to_metric_families(page):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = family.type, labels - {"node", "le"}
    return found


async def test_the_table_in_the_documentation_is_what_there_is(server: Server) -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|", (DOCS / "metrics.md").read_text(), re.MULTILINE
    )
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    found = await kinds(server)
    assert documented == found


async def test_the_dashboard_draws_what_there_is(server: Server) -> None:
    dashboard = json.loads((DOCS / "grafana" / "collab.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    drawn = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    drawn += " ".join(
        variable.get("definition", "") for variable in dashboard["templating"]["list"]
    )
    found = await kinds(server)
    known = {
        f"{name}{ending}"
        for name, (kind, _) in found.items()
        for ending in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    named = set(re.findall(r"\b(?:collab|process)_\w+", drawn))
    assert named <= known
    needed = {
        "collab_commits_total",
        "collab_batch_edits_bucket",
        "collab_commit_seconds_bucket",
        "collab_lag_versions",
        "collab_sessions",
        "collab_peers",
        "collab_rejects_total",
        "collab_loop_longest_stall_seconds",
        "collab_store_up",
    }
    assert needed <= named
    by = set(re.findall(r"by \(([^)]*)\)", drawn))
    labels = {label.strip() for each in by for label in each.split(",")}
    assert labels <= {"le", "node"} | {label for _, given in found.values() for label in given}


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads((DOCS / "grafana" / "collab.json").read_text())
    assert dashboard["schemaVersion"] >= 36
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
