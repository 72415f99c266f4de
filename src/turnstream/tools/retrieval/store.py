"""What the search tool needs of whatever keeps the documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from turnstream import errors, text as texts
from turnstream.tools.retrieval.embeddings import Vector

if TYPE_CHECKING:
    from typing import Self

_LONGEST_PROBLEM = 300


class Question(NamedTuple):
    """``vector`` is None without an embedding server, or while it fails. ``space`` is its `Embeddings.space`."""

    text: str
    vector: Vector | None = None
    space: str = ""


class Passage(NamedTuple):
    """``url`` is a whole address, or one relative to that of all documents. The higher the score, the better; None if
    the store gives none.
    """

    id: str
    title: str
    url: str | None
    text: str
    snippet: str
    score: float | None


class StoreError(errors.TurnstreamError):
    """The store refused, failed or fell silent. The message is for the operator: it quotes the store."""

    code = "store_error"
    status = 502


def quote_problem(problem: str, secrets: Iterable[str]) -> str:
    """What a store or its client says is wrong, on one line and without the secrets."""
    return texts.excerpt(texts.Redactor(secrets).redact(" ".join(problem.split())), _LONGEST_PROBLEM)


class Store(Protocol):
    """Is entered before it is asked; any number of times, and then asked any number of questions at once."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def find(self, question: Question, limit: int) -> Sequence[Passage]:
        """The passages that fit best, best first. Raises `StoreError`."""
        ...
