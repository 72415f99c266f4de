"""An agent: a model, its tools and its instructions. It holds no state of any run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from turnstream import conversation, protocols, requests, resources, text
from turnstream.agent.budget import Budget
from turnstream.agent.context import context_of
from turnstream.agent.run import Run
from turnstream.agent.toolset import Toolset
from turnstream.messages import Message, ToolCall, UserMessage

if TYPE_CHECKING:
    from typing import Self


class Agent:
    """Answers runs; any number at once, which share nothing but its model and its tools.

    ``model`` is a `Model` or a name (``openai:gpt-5-mini``), or several, of which each is asked where those before it
    fail (`turnstream.models.fallback`). ``tools`` are toolboxes or functions. ``aliases`` are
    further names by which clients may ask for it, ``*`` any that no agent has. Times are in seconds, None means no
    limit. ``history_limit`` is the most messages of a conversation that the model is shown;
    older messages are dropped one whole exchange at a time. ``on_max_steps`` says what follows ``max_steps`` model
    calls that all asked for tools: one last call without tools (``answer``) or the end (``stop``). Of the calls of
    one step ``max_calls`` are executed, and the model hears that the others were not. ``max_answer`` is the most
    characters of one model call's answer, beyond which it is cut off as by the vendor's own limit. ``budget`` is what
    one run may use.

    ``housekeeping`` says who answers the requests that chat front ends make for their own use
    (`RunRequest.housekeeping`), without tools, instructions and statuses: the agent's model (True), another one, or
    (False) the agent like any other request. ``history`` says whose counts where a request names a thread and does
    not say it itself: the messages that the client sends, or those that the server keeps. ``context`` is whether the
    model reads what a client's page shows its user (AG-UI). ``guardrails`` stand before every run and after it
    (`turnstream.guardrails`). ``ask_lifetime`` is how long a question to a person can be answered, ``secrets`` are
    masked in whatever tools give.
    ``on_disconnect`` says what a client's leaving means where its request does not say it: the end of the run, or
    nothing, if it is kept. ``on_takeover`` is what a protocol that cannot take anything back is shown of a step that
    another process has to make again: the model goes on with its text where it can (else as ``restart``), nothing of
    a step before it is finished (``hold``), or a line and then the step anew (``restart``).
    """

    def __init__(
        self,
        model: protocols.AnyModel | str | Sequence[protocols.AnyModel | str],
        tools: Sequence[protocols.Toolbox | Callable[..., Any]] = (),
        instructions: str = "",
        *,
        name: str = "agent",
        aliases: Sequence[str] = (),
        description: str = "",
        max_steps: int = 10,
        on_max_steps: Literal["answer", "stop"] = "answer",
        max_calls: int = 64,
        max_answer: int | None = 4_194_304,
        budget: Budget | None = None,
        tool_timeout: float | None = 60.0,
        run_timeout: float | None = 600.0,
        history_limit: int | None = None,
        history: Literal["client", "server"] = "client",
        context: Literal["shown", "hidden"] = "shown",
        options: requests.ModelOptions | None = None,
        housekeeping: protocols.AnyModel | str | bool = True,
        guardrails: protocols.Guardrails | None = None,
        ask_lifetime: float | None = 604_800.0,
        secrets: Iterable[str] = (),
        on_disconnect: Literal["cancel", "go_on"] = "cancel",
        on_takeover: Literal["continue", "hold", "restart"] = "continue",
    ) -> None:
        if max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, not {max_steps}")
        self.name = name
        self.aliases = tuple(aliases)
        self.description = description
        self.instructions = instructions
        self.model = _model(model)
        self._housekeeping = housekeeping if isinstance(housekeeping, bool) else RunModel(_model(housekeeping), True)
        self.toolboxes = tuple(_toolbox(tool) for tool in tools)
        self.max_steps = max_steps
        self.on_max_steps = on_max_steps
        self.max_calls = max_calls
        self.max_answer = max_answer
        self.budget = budget
        self.tool_timeout = tool_timeout
        self.run_timeout = run_timeout
        self.history_limit = history_limit
        self.history = history
        self.context = context
        self.options = options or requests.ModelOptions()
        self.guardrails = guardrails
        self.ask_lifetime = ask_lifetime
        self.redactor = text.Redactor(secrets)
        self.on_disconnect = on_disconnect
        self.on_takeover = on_takeover
        self._resources = resources.Shared(self._open)
        self._fixed: tuple[tuple[protocols.Toolbox, ...], Toolset | None] | None = None

    @property
    def model(self) -> protocols.AnyModel:
        return self._model.model

    @model.setter
    def model(self, model: protocols.AnyModel) -> None:
        self._model = RunModel(model)

    @property
    def toolset(self) -> Toolset | None:
        """Of its toolboxes, whose tools are the same for every run; None where one has to be asked."""
        if self._fixed is None or self._fixed[0] is not self.toolboxes:
            self._fixed = self.toolboxes, Toolset.of_fixed(self.toolboxes)
        return self._fixed[1]

    @property
    def models(self) -> tuple[protocols.AnyModel, ...]:
        """All that it may ask."""
        other = () if isinstance(self._housekeeping, bool) else (self._housekeeping.model,)
        return (self.model, *other)

    @property
    def asks(self) -> bool:
        """Whether some of its tools or guardrails are known to wait for a person."""
        return any(getattr(each, "asks", False) for each in (*self.toolboxes, self.guardrails))

    def model_for(self, request: requests.RunRequest) -> RunModel:
        if not request.housekeeping or self._housekeeping is False:
            return self._model
        return RunModel(self.model, True) if self._housekeeping is True else self._housekeeping

    def run(
        self,
        messages: str | Sequence[Message] | requests.RunRequest,
        *,
        thread_id: str | None = None,
        user: str | None = None,
        context: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        approve: Callable[[ToolCall], Awaitable[bool]] | None = None,
        meter: protocols.Meter | None = None,
        wait: protocols.BeginWait | None = None,
    ) -> Run:
        """One request, to be answered: ``async with agent.run("hello") as run: async for event in run: …``.

        ``approve`` asks the person at the other end about a call that needs approval; without it nobody can be asked.
        With ``wait`` the run may end at a question, when that has kept it: whoever has the answer goes on with it
        (`resume`). A question that ``approve`` can answer goes to that. ``meter`` is told what the run uses, and says
        when it has used enough.
        """
        if isinstance(messages, requests.RunRequest):
            return self._run(messages, run_id=run_id, approve=approve, meter=meter, wait=wait)
        if isinstance(messages, str):
            messages = (UserMessage(messages),)
        request = requests.RunRequest(tuple(messages), thread_id=thread_id, user=user, context=dict(context or {}))
        return self._run(request, run_id=run_id, approve=approve, meter=meter, wait=wait)

    async def admit(self, request: requests.RunRequest, run_id: str) -> requests.RunRequest:
        """What the guardrails leave of a request, for whoever stores it before its run begins (which asks them itself).
        Raises `RequestError` for one that they refuse."""
        if self.guardrails is None:
            return request
        return await self.guardrails.admit(request, context_of(self.name, request, run_id))

    def resume(
        self,
        request: requests.RunRequest,
        progress: conversation.Progress,
        *,
        run_id: str,
        approve: Callable[[ToolCall], Awaitable[bool]] | None = None,
        begin: Callable[[ToolCall], Awaitable[None]] | None = None,
        meter: protocols.Meter | None = None,
    ) -> Run:
        """A run that is kept, from where it is. ``begin`` is awaited before a call whose effect must not happen twice;
        one that was begun before and has no result is not made again: the model hears that its outcome is unknown."""
        return self._run(request, run_id=run_id, approve=approve, progress=progress, begin=begin, meter=meter)

    def _run(self, request: requests.RunRequest, **options: Any) -> Run:
        if self.guardrails is None:
            return Run(self, request, **options)
        from turnstream.agent.guarded_run import GuardedRun  # most agents have none

        return GuardedRun(self.guardrails, self, request, **options)

    async def __aenter__(self) -> Self:
        """Open what the model and the tools own. Entered more than once, the last to leave closes it."""
        await self._resources.__aenter__()
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        return self._resources.__aexit__(kind, error, trace)

    async def _open(self, stack: AsyncExitStack) -> None:
        await resources.enter_all(stack, (*self.models, *self.toolboxes, self.guardrails))

    def __repr__(self) -> str:
        return f"Agent({self.name!r}, model={self.model.name!r})"


class RunModel:
    """A model as a run asks it. With ``housekeeping`` it answers alone, without the agent's tools and instructions."""

    def __init__(self, model: protocols.AnyModel, housekeeping: bool = False) -> None:
        self.model = model
        self.housekeeping = housekeeping
        self.open_stream = protocols.opener(model)

    @property
    def name(self) -> str:
        return self.model.name


def _model(model: protocols.AnyModel | str | Sequence[protocols.AnyModel | str]) -> protocols.AnyModel:
    if isinstance(model, list | tuple):
        from turnstream.models import fallback

        return fallback.Fallback([_model(each) for each in model])
    if isinstance(model, str):
        from turnstream import providers

        named: protocols.AnyModel = providers.model(model)
        return named
    assert not isinstance(model, Sequence)
    return model


def _toolbox(tool: protocols.Toolbox | Callable[..., Any]) -> protocols.Toolbox:
    if hasattr(tool, "tools") and hasattr(tool, "call"):
        return tool
    from turnstream.tools import python

    made: protocols.Toolbox = python.tool(tool)
    return made
