"""The Delta types: `text`, plain, and `richtext`, with attributes and embeds.

Owns how Deltas become operations of the log, snapshots and readable content. The algebra itself is
in `collab.ot`; a state is a `Rope`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from collab.errors import (
    CollabError,
    DocumentBroken,
    DocumentTooLarge,
    InvalidContent,
    InvalidOperation,
    UnknownFormat,
)
from collab.formats import html, markdown, quill
from collab.ot import check
from collab.ot.delta import Delta, insert
from collab.ot.diff import diff
from collab.ot.rope import Rope
from collab.ot.transform import transform_over
from collab.types import Candidate, OperationLimits, Placement

_PLAIN_FORMATS = frozenset({"text", "json"})
_RICH_FORMATS = _PLAIN_FORMATS | {"html", "markdown"}

_encoder = msgspec.json.Encoder()
_delta_decoder = msgspec.json.Decoder(Delta)
_text_decoder = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class DeltaType:
    """A DocumentType over Deltas.

    Formats: `text` is the bare text (of rich text the embeds and attributes are left out, so it
    does not read back the same), `json` the Delta's array of inserts, and of rich text `html` and
    `markdown`, whose lines are those of Quill.
    """

    name: str
    rich: bool
    limits: OperationLimits = field(default_factory=OperationLimits)

    @property
    def formats(self) -> frozenset[str]:
        return _RICH_FORMATS if self.rich else _PLAIN_FORMATS

    def empty(self) -> Rope:
        return Rope.empty()

    def parse(self, raw: bytes) -> Delta:
        """In normal form, so that what is logged does not depend on how a client spelt it."""
        return check.parse(raw, self.limits, rich=self.rich)

    def decode(self, raw: bytes) -> Delta:
        try:
            return _delta_decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DocumentBroken("a stored operation does not decode") from error

    def encode(self, operation: Delta) -> bytes:
        return _encoder.encode(operation)

    def rebase(self, operation: Delta, unseen: Sequence[Delta]) -> Delta:
        """Over each commit in turn, never over a composition of them: the two differ."""
        return transform_over(unseen, operation, True)

    def place(self, state: Rope, candidates: Sequence[Candidate], *, max_bytes: int) -> Placement:
        placed: list[Delta] = []
        commits: list[tuple[Delta, tuple[int]]] = []
        refused: dict[int, CollabError] = {}
        for index, candidate in enumerate(candidates):
            operation: Delta = candidate.operation
            try:
                if candidate.unseen is not None:
                    operation = self.rebase(operation, candidate.unseen)
                    operation = self.rebase(operation, placed)
                after = state.apply(operation)
            except InvalidOperation as error:
                refused[index] = error.with_traceback(None)  # whose frames lead back here
                continue
            if after.size > max_bytes and after.size > state.size:
                refused[index] = DocumentTooLarge(after.size, max_bytes)
                continue
            state = after
            placed.append(operation)
            commits.append((operation, (index,)))
        return Placement(state, commits, refused)

    def settle(self, state: Rope) -> Rope:
        return state

    def adds_nothing(self, state: Rope, operation: Delta) -> bool:
        """Never: an edit that changes nothing is an edit nevertheless."""
        return False

    def weight(self, operation: Delta) -> int:
        weight = len(operation)
        for op in operation:
            if isinstance(op.insert, str):
                weight += len(op.insert) >> 9  # its length is counted in units
        return weight

    def apply(self, state: Rope, operation: Delta) -> Rope:
        return state.apply(operation)

    def size(self, state: Rope) -> int:
        return state.size

    def dump(self, state: Rope) -> bytes:
        return self.contents(state)

    def load(self, raw: bytes) -> Rope:
        try:
            if self.rich:
                return Rope.of(_delta_decoder.decode(raw))
            return _plain(_text_decoder.decode(raw))
        except (
            msgspec.MsgspecError,
            UnicodeDecodeError,
            RecursionError,
            InvalidOperation,
        ) as error:
            raise DocumentBroken(f"a stored {self.name} document does not decode") from error

    def recall(self, raw: bytes | None) -> Rope:
        return Rope.empty() if raw is None else self.load(raw)

    def contents(self, state: Rope) -> bytes:
        """`text`: a JSON string; `richtext`: the Delta's array of inserts."""
        return _encoder.encode(state.to_delta() if self.rich else state.text())

    def render(self, state: Rope, format: str) -> bytes:
        match format:
            case "text":
                return state.text().encode()
            case "json":
                return _encoder.encode(state.to_delta())
            case "html" if self.rich:
                return html.write(quill.read(state.to_delta())).encode()
            case "markdown" if self.rich:
                return markdown.write(quill.read(state.to_delta())).encode()
            case _:
                raise _unknown(self)

    def read_content(self, raw: bytes, format: str) -> Rope:
        match format:
            case "text":
                return _plain(_text(raw))
            case "json":
                try:
                    return Rope.of(check.parse_document(raw, self.limits, rich=self.rich))
                except InvalidOperation as error:
                    raise InvalidContent(str(error)) from None
            case "html" | "markdown" if self.rich:
                tree = html.read(_text(raw)) if format == "html" else markdown.read(_text(raw))
                try:
                    return Rope.of(check.check(quill.write(tree), self.limits))
                except InvalidOperation as error:
                    raise InvalidContent(str(error)) from None
            case _:
                raise _unknown(self)

    def difference(self, old: Rope, new: Rope) -> Delta:
        return diff(old.to_delta(), new.to_delta())


def _plain(text: str) -> Rope:
    return Rope.of((insert(text),)) if text else Rope.empty()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidContent("the text is not UTF-8") from None


def _unknown(type: DeltaType) -> UnknownFormat:
    return UnknownFormat(
        f"the formats of {type.name} documents are {', '.join(sorted(type.formats))}"
    )


TEXT = DeltaType("text", rich=False)
RICHTEXT = DeltaType("richtext", rich=True)
