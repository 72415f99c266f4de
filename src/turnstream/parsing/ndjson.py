"""Newline-delimited JSON: bytes in, lines out."""

from __future__ import annotations

from turnstream import errors
from turnstream.parsing.sse import MAX_EVENT


class Decoder:
    """Gives each line that is not blank, without its line end; holds back only the unfinished one."""

    def __init__(self, max_line: int = MAX_EVENT) -> None:
        self._max = max_line
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._error: errors.ProtocolError | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that ``piece`` completes.

        Raises `ProtocolError` for a line above the limit, once the lines ahead of it were given.
        """
        self._check()
        size = self._pending_size + len(piece)
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            self._pending.append(lines[0])
            lines[0] = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
        if rest:
            self._pending.append(rest)
            self._pending_size += len(rest)
        if size > self._max:
            lines = self._within_limit(lines)
        found = [line for line in map(bytes.strip, lines) if line]
        if not found:
            self._check()
        return found

    def close(self) -> list[bytes]:
        """The last line, if the stream ended without its line end. It may be torn."""
        self._check()
        line = b"".join(self._pending).strip()
        self._pending.clear()
        return [line] if line else []

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        for position, line in enumerate((*lines, b"".join(self._pending))):
            if len(line) > self._max:
                self._pending.clear()
                self._error = errors.ProtocolError(f"The model's stream has a line of more than {self._max} bytes.")
                return lines[:position]
        return lines

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
