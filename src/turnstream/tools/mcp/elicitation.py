"""Questions that an MCP server asks the user in the middle of a call (elicitation, by form and by URL).

The run waits and holds nothing, but the server's call cannot be given up and begun anew: it goes on here, *parked*,
until the run comes back to it with the answer. It is lost with this process; then the call is made again, and asks
again, unless its effect must not happen twice.

The protocol does not say to which call a question belongs, before its version 2026-07-28. So it is asked only where
one call alone is under way on the connection: nobody is asked what another's call wants to know.
"""

from __future__ import annotations

import asyncio
import contextvars
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from turnstream import asks, errors, protocols, requests, toolspec

if TYPE_CHECKING:
    from mcp import types

Raw: TypeAlias = dict[str, Any]
Elicit: TypeAlias = "Callable[[types.ElicitRequestParams], Awaitable[types.ElicitResult]]"

ASKING: contextvars.ContextVar[Elicit | None] = contextvars.ContextVar("asking", default=None)
"""Whom the call that runs in this context may ask."""

_MOST, _LONGEST = 200, 3600.0  # calls that are parked, and for how many seconds
_MOST_TEXT = 4000


class ParkedCalls:
    """Of one server."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._calls: OrderedDict[str, _Call] = OrderedDict()

    async def run(
        self, make: Callable[[], Coroutine[Any, Any, Raw]], context: requests.RunContext, effect: toolspec.Effect
    ) -> Raw:
        """The result of the call that ``make`` makes. Raises `AskError` where that asks the user."""
        if not context.can_wait:
            return await make()
        call = self._take(context, effect) or _Call(make())
        try:
            question = await call.question()
        except BaseException:
            call.cancel()
            raise
        if question is None:
            return call.result()
        token = uuid.uuid4().hex
        self._calls[token] = call
        if len(self._calls) > _MOST:
            self._calls.popitem(last=False)[1].cancel()
        raise protocols.AskError(_ask(question, context.tool_call_id, self._source, token))

    def close(self) -> None:
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()

    def _take(self, context: requests.RunContext, effect: toolspec.Effect) -> _Call | None:
        """The call that waits for the decision; None where there is none, or no longer."""
        state = context.ask_state
        if context.decision is None or not isinstance(state, Mapping) or "parked" not in state:
            return None
        call = self._calls.pop(str(state["parked"]), None)
        if call is None and effect == "once":
            raise errors.ToolError(
                "The server stopped while this call waited for the user: it is not known whether it had its effect. "
                "It was not repeated. Check the outcome before calling it again."
            )
        if call is not None:
            call.answer(context.decision)
        return call


class _Call:
    """One call, in a task of its own."""

    def __init__(self, coroutine: Coroutine[Any, Any, Raw]) -> None:
        self._question: types.ElicitRequestParams | None = None
        self._answer: asyncio.Future[types.ElicitResult] | None = None
        self._asked = asyncio.Event()
        context = contextvars.copy_context()
        context.run(ASKING.set, self._elicit)
        self._task = asyncio.create_task(coroutine, context=context)

    async def question(self) -> types.ElicitRequestParams | None:
        """What the server asks next; None if the call has ended."""
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait([self._task, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        return None if self._task.done() else self._question

    def answer(self, decision: asks.Decision) -> None:
        from mcp import types

        said = decision.value if isinstance(decision.value, dict) else {}
        action: Any = said.get("action") if said.get("action") in ("accept", "decline", "cancel") else "cancel"
        content = said.get("content") if action == "accept" and isinstance(said.get("content"), dict) else None
        self._asked.clear()
        self._question = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(types.ElicitResult(action=action, content=content))

    def result(self) -> Raw:
        return self._task.result()

    def cancel(self) -> None:
        self._task.cancel()

    async def _elicit(self, params: types.ElicitRequestParams) -> types.ElicitResult:
        from mcp import types

        self._question, self._answer = params, asyncio.get_running_loop().create_future()
        self._asked.set()
        try:
            return await asyncio.wait_for(self._answer, _LONGEST)
        except TimeoutError:
            return types.ElicitResult(action="cancel")


def _ask(params: types.ElicitRequestParams, call_id: str, source: str, token: str) -> asks.Ask:
    url = getattr(params, "url", None)
    schema = getattr(params, "requested_schema", None)
    text = params.message[:_MOST_TEXT]
    state = {"parked": token}
    if url is not None:
        return asks.Ask(call_id, "question", text, url=str(url)[:2000], source=source, state=state)
    return asks.Ask(call_id, "question", text, schema, source=source, state=state)
