"""How long the loop is held in one stretch: the thread's own time of each callback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

LIMIT = 0.05
"""So many seconds may one stretch take, whatever a client, a model or a tool sends."""


class Longest:
    seconds = 0.0
    callback = ""


@contextmanager
def longest_stretch() -> Iterator[Longest]:
    found, run = Longest(), asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        if (took := time.thread_time() - began) > found.seconds:
            found.seconds, found.callback = took, repr(handle)[:200]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", measured)
        yield found
