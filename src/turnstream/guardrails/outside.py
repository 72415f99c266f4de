"""What takes time, done outside of the machines: judges are asked, large texts are searched in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from turnstream import requests, resources
from turnstream.guardrails.gate import Question
from turnstream.guardrails.rules import Judge

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger("turnstream.guardrails")

T = TypeVar("T")

_LARGE = 50_000  # characters, which take 2 ms or more


class Owner:
    """Enter it, any number of times at once, to open what the judges own."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._owned: tuple[object, ...] = tuple(judge.ask for judge in judges)
        self._resources = resources.Shared(self._open)

    async def __aenter__(self) -> Self:
        await self._resources.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.__aexit__(kind, error, trace)

    async def _open(self, stack: AsyncExitStack) -> None:
        await resources.enter_all(stack, self._owned)


async def ask(question: Question, context: requests.RunContext) -> bool:
    """Never raises: a judge that fails or takes too long has said what its ``on_error`` says."""
    judge = question.judge
    try:
        async with asyncio.timeout(judge.timeout):
            return await judge.ask(question.text, context)
    except Exception as error:  # the boundary to code that is not ours
        log.warning("run %s: the guardrail %s could not judge", context.run_id, judge.name, exc_info=error)
        return judge.on_error == "pass"


def report(context: requests.RunContext, rule: str, did: str) -> None:
    """One line in the log, which never says on what."""
    fields = {"run": context.run_id, "agent": context.agent, "principal": context.principal.name, "guardrail": rule}
    log.info("run %s: the guardrail %s %s", context.run_id, rule, did, extra={"fields": fields})


async def search(size: int, work: Callable[..., T], *args: object) -> T:
    return await asyncio.to_thread(work, *args) if size > _LARGE else work(*args)
