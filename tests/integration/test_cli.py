"""The commands, as a person uses them: real processes against a real server."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from collab import __version__
from collab.storage.schema import REVISIONS
from tests.integration.process import ServerProcess
from tests.integration.process import server as serving

PATIENCE_SECONDS = 60
SECRET = "a secret for tests that is long enough"


@dataclass(frozen=True)
class Shell:
    """Runs commands against one server, signed in as one user."""

    url: str
    token: str = ""

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "collab", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.getcwd(),
                "PYTHONUNBUFFERED": "1",
                "COLUMNS": "200",
                "COLLAB_TOKEN": self.token,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **more,
        )

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> tuple[str, str]:
        """Standard output and error of a command that talks to the server."""
        return self.local(*arguments, "--url", self.url, stdin=stdin, code=code)

    def local(self, *arguments: str, stdin: str = "", code: int = 0) -> tuple[str, str]:
        with self.start(*arguments) as process:
            out, error = process.communicate(stdin, timeout=PATIENCE_SECONDS)
        assert process.returncode == code, out + error
        assert "Traceback" not in error
        return out, error

    def refusal(self, *arguments: str, stdin: str = "") -> str:
        """The one line that a failing command says."""
        out, error = self.run(*arguments, stdin=stdin, code=1)
        assert out == ""
        (line,) = error.splitlines()
        assert line.startswith("collab: ")
        return line


def token(**docs: str) -> str:
    return jwt.encode({"sub": "ada", "docs": docs}, SECRET, algorithm="HS256")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("server"), COLLAB_SECRET_KEY=SECRET)
    process.start()
    try:
        yield process
    finally:
        assert process.stop() == 0


@pytest.fixture
def shell(server: ServerProcess) -> Shell:
    return Shell(server.url, token(**{"*": "admin"}))


def test_what_is_written_is_there(shell: Shell) -> None:
    assert "version 1" in shell.run("edit", "notes", stdin="one 😀\n")[1]
    assert "version 2" in shell.run("edit", "notes", stdin="two\n")[1]
    assert shell.run("cat", "notes")[0] == "one 😀\ntwo\n"
    shell.run("edit", "notes", "--replace", stdin="three")
    assert shell.run("cat", "notes")[0] == "three"
    assert shell.run("cat", "notes", "--version", "2")[0] == "one 😀\ntwo\n"
    delta = shell.run("cat", "notes", "--format", "json")[0]
    assert json.loads(delta) == [{"insert": "three"}]


def test_documents_are_listed(shell: Shell) -> None:
    for id in ("list:b", "list:a"):
        shell.run("edit", id, stdin="x")
    table = shell.run("documents", "--prefix", "list:")[0].splitlines()
    assert [line.split()[:3] for line in table] == [
        ["id", "type", "version"],
        ["list:a", "text", "1"],
        ["list:b", "text", "1"],
    ]
    lines = shell.run("documents", "--prefix", "list:", "--json")[0].splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["list:a", "list:b"]


def test_the_past_is_named_listed_and_shown(shell: Shell) -> None:
    shell.run("edit", "past", stdin="one")
    shell.run("versions", "past", "--name", "the first")
    shell.run("edit", "past", stdin=" two")
    out, _ = shell.run("versions", "past", "--name", "the second")
    assert [line.split()[-1] for line in out.splitlines()] == ["second", "first"]
    assert "ada" in out
    out, _ = shell.run("versions", "past", "--json")
    newest, first = (json.loads(line) for line in out.splitlines())
    assert (newest["name"], first["name"]) == ("the second", "the first")
    assert shell.run("cat", "past", "--version", str(first["version"]))[0] == "one"
    assert shell.run("cat", "past", "--at", str(newest["time"]))[0] == "one two"
    assert "a moment is" in shell.refusal("cat", "past", "--at", "yesterday")


def test_what_is_no_longer_kept_is_dropped_on_demand(shell: Shell) -> None:
    shell.run("edit", "kept-1", stdin="one")
    shell.run("edit", "kept-2", stdin="one")
    out, error = shell.run("gc", "--dry-run", "--prefix", "kept-")
    assert out == "2 documents: 0 commits and 0 milestones, 0.00 MB would be freed\n"
    assert error == ""
    out, _ = shell.run("gc", "--prefix", "kept-1")
    assert out == "1 documents: 0 commits and 0 milestones, 0.00 MB freed\n"


def test_a_name_is_erased_from_every_document(shell: Shell) -> None:
    for id in ("erase-1", "erase-2"):
        shell.run("edit", id, stdin="one")
    out, _ = shell.run("erase-user", "ada", "--prefix", "erase-")
    assert out.splitlines() == [
        "erase-1: 1 commits",
        "erase-2: 1 commits",
        "erased from 2 of 2 documents, 2 commits",
    ]
    out, _ = shell.run("erase-user", "ada", "--prefix", "erase-")
    assert out == "erased from 0 of 2 documents, 0 commits\n"


def test_who_types_into_edit_is_told_how_to_end(shell: Shell) -> None:
    terminal, keyboard = pty.openpty()
    command = [sys.executable, "-m", "collab", "edit", "typed", "--url", shell.url]
    with subprocess.Popen(
        command,
        env={**os.environ, "COLLAB_TOKEN": shell.token},
        stdin=keyboard,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Ctrl-D" in process.stderr.readline()
        os.write(terminal, b"hi\n\x04")
        assert "version 1" in process.stderr.read()
    os.close(terminal)
    os.close(keyboard)
    assert shell.run("cat", "typed")[0] == "hi\n"


def test_ids_are_shown_as_they_are(shell: Shell) -> None:
    """No smileys, no markup, not cut to the width of a terminal."""
    id = "shown:smile:" + "long-" * 30 + "end"
    assert shell.run("edit", id, stdin="x")[1] == f"{id} is at version 1\n"
    assert shell.run("documents", "--prefix", "shown:")[0].splitlines()[1].startswith(f"{id}  ")
    (line,) = shell.run("documents", "--prefix", "shown:", "--json")[0].splitlines()
    assert json.loads(line)["id"] == id
    assert "[/x]:smile:" in Shell("ftp://[/x]:smile:").refusal("documents")


def test_files_come_in_and_go_out_as_they_were(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").write_text("no")
    (folder / "one.txt").write_text("one\n")
    (folder / "sub" / "two.md").write_text("two é\n")
    delta = [{"insert": "bold", "attributes": {"bold": True}}, {"insert": "\n"}]
    (folder / "rich.delta.json").write_text(json.dumps(delta))
    (folder / "lost").symlink_to("nowhere")
    told = shell.run("import", str(folder), "--prefix", "io:")[1]
    assert "3 of 3 imported; skipped: 1 broken link, 1 hidden\n" in told
    shell.run("export", str(tmp_path / "out"), "--prefix", "io:")
    found = texts_below(tmp_path / "out")
    assert json.loads(found.pop("io/rich.delta.json")) == delta
    assert found == {"io/one.txt": "one\n", "io/sub/two.md": "two é\n"}
    shell.run("export", str(tmp_path / "flat"), "--prefix", "io:", "--flat")
    names = {"io:one.txt", "io:rich.delta.json", "io:sub:two.md"}
    assert texts_below(tmp_path / "flat").keys() == names
    for out in ("out", "flat"):
        assert "3 of 3" in shell.run("import", str(tmp_path / out), "--replace")[1]
    assert len(shell.run("documents", "--prefix", "io:", "--json")[0].splitlines()) == 3


def test_what_would_come_back_as_something_else_is_not_exported(
    shell: Shell, tmp_path: Path
) -> None:
    shell.run("edit", "out:a.delta.json", stdin="no Delta")
    shell.run("edit", "out:b", stdin="b")
    error = shell.run("export", str(tmp_path), "--prefix", "out:", code=1)[1]
    assert "out:a.delta.json: would come back as rich text" in error
    assert "1 of 2 exported" in error
    assert texts_below(tmp_path) == {"out/b": "b"}


def texts_below(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_files_that_cannot_come_in_are_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "bad name").write_text("x")
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "good").write_text("x")
    error = shell.run("import", str(tmp_path), "--prefix", "odd:", code=1)[1]
    (tmp_path / "bad.delta.json").write_text("[")
    assert "bad name: a document id is" in error
    assert "collab edit ID < FILE" in error
    assert "binary: is not UTF-8" in error
    assert "1 of 3 imported" in error
    error = shell.run("import", str(tmp_path / "bad.delta.json"), code=1)[1]
    assert "bad.delta.json: is not JSON" in error
    error = shell.run("import", str(tmp_path / "good"), "--prefix", "odd:", code=1)[1]
    assert "document_exists" in error


def test_tail_shows_edits_as_they_come(shell: Shell) -> None:
    shell.run("edit", "tailed", stdin="one")
    with shell.start("tail", "tailed", "--since", "0", "--url", shell.url) as process:
        assert process.stdout is not None
        assert "text at version 1" in process.stdout.readline()
        first = process.stdout.readline()
        assert "ada" in first
        assert '+"one" at 0' in first
        shell.run("edit", "tailed", stdin="two\n")
        assert '+"two\\n" at 3' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_tail_goes_on_after_the_server_was_away(shell: Shell, server: ServerProcess) -> None:
    shell.run("edit", "away", stdin="one")
    with shell.start("tail", "away", "--url", shell.url) as process:
        assert process.stdout is not None
        assert "text at version 1" in process.stdout.readline()
        server.stop()
        assert "connecting again" in process.stdout.readline()
        server.start()
        shell.run("edit", "away", stdin="two")
        seen = ""
        while '+"two" at 3' not in seen:
            seen = process.stdout.readline()
            assert seen, "tail has ended"
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def test_refusals_are_one_line(shell: Shell, server: ServerProcess, tmp_path: Path) -> None:
    assert "document_not_found" in shell.refusal("cat", "nothing")
    assert "document_not_found" in shell.refusal("tail", "nothing")
    assert "a document id is" in shell.refusal("cat", "a/b")
    shell.run("edit", "refused", stdin="x")
    assert "unknown_format" in shell.refusal("cat", "refused", "--format", "poem")
    assert "base_above_head" in shell.refusal("cat", "refused", "--version", "9")
    assert "not_signed_in" in Shell(server.url).refusal("documents")
    reader = Shell(server.url, token(refused="read"))
    assert reader.run("cat", "refused")[0] == "x"
    assert "not_allowed" in reader.refusal("edit", "refused", stdin="y")
    assert "no answer" in Shell("http://127.0.0.1:9").refusal("documents")
    assert "--url" in Shell("ftp://nowhere").refusal("documents")
    bad = tmp_path / "bad.json.gz"
    bad.write_bytes(b"no trace")
    assert "not an editing trace" in shell.refusal("replay", str(bad), "--document", "r")


def test_tokens_are_what_they_grant(server: ServerProcess) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.getcwd(),
        "COLLAB_SECRET_KEY": SECRET,
    }

    def signed(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "collab", "token", *arguments]
        return subprocess.run(
            command,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    made = signed("granted=write", "other=read", "--user", "bob").stdout.strip()
    assert "version 1" in Shell(server.url, made).run("edit", "granted", stdin="x")[1]
    assert "document_not_found" in Shell(server.url, made).refusal("cat", "elsewhere")
    short = signed("granted=read", COLLAB_SECRET_KEY="short")
    assert (short.returncode, short.stdout.count(".")) == (0, 2)
    assert "openssl rand -hex 32" in short.stderr
    wrong = signed("granted=own")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "PATTERN=none|read|write|admin" in wrong.stderr
    for arguments, said in (
        (["a b=read"], "a pattern is"),
        (["a=read", "--user", "*"], "no user is called *"),
        (["team:*=read", "--link"], "a link leads to a document"),
    ):
        refused = signed(*arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("collab: ")
        assert said in refused.stderr
    keyless = signed("granted=read", COLLAB_SECRET_KEY="")
    assert "set COLLAB_SECRET_KEY to the server's key" in keyless.stderr


def test_links_lead_to_the_documents_and_sign_in(server: ServerProcess) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.getcwd(),
        "COLLAB_SECRET_KEY": SECRET,
    }

    def links(*arguments: str, **more: str) -> list[str]:
        return subprocess.run(
            [sys.executable, "-m", "collab", "token", "--link", *arguments],
            env=environment | more,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        ).stdout.splitlines()

    for link in links("linked:a@b=write", "other=read", "team:*=read", "--url", f"{server.url}/"):
        page, _, made = link.partition("#token=")
        assert page in {f"{server.url}/d/linked:a@b", f"{server.url}/d/other"}
        assert httpx.get(page).headers["content-type"].startswith("text/html")
        Shell(server.url, made).run("edit", "linked:a@b", stdin="x")
    for settings, base in (
        ({}, "http://127.0.0.1:8000/d/a#"),
        ({"HOST": "0.0.0.0", "PORT": "81"}, "http://127.0.0.1:81/d/a#"),
        ({"HOST": "::", "COLLAB_TLS_CERT": "cert.pem"}, "https://[::1]:8000/d/a#"),
        ({"HOST": "docs.example", "PORT": "80"}, "http://docs.example:80/d/a#"),
    ):
        [link] = links("a=read", **settings)
        assert link.startswith(base)


def test_an_api_key_is_printed_once_and_lets_in(shell: Shell, tmp_path: Path) -> None:
    out, error = shell.local("api-key", "ci")
    key, entry = out.splitlines()
    assert entry.startswith("ci=sha256:")
    assert key not in error
    process = ServerProcess(tmp_path, COLLAB_API_KEYS=entry)
    process.start()
    try:
        Shell(process.url, key).run("edit", "notes", stdin="x")
        assert "not_signed_in" in Shell(process.url, entry).refusal("cat", "notes")
    finally:
        assert process.stop() == 0
    assert not any(key in line for line in process.log)
    assert "the name of an API key" in shell.local("api-key", "a b", code=1)[1]


def test_serve_lists_its_settings_and_refuses_what_is_wrong(shell: Shell) -> None:
    out, _ = shell.local("serve", "--help")
    for name in ("HOST", "PORT", "DATABASE_URL", "COLLAB_SECRET_KEY", "COLLAB_MAX_FRAME_BYTES"):
        assert name in out
    assert "sqlite:///collab.db" in out
    _, error = shell.local("serve", "--port", "99999", code=1)
    assert error.startswith("collab: PORT (--port) must be")
    assert len(error.splitlines()) == 1


def test_the_tables_are_made_without_a_word_of_alembic(tmp_path: Path) -> None:
    with serving(tmp_path) as made:
        assert (tmp_path / "collab.db").exists()
        assert not any("alembic" in line for line in made.log)


def test_migrate_makes_the_database(shell: Shell, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.getcwd(),
        "DATABASE_URL": f"sqlite:///{tmp_path}/made.db",
    }

    def migrate() -> str:
        command = [sys.executable, "-m", "collab", "migrate"]
        done = subprocess.run(
            command, env=environment, check=True, capture_output=True, timeout=PATIENCE_SECONDS
        )
        assert done.stderr == b""
        return done.stdout.decode()

    assert migrate() == f"made.db has been made (schema {REVISIONS[-1]})\n"
    assert migrate() == f"made.db is up to date (schema {REVISIONS[-1]})\n"
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"made.db", "made.db.lock"}


def test_the_version_is_told(shell: Shell) -> None:
    assert shell.local("--version")[0] == f"collab {__version__}\n"


def trace_file(path: Path, **trace: Any) -> str:
    path.write_text(json.dumps(trace))
    return str(path)


def typed(text: str, at: int = 0, deleted: int = 0) -> dict[str, Any]:
    return {"time": "2024-01-01T00:00:00Z", "patches": [[at, deleted, text]]}


@pytest.mark.parametrize("clients", ["1", "3"])
def test_a_replay_ends_with_the_recorded_text(shell: Shell, tmp_path: Path, clients: str) -> None:
    transactions = [typed(letter, at) for at, letter in enumerate("collab replays traces", 2)]
    transactions += [typed("", 2, 7), typed("", 0, 0), typed("!", 16)]
    path = trace_file(
        tmp_path / "t.json", startContent="> ", endContent="> replays traces!", txns=transactions
    )
    document = f"replayed{clients}"
    out, _ = shell.run("replay", path, "--document", document, "--clients", clients)
    assert f"{len(transactions)} edits (sequential) by {clients} clients" in out
    assert "p50" in out
    assert "it is the text that was recorded" in out
    assert shell.run("cat", document)[0] == "> replays traces!"
    error = shell.refusal("replay", path, "--document", document)
    assert "document_exists" in error


def test_a_replay_that_ends_otherwise_fails(shell: Shell, tmp_path: Path) -> None:
    path = trace_file(tmp_path / "t.json", startContent="", endContent="b", txns=[typed("a")])
    _, error = shell.run("replay", path, "--document", "otherwise", code=1)
    assert "not the one that was recorded" in error


def test_authors_of_a_concurrent_trace_see_what_they_saw(shell: Shell, tmp_path: Path) -> None:
    """Messages cross: each sees the other's first word while its own second is on its way."""

    def by(agent: int, parents: list[int], text: str, at: int) -> dict[str, Any]:
        return {**typed(text, at), "agent": agent, "parents": parents, "numChildren": 1}

    transactions = [
        by(0, [], "|", 0),
        by(0, [0], "aa", 0),  # aa|
        by(1, [0], "bb", 1),  # |bb
        by(0, [1], "AA", 2),  # aaAA|
        by(1, [2], "BB", 3),  # |bbBB
        by(0, [3, 2], "<", 7),  # aaAA|bb<
        by(1, [4, 1], ">", 0),  # >aa|bbBB
        by(0, [5], "x", 0),
        by(0, [7], "y", 0),
        by(1, [6, 5], "!", 11),  # >aaAA|bb, then < and BB in some order, then !
        by(0, [8, 9], "?", 14),
    ]
    path = trace_file(
        tmp_path / "c.json", kind="concurrent", endContent="yx>aaAA|bb<BB!?", txns=transactions
    )
    out, _ = shell.run("replay", path, "--document", "crossing")
    assert "11 edits (concurrent) by 2 clients" in out
    assert "all 2 clients and the server have the same text" in out
    text = shell.run("cat", "crossing")[0]
    assert sorted(text) == sorted("yx>aaAA|bb<BB!?")
    assert "yx" in text
    assert "aaAA|bb" in text
    assert text.endswith("!?")
