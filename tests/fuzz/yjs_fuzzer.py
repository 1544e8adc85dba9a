"""`python -m tests.fuzz.yjs_fuzzer SEED COUNT LAST`: offers a guarded replica COUNT bad updates.

A program of its own, because pycrdt may die of one: then the file LAST holds the state and the
update it died of, as two lines of hex. stdout: one JSON object, how often each thing happened.
Exits with 1 at the first panic, error or effect that the guard did not foresee.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from random import Random

from collab.errors import InvalidOperation
from collab.types.yjs_guard import Guard, check_awareness, check_state_vector, read_update
from tests.fuzz.yjs_documents import deliveries
from tests.fuzz.yjs_hostile import mutate, senseless
from tests.fuzz.yjs_replicas import Replica

DOCUMENTS = 60
SENSELESS_STEPS = 12


def main(seed: int, count: int, last: str) -> int:
    random = Random(seed)
    happened: Counter[str] = Counter()
    # Not closed: the process may end in the middle of anything.
    fd = os.open(last, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        _mutants(random, count // 2, happened, fd)
        _nonsense(random, count - count // 2, happened, fd)
        _vectors(random, count // 10, happened)
    except BaseException as error:  # pycrdt's panics are no Exceptions
        json.dump({**happened, "error": f"{type(error).__name__}: {error}"}, sys.stdout)
        return 1
    json.dump(happened, sys.stdout)
    return 0


def _mutants(random: Random, count: int, happened: Counter[str], fd: int) -> None:
    cases: list[tuple[bytes, bytes, Guard]] = []
    for _ in range(DOCUMENTS):
        replica = Replica()
        for raw in deliveries(random):
            state = replica.document.get_update()
            if len(raw) > 4:
                cases.append((state, raw, Guard.of(read_update(state))))
            replica.offer(raw)
    updates = [raw for _, raw, _ in cases]
    for _ in range(count):
        state, raw, guard = random.choice(cases)
        mutant = mutate(random, raw, updates)
        # Most are refused: then no replica has to be made for them.
        try:
            checked = guard.check(read_update(mutant))
        except InvalidOperation:
            happened["mutants refused"] += 1
            continue
        if checked.gap:
            happened["mutants with a gap"] += 1
            continue
        _remember(fd, state, mutant)
        Replica(state).offer(mutant)
        happened["mutants applied"] += 1


def _nonsense(random: Random, count: int, happened: Counter[str], fd: int) -> None:
    replica = Replica()
    for step in range(count):
        if step % SENSELESS_STEPS == 0:
            replica = Replica()
        raw = senseless(random, replica.guard._held.clocks)
        _remember(fd, replica.document.get_update(), raw)
        try:
            checked = replica.offer(raw)
        except InvalidOperation:
            happened["nonsense refused"] += 1
        else:
            happened["nonsense with a gap" if checked.gap else "nonsense applied"] += 1


def _vectors(random: Random, count: int, happened: Counter[str]) -> None:
    replica = Replica()
    for raw in deliveries(random):
        replica.offer(raw)
    vector = replica.document.get_state()
    awareness = b"\x02\x05\x01\x0c" + b'{"name":"a"}' + b"\x06\x01\x04null"
    for _ in range(count):
        mutant = mutate(random, vector, [vector])
        try:
            check_state_vector(mutant)
        except InvalidOperation:
            happened["state vectors refused"] += 1
        else:
            replica.document.get_update(mutant)
            happened["state vectors answered"] += 1
        try:
            check_awareness(mutate(random, awareness, [vector, awareness]))
        except InvalidOperation:
            happened["awareness refused"] += 1
        else:
            happened["awareness read"] += 1


def _remember(fd: int, state: bytes, raw: bytes) -> None:
    line = f"{state.hex()}\n{raw.hex()}\n".encode()
    os.ftruncate(fd, len(line))
    os.pwrite(fd, line, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
