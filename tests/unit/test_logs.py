"""What the log tells of a failure, and what it keeps to itself."""

from __future__ import annotations

import io
import json
import logging
import sys
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
