"""The arguments of one tool call whose fragments repeat what was said before.

By the protocol each fragment has what is new. Some servers send all of the arguments so far each time (Baidu Qianfan,
some that host GLM), others end with the whole once more. A fragment that begins with everything before it is the sign,
but an object within one of the same key (``{"not":`` ``{"not":``) begins so, too. So such fragments are held back until
a next one tells which it is, or until the arguments are over and only one reading of them is JSON. Arguments are
objects: a fragment that begins with anything but a brace never waits, and one is compared with what came before only
where it is as long, so that all of it stays linear.
"""

from __future__ import annotations

from typing import Any

from turnstream import jsontext


class Arguments:
    """Fragments in, what is new of each out. Joined, that is the arguments."""

    __slots__ = ("_held", "_said", "_size", "_snapshots")

    def __init__(self) -> None:
        self._said: list[str] = []
        self._size = 0
        self._held: list[str] = []  # each begins with the one before
        self._snapshots = False  # each fragment is all so far

    def note(self, fragment: str) -> bool:
        """Whether the fragment, which begins with no brace, is new and nothing waits: as `feed`, without a list."""
        if self._held:
            return False
        self._said.append(fragment)
        self._size += len(fragment)
        return True

    def feed(self, fragment: str) -> list[str]:
        if fragment[:1] != "{" or not self._size:
            return [*self._release(), *self._say(fragment)] if self._held else self._say(fragment)
        if self._snapshots:
            return self._say(fragment[self._size :] if self._begins_with_all(fragment) else fragment)
        if self._held and fragment.startswith(self._held[-1]):
            return self._hold(fragment)
        released = self._release()
        if self._begins_with_all(fragment) or self._says_all(fragment):
            self._held.append(fragment)
            return released
        return [*released, *self._say(fragment)]

    def close(self) -> list[str]:
        """What was held back, if it is new."""
        if not self._held:
            return []
        before, last = self._join(), self._held[-1]
        whole = _read(last)
        if whole is None or _read(before + "".join(self._held)) is not None:
            return self._release()
        if last.startswith(before):
            self._held.clear()
            return self._say(last[self._size :])
        if whole != _read(before):
            return self._release()
        self._held.clear()
        return []

    def _hold(self, fragment: str) -> list[str]:
        """The next of those that repeat each other; two that grow are no chance."""
        last = self._held[-1]
        if len(fragment) > len(last) > self._size and last.startswith(self._join()):
            self._snapshots = True
            self._held.clear()
            return self._say(fragment[self._size :])
        self._held.append(fragment)
        return []

    def _release(self) -> list[str]:
        held, self._held = self._held, []
        return [piece for fragment in held for piece in self._say(fragment)]

    def _begins_with_all(self, fragment: str) -> bool:
        return len(fragment) >= self._size and fragment.startswith(self._join())

    def _says_all(self, fragment: str) -> bool:
        """Whether it is whole and stands behind a whole: the same in another spelling."""
        if fragment.rstrip()[-1:] != "}" or 2 * len(fragment) < self._size or self._said[-1].rstrip()[-1:] != "}":
            return False
        return _read(fragment) is not None and _read(self._join()) is not None

    def _join(self) -> str:
        if len(self._said) > 1:
            self._said = ["".join(self._said)]
        return "".join(self._said)

    def _say(self, text: str) -> list[str]:
        if not text:
            return []
        self._said.append(text)
        self._size += len(text)
        return [text]


def _read(text: str) -> dict[str, Any] | None:
    try:
        return jsontext.decode(text, dict[str, Any])
    except ValueError:
        return None
