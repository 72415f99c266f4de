"""When a stream is given up, and when it is over though nobody closed it."""

from __future__ import annotations

import asyncio

from turnstream.providers import base
from turnstream.providers.transport import connections

END_SECONDS = 1.5
"""What usage and the end of the body may take after the finish reason, comments or not."""


class Watchdog:
    """One timer for a whole stream: a read costs it an attribute, not a timer.

    Until the first event a stream is given up when ``first_token`` has passed and nothing at all came for ``idle``: a
    vendor whose queue is long sends comments, one whose model thinks sends events without words. Afterwards each read
    may take ``idle`` seconds, whatever it brings. A slow reader is nobody's silence, so only time spent waiting counts.

    Once the finish reason is known, the end is due within `END_SECONDS`, which comments do not extend. If more of the
    answer comes instead, this vendor's finish reasons do not mean the end, and ``idle`` counts as before.
    """

    __slots__ = (
        *("_content", "_deadline", "_end", "_timeouts", "_timer", "_trusted"),
        *("begun", "last_read", "now", "waiting_since"),
    )

    def __init__(
        self, content: connections.Body, timeouts: base.Timeouts, loop: asyncio.AbstractEventLoop, started: float
    ) -> None:
        self._content = content
        self._timeouts = timeouts
        self.now = loop.time
        self.begun = False
        self.waiting_since = 0.0  # 0 while nobody waits
        self.last_read = 0.0  # 0 while nothing has come
        self._end = 0.0  # 0 while no finish reason is known
        self._trusted = True
        self._deadline = started + timeouts.first_token
        self._timer = content.watch(self._check)
        self._timer.set_at(self._deadline)

    def begin(self) -> None:
        """An event has come."""
        if not self.begun:
            self.begun = True
            self._check()

    def finish(self, *, more: bool) -> None:
        """The finish reason is known. ``more``: part of the answer came in this read, too."""
        if self._end and more:
            self._end, self._trusted = 0.0, False
        elif not self._end and self._trusted:
            self._end = self.now() + END_SECONDS
            self._check()

    def stop(self) -> None:
        self._content.unwatch()

    def _check(self) -> None:
        """Give the stream up, or look again when that is due."""
        now = self.now()
        silence = self._timeouts.idle
        if self.begun:
            due = (self.waiting_since or now) + silence
        elif self.last_read:
            due = max(self._deadline, self.last_read + silence)
        else:
            due, silence = self._deadline, self._timeouts.first_token
        if self._end and self._end < due:
            due = self._end
        if now < due:
            self._timer.set_at(due)
        else:
            self._content.set_exception(connections.silence_error(silence))
