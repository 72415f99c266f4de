"""Which of a stored document's fields are what, and the passage that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from turnstream.tools.retrieval.store import Passage, StoreError
from turnstream.tools.retrieval.words import excerpt

MOST_CHARACTERS = 4_000


class Found(NamedTuple):
    """A document as its store gives it. ``key`` is the store's id of it, ``highlight`` its own idea of a snippet."""

    document: Mapping[str, Any]
    key: Any
    score: float | None
    highlight: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of fields; ``meta.url`` is the field ``url`` in the object ``meta``. None: the documents have none. Without
    ``id`` the store's own id is taken, without ``title`` the id. A text of more than ``most_characters`` is cut to the
    part around the question's words.
    """

    text: str = "text"
    title: str | None = None
    url: str | None = None
    id: str | None = None
    most_characters: int = MOST_CHARACTERS

    @property
    def named(self) -> list[str]:
        return [name for name in (self.text, self.title, self.url, self.id) if name is not None]

    def document(self, id: str, title: str, url: str, text: str) -> dict[str, Any]:
        """One that has these fields, for a store that is filled."""
        made: dict[str, Any] = {}
        for name, value in ((self.text, text), (self.title, title), (self.url, url), (self.id, id)):
            if name is not None:
                *above, last = name.split(".")
                place = made
                for part in above:
                    place = place.setdefault(part, {})
                place[last] = value
        return made

    def passages(self, found: Iterable[Found], query: str) -> list[Passage]:
        """Documents without a text are left out. Raises `StoreError` if that is all of them."""
        found = list(found)
        made = [self._passage(one, query) for one in found if _value(one.document, self.text)]
        if found and not made:
            raise StoreError(f"none of the documents that were found has text in its field {self.text!r}")
        return made

    def _passage(self, found: Found, query: str) -> Passage:
        id = _value(found.document, self.id) or str(found.key)
        text = _value(found.document, self.text)
        if len(text) > self.most_characters:
            text = excerpt(text, query, self.most_characters)
        title = " ".join(_value(found.document, self.title).split())
        url = _value(found.document, self.url).strip()
        return Passage(id, title or id, url or None, text, excerpt(found.highlight or text, query), found.score)


def _value(document: Mapping[str, Any], name: str | None) -> str:
    """As text; several values as lines. Empty for what is not there."""
    if name is None:
        return ""
    value: Any = document.get(name)
    if value is None:
        value = document
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    values = value if isinstance(value, list) else [value]
    return "\n".join(str(one) for one in values if isinstance(one, str | int | float))
