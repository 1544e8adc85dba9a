"""What the log tells of a failure, and what it keeps to itself."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from collab.errors import StoreFailure
from collab.logs import configure_logging, failure

WORDS = "what somebody wrote"


def fail(error: BaseException) -> BaseException:
    """The error, as it comes from here."""
    try:
        raise error
    except BaseException as raised:
        return raised


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Logging as the server has it; a function that gives all lines."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logging("json", "debug")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "error",
    [
        ValueError(WORDS),
        KeyError(WORDS),
        UnicodeDecodeError("utf-8", WORDS.encode(), 0, 1, WORDS),
        FileNotFoundError(2, "No such file or directory", f"/{WORDS}"),
        ExceptionGroup(WORDS, [ValueError(WORDS), TypeError(WORDS)]),
    ],
)
def test_a_failure_is_told_without_its_words(error: Exception) -> None:
    told = failure(fail(error))
    assert told.startswith(type(error).__name__)
    assert f"{__name__}:" in told
    assert "fail" in told
    assert WORDS not in told
    assert "\n" not in told
    assert str(Path(__file__).parent) not in told


def test_words_of_ours_and_of_the_system_are_told() -> None:
    assert failure(StoreFailure("the disk is full")) == "StoreFailure: the disk is full"
    assert failure(OSError(28, "No space left on device", "/x")) == (
        "OSError: No space left on device"
    )


def test_where_a_failure_came_from_is_told_too() -> None:
    error = StoreFailure("broken")
    error.__cause__ = ValueError(WORDS)
    assert failure(error) == "StoreFailure: broken from ValueError"
    error.__cause__.__cause__ = error  # they may even come from each other
    assert len(failure(error)) < 1000
    group = ExceptionGroup(WORDS, [ValueError(WORDS), KeyError(WORDS)])
    assert failure(group) == "ExceptionGroup of [ValueError; KeyError]"


def test_every_logger_tells_of_a_failure_in_one_line(logged: Any) -> None:
    for log in (logging.getLogger("any"), structlog.stdlib.get_logger("ours")):
        try:
            raise ZeroDivisionError(WORDS)
        except ZeroDivisionError:
            log.exception("it broke")
        line = logged()[-1]
        assert line["message"] == "it broke"
        assert line["level"] == "error"
        assert line["exception"].startswith(f"ZeroDivisionError at {__name__}:")
        assert WORDS not in json.dumps(line)


def test_a_task_that_nobody_waited_for_shows_nothing_of_its_failure(logged: Any) -> None:
    logging.getLogger("asyncio").error(
        "Task exception was never retrieved\nfuture: <Task exception=ValueError('%s')>",
        WORDS,
        exc_info=fail(ValueError(WORDS)),
    )
    [line] = logged()
    assert line["message"] == "Task exception was never retrieved"
    assert line["exception"].startswith("ValueError at ")
    assert WORDS not in json.dumps(line)


def test_those_who_tell_every_step_are_quiet(logged: Any) -> None:
    logging.getLogger("markdown_it.rules_block.heading").debug("entering heading")
    assert logged() == []


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
API_KEY = "collab_" + "k" * 43


@pytest.mark.parametrize("token", [JWT, JWT.rpartition(".")[0] + ".", API_KEY])
@pytest.mark.parametrize(
    "line", ["{}", "/d/{}/content", "a={}&b", "x_{}", "collab.token.{}", "{}?"]
)
def test_a_token_is_cut_out_wherever_it_is(logged: Any, token: str, line: str) -> None:
    logging.getLogger("any").info("%s", line.format(token))
    [told] = logged()
    before, _, after = line.partition("{}")
    assert told["message"] == f"{before}[redacted]{after}"


@pytest.mark.parametrize("line", ["eyJ", "eyJhello there. And", "collab_" + "k" * 39, "x.eyJ."])
def test_what_only_looks_like_a_token_stays(logged: Any, line: str) -> None:
    logging.getLogger("any").info("%s", line)
    assert [told["message"] for told in logged()] == [line]


@pytest.mark.parametrize("piece", ["eyJ", "eyJa", "collab_", "eyJ-collab_", "eyJ.", "eyJa."])
def test_a_line_takes_time_in_proportion_to_its_length(logged: Any, piece: str) -> None:
    """As with a path that is made for it: the whole server waits meanwhile."""
    since = time.perf_counter()
    logging.getLogger("any").info("/%s", piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - since < 2
    assert len(logged()) == 1
