"""An earlier version of a text brought back while people type at it over real sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, http, seeded_random, within
from tests.integration.typists import Typists, typists

pytestmark = pytest.mark.anyio

ORIGINAL = "What was there at first."


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server(tmp_path_factory.mktemp("restoring")) as process:
        yield process
    assert process.defects() == []


def inserted(log: list[Json]) -> Counter[str]:
    """The characters that these commits brought."""
    return Counter("".join(op.get("insert", "") for edit in log for op in edit["operation"]))


async def text_at(api: Http, id: str, version: int) -> str:
    answer = await api.ask("GET", f"/{id}/content", params={"version": version})
    return answer.text


async def arrived(people: Typists, text: str, version: int) -> None:
    """Everybody sees this text once they have that version."""
    for document in people.documents:
        changes = document.changes()
        while document.version < version:
            await anext(changes)
        assert document.text == text


@within(120)
async def test_two_people_go_on_typing(process: ServerProcess) -> None:
    async with http(process) as api:
        await api.create("live", "text", ORIGINAL)
        async with typists(2, process.url, "live", seeded_random()) as people:
            await people.more(40)
            answer = await api.ask("POST", "/live/restore", json={"version": 1})
            restored = answer.json()
            await people.more(40)

            body = {"base": restored["version"], "operation": restored["undo"]}
            undone = (await api.ask("POST", "/live/edits", json=body)).json()
            await people.more(40)
            await people.finish()

            log = await api.log("live")
            first, second = restored["version"], undone["version"]
            since_restored, since_undone = log[first : second - 1], log[second:]
            authors = {document.author for document in people.documents}
            assert {edit["author"] for edit in since_restored} == authors
            assert {edit["author"] for edit in since_undone} == authors

            # What was there, what came while it was being restored, and all that was typed then.
            before, after = [Counter(await text_at(api, "live", v)) for v in (first - 1, first)]
            assert after >= Counter(ORIGINAL)
            assert before - after  # it did take away what had been typed
            text = await text_at(api, "live", second)
            assert Counter(text) == before + inserted(since_restored)
            text = await api.content("live")
            assert Counter(text) == before + inserted(since_restored) + inserted(since_undone)
            await arrived(people, text, len(log))
