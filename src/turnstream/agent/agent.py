"""An agent: a model, its tools and its instructions. It holds no state of any run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from turnstream.agent.protocols import Model, Toolbox
from turnstream.agent.run import Run
from turnstream.events import Message, ModelOptions, RunRequest, ToolCall, UserMessage

if TYPE_CHECKING:
    from typing import Self


class Agent:
    """Answers runs; any number at once, which share nothing but its model and its tools.

    ``model`` is a `Model` or a name (``openai:gpt-5-mini``), ``tools`` are toolboxes or functions. Times are in
    seconds, None means no limit. ``history_limit`` is the most messages of a conversation that the model is shown;
    older ones go by whole exchanges. ``on_max_steps`` says what follows ``max_steps`` model calls that all asked for
    tools: one last call without tools (``answer``) or the end (``stop``). ``housekeeping`` is who answers what chat
    front ends ask for their own use (`turnstream.agent.housekeeping`), without tools, instructions and statuses: the
    agent's model, another one, or (False) the agent as ever.
    """

    def __init__(
        self,
        model: Model | str,
        tools: Sequence[Toolbox | Callable[..., Any]] = (),
        instructions: str = "",
        *,
        name: str = "agent",
        description: str = "",
        max_steps: int = 10,
        on_max_steps: Literal["answer", "stop"] = "answer",
        tool_timeout: float | None = 60.0,
        run_timeout: float | None = 600.0,
        history_limit: int | None = None,
        options: ModelOptions | None = None,
        housekeeping: Model | str | bool = True,
    ) -> None:
        if max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, not {max_steps}")
        self.name = name
        self.description = description
        self.instructions = instructions
        self.model = _model(model)
        self._housekeeping = housekeeping if isinstance(housekeeping, bool) else _model(housekeeping)
        self.toolboxes = tuple(_toolbox(tool) for tool in tools)
        self.max_steps = max_steps
        self.on_max_steps = on_max_steps
        self.tool_timeout = tool_timeout
        self.run_timeout = run_timeout
        self.history_limit = history_limit
        self.options = options or ModelOptions()
        self._users = 0
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()

    def run(
        self,
        messages: str | Sequence[Message] | RunRequest,
        *,
        thread_id: str | None = None,
        user: str | None = None,
        context: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        approve: Callable[[ToolCall], Awaitable[bool]] | None = None,
    ) -> Run:
        """One request, to be answered: ``async with agent.run("hello") as run: async for event in run: …``.

        ``approve`` asks the person at the other end about a call that needs approval; without it nobody can be asked.
        """
        if isinstance(messages, RunRequest):
            return Run(self, messages, run_id=run_id, approve=approve)
        if isinstance(messages, str):
            messages = (UserMessage(messages),)
        request = RunRequest(tuple(messages), thread_id=thread_id, user=user, context=dict(context or {}))
        return Run(self, request, run_id=run_id, approve=approve)

    async def __aenter__(self) -> Self:
        """Open what the model and the tools own. Entered more than once, the last to leave closes it."""
        async with self._opening:
            if self._users == 0:
                async with AsyncExitStack() as stack:
                    for resource in self._resources():
                        if isinstance(resource, AbstractAsyncContextManager):
                            await stack.enter_async_context(resource)
                    self._stack = stack.pop_all()
            self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._opening:
            self._users -= 1
            if self._users == 0:
                await self._stack.aclose()

    @property
    def housekeeper(self) -> Model | None:
        """Who answers the front ends' own requests; None if that is the agent as ever."""
        if isinstance(self._housekeeping, bool):
            return self.model if self._housekeeping else None
        return self._housekeeping

    def _resources(self) -> list[object]:
        other = [] if isinstance(self._housekeeping, bool) else [self._housekeeping]
        return [self.model, *other, *self.toolboxes]

    def __repr__(self) -> str:
        return f"Agent({self.name!r}, model={self.model.name!r})"


def _model(model: Model | str) -> Model:
    if isinstance(model, str):
        from turnstream import providers

        named: Model = providers.model(model)
        return named
    return model


def _toolbox(tool: Toolbox | Callable[..., Any]) -> Toolbox:
    if hasattr(tool, "tools") and hasattr(tool, "call"):
        return tool
    from turnstream.tools import python

    made: Toolbox = python.tool(tool)
    return made
