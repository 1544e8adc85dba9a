"""What docs/operations.md, the Procfile and the files beside it say, is tried or read."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from anyio.to_thread import run_sync

import collab_client
from collab.settings import variables
from collab_client import LiveDocument
from tests.integration.line import Eager, Line
from tests.integration.process import ServerProcess, free_port, server
from tests.integration.talk import http, seeded_random, within
from tests.requirements import require
from tests.services.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SETTINGS = {variable.name for variable in variables()}
KEY = "k" * 32
PATIENCE_SECONDS = 30.0


def blocks(language: str) -> list[str]:
    """The code of a language on the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def shell(words: str) -> str:
    """The shell lines with these words in them."""
    [block] = [block for block in blocks("sh") if words in block]
    return block


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Heroku -------------------------------------------------------------------------------------------


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A folder with a `python` that has what requirements.txt names, but not collab itself."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    [own] = {path for path in sys.path if path.endswith("site-packages")}
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "requirements.pth").write_text(own)  # whose own .pth files are not followed
    missing = subprocess.run(
        [folder / "bin" / "python", "-c", "import collab_client"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "No module named 'collab_client'" in missing.stderr
    return folder / "bin"


class Honcho:
    """Runs a line of the Procfile from the checkout, as a platform does."""

    def __init__(self, line: str, python: Path, **variables: str) -> None:
        self._log = python.parent / f"{line}.log"
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "honcho", "start", line],
                cwd=ROOT,
                env={"PATH": f"{python}:/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **variables},
                stdout=log,
                stderr=log,
            )

    def says(self, words: str) -> bool:
        """Whether it has said this so far."""
        return words in self._log.read_text()

    def stop(self) -> None:
        self._child.send_signal(signal.SIGTERM)

    def said(self) -> str:
        """All of it, when it has ended."""
        self._child.wait(PATIENCE_SECONDS)
        return self._log.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_procfile_migrates_serves_on_the_port_and_ends_in_order(
    workers: str, postgres: PostgresServer, bare_python: Path
) -> None:
    port = free_port()
    variables = {
        "DATABASE_URL": postgres.url(postgres.create_database(migrated=False)),
        "COLLAB_SECRET_KEY": KEY,
        "PORT": str(port),
        "WEB_CONCURRENCY": workers,
    }
    release = Honcho("release", bare_python, **variables)
    assert "the database has been migrated" in release.said()

    web = Honcho("web", bare_python, **variables)
    until(lambda: web.says(f"listening on http://0.0.0.0:{port}"))
    assert httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    web.stop()
    said = web.said()
    assert said.count("Finished server process") == int(workers)
    assert re.search(r"web\.1 .*stopped \(rc=0\)", said), said
    assert '"exception"' not in said
    assert "Traceback" not in said


def test_without_postgresql_the_workers_that_heroku_asks_for_are_refused_in_words(
    bare_python: Path,
) -> None:
    web = Honcho(
        "web",
        bare_python,
        COLLAB_SECRET_KEY=KEY,
        PORT=str(free_port()),
        WEB_CONCURRENCY="2",
    )
    assert "collab: WEB_CONCURRENCY must be 1, as several workers need PostgreSQL" in web.said()


def test_app_json_names_what_there_is() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert {addon["plan"] for addon in app["addons"]} == {
        "heroku-postgresql:essential-0",
        "heroku-redis:mini",
    }
    assert app["buildpacks"] == [{"url": "heroku/python"}]
    assert app["env"]["COLLAB_SECRET_KEY"]["generator"] == "secret"
    assert app["env"].keys() <= SETTINGS
    assert "web" in app["formation"]
    for name, entry in app["env"].items():
        assert entry["description"], name
        assert entry.keys() & {"generator", "value"} or entry["required"] is False, name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert app["name"] == project["name"]
    assert app["description"] == project["description"]
    python = (ROOT / ".python-version").read_text().strip()
    assert project["requires-python"] == f">={python}"


# Containers ---------------------------------------------------------------------------------------


def instructions(name: str) -> list[str]:
    """What follows an instruction of the Dockerfile, each time it is there."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [
        line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")
    ]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder of the image's program, as its last COPY lines fill it."""
    folder = tmp_path / "app"
    for copied in instructions("COPY")[-2:]:
        source, target = copied.split()
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("*.pyc"))
    return folder


def test_the_image_serves_migrates_and_is_found_healthy(
    image: Path, tmp_path: Path, bare_python: Path
) -> None:
    assert instructions("USER") == ["collab"]
    assert "--require-hashes" in instructions("RUN")[0]
    [environment] = instructions("ENV")
    settings = dict(pair.split("=", 1) for pair in environment.split())
    assert settings.pop("PATH") == "/opt/collab/bin:$PATH"
    assert settings["PYTHONPATH"] == "/app:/app/clients/python"
    assert settings["DATABASE_URL"] == "sqlite:////data/collab.db"
    port = free_port()
    settings |= {
        "PATH": f"{bare_python}:/usr/bin:/bin",
        "PYTHONPATH": settings["PYTHONPATH"].replace("/app", str(image)),
        "DATABASE_URL": f"sqlite:///{tmp_path}/collab.db",
        "PORT": str(port),
        "COLLAB_SECRET_KEY": KEY,
    }
    [entry], [command] = map(instructions, ("ENTRYPOINT", "CMD"))
    [check] = [line.partition("CMD ")[2] for line in instructions("HEALTHCHECK")]

    def healthy() -> bool:
        probe = subprocess.run(json.loads(check), env=settings, capture_output=True)
        return probe.returncode == 0

    assert not healthy()
    with subprocess.Popen(
        [*json.loads(entry), *json.loads(command)],
        cwd=image,
        env=settings,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until(healthy)
        finally:
            process.terminate()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0
    migrate = [*json.loads(entry), "migrate"]
    done = subprocess.run(migrate, cwd=image, env=settings, capture_output=True, text=True)
    assert "collab.db is up to date" in done.stdout


def test_the_context_of_the_image_has_what_it_copies_and_nothing_secret() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    shown = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    for copied in instructions("COPY"):
        source = copied.split()[-2]
        if not copied.startswith("--from"):
            assert any(path == source or path.startswith(f"{source}/") for path in shown), source
    assert all((ROOT / path).exists() for path in shown)


def test_compose_runs_the_migration_first_and_sets_what_there_is() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "migrate", "collab"}
    needed = services["collab"]["depends_on"]
    assert needed["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("migrate", "collab"):
        environment = services[name]["environment"]
        assert environment.keys() <= SETTINGS
        assert environment["COLLAB_SECRET_KEY"].startswith("${COLLAB_SECRET_KEY:?")
        assert services[name]["image"] == "collab"
    assert services["collab"]["init"] is True
    assert services["collab"]["ports"] == ["${PUBLISH:-127.0.0.1:8000}:8000"]


# A machine of one's own ---------------------------------------------------------------------------


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    require(program is not None, "systemd-analyze is not installed")
    assert program is not None
    [unit] = blocks("ini")
    file = tmp_path / "collab.service"
    file.write_text(unit.replace("/opt/collab/bin/collab", "/bin/true"))
    done = subprocess.run([program, "verify", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert unit.count("ExecStart=/opt/collab/bin/collab serve\n") == 1


def test_every_setting_on_the_page_is_one() -> None:
    named = set(re.findall(r"\b(?:COLLAB_[A-Z_]+|[A-Z]+_(?:URL|CONCURRENCY))\b", PAGE))
    tests = {name for name in named if name.startswith("COLLAB_TEST_")}
    assert named - tests <= SETTINGS


def test_the_line_that_makes_a_key_makes_one_that_is_long_enough() -> None:
    line = shell("COLLAB_SECRET_KEY")
    done = subprocess.run(
        ["bash", "-ec", f'{line}\n"{sys.executable}" -m collab token x=read --user ada'],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith("eyJ")
    assert "bytes" not in done.stderr


# Backup and restore -------------------------------------------------------------------------------


async def restored(
    process: ServerProcess, back_up: Callable[[], None], restore: Callable[[], None]
) -> None:
    """Somebody types before and after a backup, is away while it is restored and others write as
    many versions anew, and comes back."""
    line = Line()
    async with (
        http(process) as api,
        collab_client.connect(
            process.url,
            "kept",
            create="text",
            open_channel=line.open,
            random=Eager(seeded_random().random()),
        ) as document,
    ):
        await write(document, "abc")
        await run_sync(back_up)
        await write(document, "defgh")
        stale = (await api.ask("GET", "/kept/content")).headers["ETag"]
        await line.cut()
        assert await run_sync(process.stop) == 0
        await run_sync(restore)
        await run_sync(process.start)
        assert await api.content("kept") == "abc"
        for _ in range(10):
            answer = await api.ask("POST", "/kept/edits", json={"operation": [{"insert": "-"}]})
            assert answer.status_code == 200, answer.text
        headers = {"If-Match": stale, "Content-Type": "text/plain"}
        answer = await api.ask("PUT", "/kept/content", content="x", headers=headers)
        assert answer.status_code == 412, answer.text
        assert document.text == "abcdefgh"
        line.mend()
        changes = document.changes()
        while document.version != 13:
            await anext(changes)
        await write(document, "XYZ")
        assert document.text == await api.content("kept") == "-" * 10 + "abcXYZ"
        assert len(await api.log("kept")) == document.version == 16
    assert process.defects() == []


async def write(document: LiveDocument, letters: str) -> None:
    for letter in letters:
        await document.insert(len(document.text), letter)
        await document.flush()


def run_in(folder: Path, lines: str, **variables: str) -> None:
    subprocess.run(
        ["bash", "-ec", lines],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.anyio
@within(60)
async def test_a_backup_of_sqlite_can_be_restored_under_people_who_type(tmp_path: Path) -> None:
    require(shutil.which("sqlite3") is not None, "sqlite3 is not installed")
    with server(tmp_path) as process:
        await restored(
            process,
            lambda: run_in(tmp_path, shell(".backup")),
            lambda: run_in(tmp_path, shell("cp backup.db")),
        )


@pytest.mark.anyio
@within(60)
async def test_a_backup_of_postgresql_can_be_restored_under_people_who_type(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    require(shutil.which("pg_dump") is not None, "pg_dump is not installed")
    url = postgres.url(await run_sync(postgres.create_database))
    with server(tmp_path, DATABASE_URL=url) as process:
        await restored(
            process,
            lambda: run_in(tmp_path, shell("pg_dump"), DATABASE_URL=url),
            lambda: run_in(tmp_path, shell("pg_restore"), DATABASE_URL=url),
        )
