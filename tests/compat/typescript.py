"""The TypeScript client as the tests have it: built by its own script, driven in Node.

Owns where it is and how Node has to be started for it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.compat.driver import Driver, running_driver
from tests.requirements import require

FOLDER = Path(__file__).parents[2] / "clients" / "typescript"
# Node 20 has the websocket of browsers behind a flag, later ones have it anyway.
_FLAGS = ("node", "--experimental-websocket", "--no-warnings")
_SECONDS = 300


def require_typescript() -> None:
    """Skip, or fail where everything has to run, unless Node and the client's packages are here."""
    require(shutil.which("npm") is not None, "Node and npm are not installed")
    require((FOLDER / "node_modules" / "vitest").is_dir(), "run `make install` for npm packages")


def run_script(name: str) -> None:
    """One of the package's scripts, which has to succeed."""
    require_typescript()
    done = subprocess.run(
        ["npm", "run", "--silent", name],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_SECONDS,
    )
    assert done.returncode == 0, f"npm run {name}:\n{done.stdout}\n{done.stderr}"


@contextmanager
def running_client() -> Iterator[Driver]:
    """Node with the built client."""
    with running_driver((*_FLAGS, "tests/driver.mjs"), FOLDER) as driver:
        yield driver


def run_module(program: str) -> str:
    """What a module prints that imports the built package by its name."""
    done = subprocess.run(
        [*_FLAGS, "--input-type=module"],
        cwd=FOLDER,
        input=program,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
