"""Errors become close codes by inheritance, and reasons that tell which they are."""

from __future__ import annotations

import pytest

from collab import errors
from collab.web.closing import close_code, close_reason


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.JsonTooDeep("too deep"), 4400),
        (errors.InvalidDocumentId(), 4400),
        (errors.FrameTooLarge("too large"), 1009),
        (errors.PresenceTooLarge("too large"), 1009),
        (errors.TooFast("too fast", 1), 4429),
        (errors.TooManyEdits("too fast", 1), 4429),
        (errors.TooMuchPresence("too fast", 1), 4429),
        (errors.TooManyRequests("too fast", 1), 4429),
        (errors.TooManyConnections("too many", 1), 4429),
        (errors.TooManyDocuments("too many", 1), 4429),
        (errors.StoreFailure("away"), 1013),
        (errors.Restarting(1), 1012),
        (errors.NotSignedIn("who"), 4401),
        (errors.NotAllowed("no"), 4403),
        (errors.DocumentNotFound(), 4404),
        (errors.DocumentTooLarge(2, 1), 4413),
    ],
    ids=lambda value: value.code if isinstance(value, errors.CollabError) else "",
)
def test_every_error_has_a_code_and_its_own_reason(error: errors.CollabError, code: int) -> None:
    assert close_code(error) == code
    assert close_reason(error).startswith(f"{error.code}: ")


@pytest.mark.parametrize(("seconds", "told"), [(0.02, 1), (1, 1), (1.5, 2), (30, 30)])
def test_the_reason_says_when_to_come_back(seconds: float, told: int) -> None:
    reason = close_reason(errors.TooManyEdits("more than 1000 edits a second", seconds))
    assert reason == f"too_many_edits: more than 1000 edits a second: again in {told} s"


def test_a_long_reason_is_cut_between_characters() -> None:
    reason = close_reason(errors.Malformed("ä" * 100))
    assert len(reason.encode()) <= 123
    assert reason.endswith("ä")
