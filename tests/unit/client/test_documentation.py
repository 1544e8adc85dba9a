"""The examples of docs/client-python.md run as they stand, against the model server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import collab_client
from tests.simulation.virtual import run
from tests.unit.client.memory import Network

PAGE = Path(__file__).parents[3] / "docs" / "client-python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
PRINTED = ["saved 2", "a picture", "Inserted(index=0", "Bea (0, 5)", "I may write", "True"]


@pytest.mark.parametrize(("source", "printed"), [*zip(EXAMPLES, PRINTED, strict=True)])
def test_example_runs(
    source: str,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = Network(type_="richtext" if "richtext" in source else "text")

    def connect(url: str, document: str, **options: Any) -> Any:
        return network.connect(**options)

    monkeypatch.setattr(collab_client, "connect", connect)
    names: dict[str, Any] = {"__name__": "example"}
    exec(source, names)
    run(names["main"])
    assert printed in capsys.readouterr().out
