"""Where the text of an answer waits for its judges."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from turnstream.guardrails import texts
from turnstream.guardrails.rules import Judge

MOST_HELD = 1_000_000
"""Characters of an answer that wait for a judge; more are stopped."""


class Question(Struct, frozen=True):
    judge: Judge
    text: str


class Gate:
    """Where the text of an answer waits for its judges."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._all = tuple(judges)
        every = [judge.every for judge in judges if judge.every is not None]
        self._every = min(every) if every and len(every) == len(judges) else None
        self.begin()

    def begin(self) -> None:
        self._judges = [*self._all]  # those who are still asked
        self._pieces: list[str] = []
        self._length = 0
        self._passed = 0  # characters that may be shown
        self._asked = 0  # judges that have said yes to the text up to `_until`
        self._until: int | None = None
        self._ending = False

    @property
    def question(self) -> Question | None:
        if self._until is None:
            return None
        return Question(self._judges[self._asked], self._text()[: self._until])

    def feed(self, text: str) -> str:
        if not self._judges:
            return text
        self._pieces.append(text)
        self._length += len(text)
        if self._every is None and self._length > MOST_HELD:
            raise texts.StoppedError(self._judges[0].name)
        self._ask()
        return ""

    def end(self) -> None:
        """The text is whole: what was not judged yet is asked about."""
        self._ending = True
        self._ask()

    def answer(self, allowed: bool) -> str:
        """What may be shown now."""
        assert self._until is not None
        judge = self._judges[self._asked]
        if not allowed and judge.reviewer is not None:  # a person has the last word, and the others have theirs
            self._judges.remove(judge)
        elif not allowed:
            self._until = None
            if judge.replacement is None:
                raise texts.StoppedError(judge.name)
            self._passed = self._length
            return judge.replacement
        else:
            self._asked += 1
        if self._asked < len(self._judges):
            return ""
        shown = self._text()[self._passed : self._until]
        self._passed, self._asked, self._until = self._until, 0, None
        self._ask()
        return shown if self._judges else shown + self.release()

    def release(self) -> str:
        rest, self._passed = self._text()[self._passed :], self._length
        return rest

    def _text(self) -> str:
        """Joined when it is asked for: an answer may come in very many pieces."""
        whole = "".join(self._pieces)
        self._pieces = [whole]
        return whole

    def _ask(self) -> None:
        if self._until is not None or not self._judges:
            return
        if self._every is not None and self._length - self._passed >= self._every:
            self._until = self._passed + self._every
        elif self._ending and self._passed < self._length:
            self._until = self._length
