"""Workers find each other in a directory, and forget who has died."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import structlog

from collab.errors import ConfigurationError
from collab.siblings import ANSWER_SECONDS, Answerer, Answers, open_siblings

pytestmark = pytest.mark.anyio


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    private = tmp_path / "workers"
    private.mkdir(mode=0o700)
    return private


def saying(text: bytes) -> Mapping[str, Answerer]:
    async def answer(question: bytes) -> bytes:
        return text

    return {"it": answer}


async def test_everybody_is_asked_but_oneself(directory: Path) -> None:
    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "two", saying(b"2")) as two,
        open_siblings(directory, "three", saying(b"3" * 1_000_000)),
    ):
        assert sorted(map(len, (await one.ask("it")).said)) == [1, 1_000_000]
        assert sorted(answer[:1] for answer in (await two.ask("it")).said) == [b"1", b"3"]


async def test_a_question_goes_to_who_answers_its_topic(directory: Path) -> None:
    async def twice(question: bytes) -> bytes:
        return question * 2

    answerers = {"double": twice, **saying(b"2")}
    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "two", answerers) as two,
    ):
        assert (await one.ask("double", b"a b ")).said == [b"a b a b "]
        assert (await one.ask("it", b"whatever")).said == [b"2"]
        assert await two.ask("double", b"x") == Answers([], 1)


async def test_a_question_that_is_too_long_is_not_answered(directory: Path) -> None:
    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "two", saying(b"2")),
    ):
        assert await one.ask("it", b"x" * 4096) == Answers([], 1)


async def test_who_asks_nothing_does_not_keep_others_waiting(directory: Path) -> None:
    with ExitStack() as mute:
        async with (
            open_siblings(directory, "one", saying(b"1")) as one,
            open_siblings(directory, "two", saying(b"2")),
        ):
            for _ in range(50):
                asking = mute.enter_context(socket.socket(socket.AF_UNIX))
                asking.connect(str(directory / "two.worker"))
            assert (await one.ask("it")).said == [b"2"]


async def test_who_has_left_is_not_asked(directory: Path) -> None:
    async with open_siblings(directory, "one", saying(b"1")) as one:
        async with open_siblings(directory, "two", saying(b"2")):
            assert (await one.ask("it")).said == [b"2"]
        answers = await one.ask("it")
        assert (answers.said, answers.silent) == ([], 0)
        assert os.listdir(directory) == ["one.worker"]
    assert os.listdir(directory) == []


async def test_who_has_died_is_forgotten(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as died:
        died.bind(str(directory / "dead.worker"))
        died.listen()
    async with open_siblings(directory, "one", saying(b"1")) as one:
        answers = await one.ask("it")
        assert (answers.said, answers.silent) == ([], 0)
        assert not (directory / "dead.worker").exists()


async def test_a_worker_may_have_the_name_of_one_that_died(directory: Path) -> None:
    for name in ("two.worker", "two.starting"):
        with socket.socket(socket.AF_UNIX) as died:
            died.bind(str(directory / name))
    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "two", saying(b"2")),
    ):
        assert (await one.ask("it")).said == [b"2"]


async def test_who_is_stopped_is_counted_in_bounded_time(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(directory / "stopped.worker"))
        stopped.listen()
        async with (
            open_siblings(directory, "one", saying(b"1")) as one,
            open_siblings(directory, "two", saying(b"2")),
        ):
            with anyio.fail_after(ANSWER_SECONDS + 5):
                answers = await one.ask("it")
        assert (answers.said, answers.silent) == ([b"2"], 1)


async def test_what_is_cut_off_or_has_no_end_counts_as_silence(directory: Path) -> None:
    async def never(question: bytes) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "slow", {"it": never}),
        open_siblings(directory, "loud", saying(b"3" * 5_000_000)),
    ):
        with anyio.fail_after(ANSWER_SECONDS + 5):
            answers = await one.ask("it")
    assert (answers.said, answers.silent) == ([], 2)


async def test_an_answer_that_cannot_be_made_harms_nobody(directory: Path) -> None:
    async def broken(question: bytes) -> bytes:
        raise RuntimeError("a defect")

    async with (
        open_siblings(directory, "one", saying(b"1")) as one,
        open_siblings(directory, "two", {"it": broken}),
    ):
        for _ in range(2):
            answers = await one.ask("it")
            assert (answers.said, answers.silent) == ([], 1)


async def test_a_process_without_a_free_file_answers_once_it_has_one(directory: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as asking, structlog.testing.capture_logs() as logs:
        async with open_siblings(directory, "one", saying(b"1")):
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                asking.connect(str(directory / "one.worker"))
                asking.send(b"it ")
                asking.shutdown(socket.SHUT_WR)
                with anyio.fail_after(5):
                    while not logs:  # noqa: ASYNC110
                        await anyio.sleep(0.01)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            asking.settimeout(5)
            assert {line["event"] for line in logs} == {"a worker was not heard"}
            assert await anyio.to_thread.run_sync(asking.recv, 10) == b"1"


async def test_alone_there_is_nobody_to_ask() -> None:
    async with open_siblings(None, "one", saying(b"1")) as one:
        answers = await one.ask("it")
    assert (answers.said, answers.silent) == ([], 0)


async def test_a_directory_that_others_can_use_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    file = tmp_path / "file"
    file.touch(mode=0o600)
    deep = tmp_path / ("d" * 100)
    deep.mkdir(mode=0o700)
    refused = {
        shared: "nobody else",
        file: "not a directory",
        tmp_path / "absent": "not a directory",
        deep: "cannot hold a socket",
    }
    for directory, why in refused.items():
        with pytest.raises(ConfigurationError, match=f"COLLAB_WORKERS_DIRECTORY.*{why}"):
            async with open_siblings(directory, "one", saying(b"1")):
                pass
