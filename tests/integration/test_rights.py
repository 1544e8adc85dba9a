"""Who may do what: one row for each way to have a right or none, one test for each way in.

Without any right there is no such document; who was refused by name, or has too little of a right,
is told so. What is refused is neither applied nor shown to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import anyio
import pytest

from collab.protocols import hocuspocus, ywebsocket
from collab.words import ANY
from tests.integration.process import ServerProcess
from tests.integration.seats import (
    EMPTY_UPDATE,
    EventsSeat,
    HocuspocusSeat,
    NativeSeat,
    SentAway,
    Shown,
    YjsSeat,
    seat,
)
from tests.integration.signed import (
    OPERATOR,
    SECRET,
    Operator,
    operating,
    signed_server,
    token,
    visiting,
)

pytestmark = pytest.mark.anyio

STRANGER, UNKNOWN, REFUSED = "not signed in", "told nothing", "refused by name"
READ, WRITE, ADMIN = "read", "write", "admin"
_RANKS = {REFUSED: 0, READ: 1, WRITE: 2, ADMIN: 3}
_NO_RIGHT = {STRANGER: 401, UNKNOWN: 404, REFUSED: 403}


@dataclass(frozen=True)
class Row:
    """Somebody: what their token says of their documents, which grants there are, what they are."""

    name: str
    standing: str
    docs: Mapping[str, object] = field(default_factory=dict)
    """From patterns, in which DOCS stands for the row's documents, to rights."""
    grants: tuple[tuple[str, str, str], ...] = ()
    """(document, user, access), in which DOCS is each of the row's documents, USER the row's."""
    shown: str | None = None
    """The token, where it is not made of `docs`."""

    @property
    def prefix(self) -> str:
        return self.name.replace(" ", "-") + "."

    @property
    def user(self) -> str:
        return f"user of {self.name}"

    @property
    def token(self) -> str | None:
        if self.standing == STRANGER or self.shown is not None:
            return self.shown
        docs = self.docs.items()
        claim = {pattern.replace(DOCS, f"{self.prefix}*"): right for pattern, right in docs}
        return token(claim, sub=self.user)

    def status(self, needed: str, done: int = 200) -> int:
        """The status for something that needs this right."""
        if self.standing in _NO_RIGHT:
            return _NO_RIGHT[self.standing]
        return done if self.has(needed) else 403

    def has(self, right: str) -> bool:
        return _RANKS.get(self.standing, -1) >= _RANKS[right]

    @property
    def refusal(self) -> int | None:
        """The close code; None for who may read."""
        status = _NO_RIGHT.get(self.standing)
        return None if status is None else 4000 + status


DOCS, USER = "<docs>", "<user>"
EVERYTHING = ("text", "page", "doomed", "new", "copy")
"""What each row has a document called, after its prefix; the last two are not there yet."""

ROWS = (
    Row("no token", STRANGER),
    Row("no such token", STRANGER, shown="not-a-token"),
    Row("forged token", STRANGER, shown=f"{token({'*': ADMIN})[:-4]}AAAA"),
    Row("expired token", STRANGER, shown=token({"*": ADMIN}, seconds=-5)),
    Row("token for another", UNKNOWN, {"another": ADMIN}),
    Row("token without docs", UNKNOWN),
    Row("claim false", REFUSED, {DOCS: False, "*": WRITE}),
    Row("claim none", REFUSED, {"*": "none", DOCS: ADMIN}),
    Row("claim read", READ, {DOCS: READ}),
    Row("claim write", WRITE, {DOCS: WRITE}),
    Row("claim admin", ADMIN, {DOCS: ADMIN}),
    Row("claims for all", ADMIN, {"*": READ, DOCS: ADMIN}),
    Row("api key", ADMIN, shown=OPERATOR),
    Row("none over write", REFUSED, {DOCS: WRITE}, ((DOCS, USER, "none"),)),
    Row("none over admin", REFUSED, {DOCS: ADMIN}, ((DOCS, USER, "none"),)),
    Row("read over write", READ, {DOCS: WRITE}, ((DOCS, USER, READ),)),
    Row("read over admin", READ, {DOCS: ADMIN}, ((DOCS, USER, READ),)),
    Row("write over nothing", WRITE, {}, ((DOCS, USER, WRITE),)),
    Row("write over false", WRITE, {DOCS: False}, ((DOCS, USER, WRITE),)),
    Row("admin over read", ADMIN, {DOCS: READ}, ((DOCS, USER, ADMIN),)),
    Row("all documents over nothing", WRITE, {}, ((ANY, USER, WRITE),)),
    Row("this one over all", READ, {}, ((ANY, USER, WRITE), (DOCS, USER, READ))),
    Row("everybody over nothing", READ, {}, ((DOCS, ANY, READ),)),
    Row("everybody over write", READ, {DOCS: WRITE}, ((DOCS, ANY, READ),)),
    Row("everybody none over admin", ADMIN, {DOCS: ADMIN}, ((DOCS, ANY, "none"),)),
    Row("this user over everybody", WRITE, {}, ((DOCS, ANY, READ), (DOCS, USER, WRITE))),
)
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with the documents and grants of all rows."""
    with signed_server(tmp_path_factory.mktemp("rights")) as process:
        anyio.run(_furnish, process)
        yield process


async def _furnish(process: ServerProcess) -> None:
    async with operating(process) as operator:
        for row in ROWS:
            for name in ("text", "doomed"):
                await operator.create(row.prefix + name)
            await operator.create(f"{row.prefix}page", "yjs")
            for place, user, access in row.grants:
                user = row.user if user == USER else user
                ids = [row.prefix + name for name in EVERYTHING] if place == DOCS else [place]
                for id in ids:
                    await operator.grant(id, user, access)


# Over HTTP ----------------------------------------------------------------------------------------


async def ask(process: ServerProcess, row: Row, method: str, path: str, **options: object) -> int:
    async with visiting(process, row.token) as client:
        answer = await client.request(method, path, **options)  # type: ignore[arg-type]
        if answer.status_code >= 400:
            codes = {401: "not_signed_in", 403: "not_allowed", 404: "document_not_found"}
            assert answer.json()["code"] == codes[answer.status_code]
        return answer.status_code


@each_row
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/content",
        "/edits",
        "/presence",
        "/diff?from=0",
        "/restore?version=0",
        "/blame",
        "/activity",
        "/versions",
    ],
)
async def test_looking_over_http(process: ServerProcess, row: Row, path: str) -> None:
    url = f"/v1/documents/{row.prefix}text{path}"
    assert await ask(process, row, "GET", url) == row.status(READ)


@each_row
async def test_writing_over_http(process: ServerProcess, row: Row) -> None:
    url = f"/v1/documents/{row.prefix}text"
    edit = {"operation": [{"insert": "x"}]}
    async with operating(process) as operator:
        before = await operator.version(f"{row.prefix}text")
        assert await ask(process, row, "POST", f"{url}/edits", json=edit) == row.status(WRITE)
        again = {"content": b"new", "headers": {"If-Match": "*", "Content-Type": "text/plain"}}
        assert await ask(process, row, "PUT", f"{url}/content", **again) == row.status(WRITE)
        restored = await ask(process, row, "POST", f"{url}/restore", json={"version": 0})
        assert restored == row.status(WRITE)
        posted = await ask(process, row, "POST", f"{url}/messages", json={"body": 1})
        assert posted == row.status(WRITE, 204)
        changed = await ask(process, row, "PATCH", url, json={"metadata": {"title": "x"}})
        assert changed == row.status(WRITE)
        named = await ask(process, row, "POST", f"{url}/versions", json={"name": row.name})
        assert named == row.status(WRITE, 201)
        newest = f"{url}/versions/{await operator.version(f'{row.prefix}text')}"
        renamed = await ask(process, row, "PATCH", newest, json={"name": "another"})
        assert renamed == row.status(WRITE)
        assert await ask(process, row, "DELETE", newest) == row.status(WRITE, 204)
        kept = await ask(process, row, "PATCH", url, json={"retention": {"days": 9}})
        assert kept == row.status(ADMIN)
        trimmed = await ask(process, row, "POST", f"{url}/trim")
        assert trimmed == row.status(ADMIN)
        for erasing, what in (
            ("redact", {"at": 0, "length": 1, "version": before + 1}),
            ("erase-user", {"user": "nobody"}),
        ):
            erased = await ask(process, row, "POST", f"{url}/{erasing}", json=what)
            assert erased == row.status(ADMIN)
        after = await operator.version(f"{row.prefix}text")
        assert (after > before) == row.has(WRITE)


@each_row
async def test_deleting(process: ServerProcess, row: Row) -> None:
    url = f"/v1/documents/{row.prefix}doomed"
    assert await ask(process, row, "DELETE", url) == row.status(ADMIN, 204)


@each_row
async def test_making_a_document(process: ServerProcess, row: Row) -> None:
    """Of an id that nobody has yet, there is nothing to hide: who may not is told so."""
    body = {"id": f"{row.prefix}new", "type": "text"}
    expected = 401 if row.standing == STRANGER else 201 if row.has(WRITE) else 403
    assert await ask(process, row, "POST", "/v1/documents", json=body) == expected


@each_row
async def test_copying(process: ServerProcess, row: Row) -> None:
    url = f"/v1/documents/{row.prefix}text/copy"
    body = {"id": f"{row.prefix}copy"}
    assert await ask(process, row, "POST", url, json=body) == row.status(WRITE, 201)


@each_row
async def test_the_list_shows_what_may_be_read(process: ServerProcess, row: Row) -> None:
    async with visiting(process, row.token) as client:
        answer = await client.get("/v1/documents", params={"prefix": row.prefix, "limit": 1000})
    if row.standing == STRANGER:
        assert answer.status_code == 401
        return
    ids = {each["id"] for each in answer.json()["documents"]}
    assert ({f"{row.prefix}text", f"{row.prefix}page"} <= ids) == row.has(READ)
    assert bool(ids) == row.has(READ)


@each_row
async def test_granting(process: ServerProcess, row: Row) -> None:
    """Whoever administers a document decides about it, and about no other."""
    id = f"{row.prefix}text"
    asked = await ask(process, row, "GET", f"/v1/access?document={id}")
    assert asked == row.status(ADMIN)
    body = {"document": id, "user": "somebody", "access": READ}
    assert await ask(process, row, "POST", "/v1/access", json=body) == row.status(ADMIN)
    everywhere = 401 if row.standing == STRANGER else 200 if row.shown == OPERATOR else 403
    back = {"document": ANY, "user": "somebody", "access": None}
    assert await ask(process, row, "POST", "/v1/access", json=back) == everywhere
    assert await ask(process, row, "GET", "/v1/access") == everywhere


@each_row
async def test_inspecting(process: ServerProcess, row: Row) -> None:
    """For who administers everything, and never for who administers some documents."""
    id = f"{row.prefix}text"
    document = f"/v1/inspect/documents/{id}"
    operates = row.shown == OPERATOR
    refused = 401 if row.standing == STRANGER else 403
    for path in ("/v1/inspect", document, "/v1/inspect/quarantine"):
        assert await ask(process, row, "GET", path) == (200 if operates else refused)
    for method in ("PUT", "DELETE"):
        done = await ask(process, row, method, f"{document}/quarantine")
        assert done == (204 if operates else refused)
    if not operates:
        gone = f"{document}/peers/0123456789ab"
        assert await ask(process, row, "DELETE", gone) == refused


# Over the protocols -------------------------------------------------------------------------------


async def refused_to_join(process: ServerProcess, row: Row, kind: str, id: str) -> None:
    async with seat(process, kind, id, row.token) as someone:
        with pytest.raises(SentAway) as end:
            await someone.join()
        assert end.value.code == row.refusal


@each_row
async def test_the_stream_of_events(process: ServerProcess, row: Row) -> None:
    id = f"{row.prefix}text"
    if row.refusal is not None:
        await refused_to_join(process, row, "events", id)
        return
    reader: EventsSeat
    async with seat(process, "events", id, row.token) as reader, operating(process) as operator:
        await reader.join()
        await mark(operator, id, "for the reader of events")
        assert await reader.hear_text() == "for the reader of events"


@each_row
async def test_the_native_protocol(process: ServerProcess, row: Row) -> None:
    id = f"{row.prefix}text"
    if row.refusal is not None:
        await refused_to_join(process, row, "native", id)
        return
    someone: NativeSeat
    watcher: NativeSeat
    async with (
        operating(process) as operator,
        seat(process, "native", id, OPERATOR) as watcher,
        seat(process, "native", id, row.token) as someone,
    ):
        await watcher.join()
        assert await someone.join() == row.standing
        await someone.talk.say("presence", state={"at": row.name}, version=0)
        shown = await watcher.hear("presence")
        assert [peer["state"]["at"] for peer in shown["peers"]] == [row.name]

        before = await operator.version(id)
        assert await someone.write("by somebody ") == row.has(WRITE)
        await someone.talk.say("message", body="by somebody")
        if row.has(WRITE):
            assert await watcher.hear_text() == "by somebody "
            assert (await watcher.hear("message"))["body"] == "by somebody"
        else:
            assert (await someone.hear("error"))["code"] == "not_allowed"
            await mark(operator, id, "by the operator ")
            assert await watcher.hear_text() == "by the operator "
            assert "by somebody" not in await operator.text(id)
        assert await operator.version(id) == before + 1


@each_row
@pytest.mark.parametrize("kind", ["yjs", "hocuspocus"])
async def test_the_yjs_protocols(process: ServerProcess, row: Row, kind: str) -> None:
    id = f"{row.prefix}page"
    if row.refusal is not None:
        await refused_to_join(process, row, kind, id)
        return
    someone: YjsSeat
    watcher: YjsSeat
    async with (
        operating(process) as operator,
        seat(process, "yjs", id, OPERATOR) as watcher,
        seat(process, kind, id, row.token) as someone,
    ):
        await watcher.join()
        right = await someone.join()
        if isinstance(someone, HocuspocusSeat):
            assert right == (WRITE if row.has(WRITE) else READ)
        before = await operator.version(id)
        update, step_2 = f"update over {kind} ", f"step 2 over {kind} "
        assert await someone.write(update) == row.has(WRITE)
        await someone.say(ywebsocket.SyncStep2(someone.change(step_2)))
        assert await someone.saved(step_2) == row.has(WRITE)
        if row.has(WRITE):
            heard = ""
            while not heard.startswith(step_2):
                heard = await watcher.hear_text() + heard
            assert heard == step_2 + update
        else:
            await mark(operator, id, "by the operator ")
            assert await watcher.hear_text() == "by the operator "
            assert f"over {kind}" not in await operator.text(id)
            assert await operator.version(id) == before + 1


@pytest.mark.parametrize("kind", ["yjs", "hocuspocus"])
async def test_a_reader_that_has_nothing_new_is_not_refused(
    process: ServerProcess, kind: str
) -> None:
    """As every editor answers the server's question right at the start."""
    someone: YjsSeat
    id = f"quiet-{kind}"
    async with operating(process) as operator:
        await operator.create(id, "yjs")
        await mark(operator, id, "stored ")
        async with seat(process, kind, id, token({id: READ})) as someone:
            await someone.join()
            for known in (EMPTY_UPDATE, someone.doc.get_update()):
                await someone.say(ywebsocket.SyncStep2(known))
                if isinstance(someone, HocuspocusSeat):
                    assert (await someone.hear(hocuspocus.SyncStatus)).durable
            # Were one of them refused, that would come before the refusal of this, or count twice.
            await someone.say(ywebsocket.SyncUpdate(someone.change("mine ")))
            assert not await someone.saved("mine ")
            await mark(operator, id, "more ")
            heard = await someone.hear(
                ywebsocket.AuthDenied, hocuspocus.SyncStatus, ywebsocket.SyncUpdate
            )
            assert isinstance(heard, ywebsocket.SyncUpdate)
        assert await operator.version(id) == 2


@pytest.mark.parametrize("kind", ["native", "yjs", "hocuspocus"])
async def test_a_document_is_made_by_who_may_write_it_only(
    process: ServerProcess, kind: str
) -> None:
    someone: NativeSeat | YjsSeat
    for right in (READ, WRITE):
        id = f"made-over-{kind}"
        shown = token({f"{id[:6]}*": right})
        async with seat(process, kind, id, shown) as someone:
            if isinstance(someone, NativeSeat):
                await someone.talk.say("hello", client="c" * 20, token=shown, create="text")
                if right == WRITE:
                    assert (await someone.hear("welcome"))["access"] == WRITE
                else:
                    assert await someone.sent_away() == 4404
            elif right == WRITE:
                await someone.join()
                assert await someone.write("made")
            else:
                with pytest.raises(SentAway) as end:
                    await someone.join()
                assert end.value.code == 4404


# Where a token may be -----------------------------------------------------------------------------

PLACES = ("header", "subprotocol", "query")


@pytest.mark.parametrize("kind", ["native", "yjs", "hocuspocus"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_token_in_the_handshake(process: ServerProcess, kind: str, place: str) -> None:
    id = "claim-write." + ("text" if kind == "native" else "page")
    shown = token({id: WRITE})
    async with seat(process, kind, id, None, Shown(**{place: shown})) as someone:
        await someone.join()
        assert await someone.write(f"with the token in the {place} ")
    async with seat(process, kind, id, None, Shown(**{place: "not-a-token"})) as someone:
        with pytest.raises(SentAway) as end:
            await someone.join()
        assert end.value.code == 4401


@pytest.mark.parametrize(
    ("kind", "id"), [("native", "claim-write.text"), ("hocuspocus", "claim-write.page")]
)
async def test_a_token_that_is_said_counts_before_that_of_the_handshake(
    process: ServerProcess, kind: str, id: str
) -> None:
    for said, handshake in ((WRITE, READ), (READ, WRITE)):
        async with seat(process, kind, id, None, Shown(query=token({id: handshake}))) as someone:
            someone.shown = token({id: said})
            assert await someone.join() == said


def test_no_token_is_in_the_log(process: ServerProcess) -> None:
    made = [row.token for row in ROWS if row.token]
    secrets = [each.rpartition(".")[2] for each in made if "." in each]
    assert secrets
    assert [line for line in process.log if any(each in line for each in (*secrets, SECRET))] == []


async def mark(operator: Operator, id: str, text: str) -> None:
    """The operator writes at the beginning of a text or a yjs document."""
    url = f"/v1/documents/{id}"
    kind = (await operator.ask("GET", url)).json()["type"]
    edit = (
        {"operation": [{"insert": text}]}
        if kind == "text"
        else {"root": "codemirror", "operations": [{"insert": {"at": 0, "text": text}}]}
    )
    await operator.ask("POST", f"{url}/edits", json=edit)
