"""What the comparison needs besides collab: the generator, compiled here, and the peers, installed.

Everything but the npm packages lies in one folder that is gone afterwards. Linux only.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
NODE = HERE / "node"
PYPI = ("pycrdt-websocket==0.16.5", "pycrdt==0.14.13", "uvicorn==0.54.0", "websockets==17.4")
PYPI_LOOP = "uvloop==0.23.0"
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror")
_PATIENCE_SECONDS = 300


class Unavailable(Exception):
    """Something that the comparison needs is not on this machine; says what and how to get it."""


@dataclass(frozen=True, slots=True)
class Kit:
    """Where things are. `python` is an interpreter with pycrdt-websocket."""

    load: Path
    broadcast: Path
    python: Path


def find_compiler() -> str:
    """A C compiler; raises Unavailable."""
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return path
    raise Unavailable("the load generator is written in C, and there is no compiler (gcc or clang)")


def compile_generator(folder: Path) -> tuple[Path, Path]:
    """The load generator and the trivial server that it is measured against."""
    compiler = find_compiler()
    load, broadcast = folder / "load", folder / "broadcast"
    for target, sources in ((load, HERE / "load"), (broadcast, HERE / "load" / "trivial")):
        files = map(str, sorted(sources.glob("*.c")))
        _run((compiler, *_FLAGS, "-o", str(target), *files))
    return load, broadcast


def prepare(folder: Path, *, needs_node: bool, needs_pypi: bool) -> Kit:
    """Compile and install into `folder`; raises Unavailable."""
    load, broadcast = compile_generator(folder)
    if needs_node:
        if shutil.which("node") is None:
            raise Unavailable("most of the peers need Node, and there is none")
        if not (NODE / "node_modules").is_dir():
            raise Unavailable(f"the peers from npm are not installed: run npm ci --prefix {NODE}")
    python = folder / "venv" / "bin" / "python"
    if needs_pypi:
        venv.create(folder / "venv", with_pip=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run((*pip, *PYPI, PYPI_LOOP))
    return Kit(load, broadcast, python)


def npm_version(package: str) -> str:
    """The installed version of a package from npm."""
    about = json.loads((NODE / "node_modules" / package / "package.json").read_text())
    return str(about["version"])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end in {_PATIENCE_SECONDS} s") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:5])} … failed:\n{done.stderr[-2000:]}")
