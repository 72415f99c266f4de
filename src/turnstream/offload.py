"""Work for one request that takes longer than others should wait for the event loop: long histories.

It is done in a thread. That is no faster, but the loop gets the interpreter back every few milliseconds
(`sys.getswitchinterval`). All of it shares one thread: of several, the loop would have to wait for each in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MANY = 500  # messages: what is to be done with fewer takes about a millisecond
LARGE = 128 * 1024  # bytes of a body

_THREAD = ThreadPoolExecutor(1, "turnstream-offload")


async def run(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` gives or raises. It must not know the event loop, nor change what others use."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, lambda: work(*args, **kwargs))
