"""An agent: what a configuration may say of it, and the agent that this describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, ParamSpec, TypeVar

from pydantic import Field, model_validator

from turnstream import errors, protocols, requests
from turnstream.agent import Agent, Budget
from turnstream.config import context, document, files, foreign, models
from turnstream.config.sections import NonEmpty, PositiveInt, Seconds, Section, defaults_of
from turnstream.config.tools import entry
from turnstream.config.validation import try_validate, validate
from turnstream.models import fallback
from turnstream.protocols import AnyModel, Toolbox
from turnstream.tools import untrusted
from turnstream.tools.python import FunctionTool

if TYPE_CHECKING:
    from turnstream.config import guardrails as guarding, schedules as scheduling, settings, webhooks as hooking

P = ParamSpec("P")
T = TypeVar("T")

_DEFAULTS = defaults_of(Agent)


class BudgetSection(Section):
    """The most that one run may use."""

    tokens: PositiveInt | None = None
    """Of all its model calls, prompts included."""
    cost: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """In US dollars, where the prices of its models are known."""
    tool_calls: PositiveInt | None = None
    """All its tool calls."""
    seconds: Seconds | None = None
    """From its start; looked at whenever something of an answer comes, and between model calls."""


class AgentSection(Section):
    """An agent: a model, its tools and its instructions."""

    seldom: ClassVar[Sequence[str]] = ("budget", "guardrails", "server", "schedules", "webhooks")

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    """What clients name as their model; without it the name of the file."""
    description: str = _DEFAULTS["description"]
    """For people, and for other agents."""
    model: models.ModelSection
    """`provider:model`, or a mapping that says how to reach it; or a list of these: each is asked where those before
    it fail."""
    instructions: str | None = None
    """The system prompt."""
    system_prompt: str | None = None
    """Another name of `instructions`."""
    instructions_file: NonEmpty | None = None
    """A text file with the system prompt; its path is relative to this file."""
    tools: list[Any] = Field(default_factory=list)
    """Each `tools.py:function`, `package.module:function`, or a mapping with one key, the kind of tool."""
    max_steps: PositiveInt = _DEFAULTS["max_steps"]
    """The most model calls of one run that may ask for tools."""
    on_max_steps: Literal["answer", "stop"] = _DEFAULTS["on_max_steps"]
    """After them: one last model call without tools, or the end."""
    max_calls: PositiveInt = _DEFAULTS["max_calls"]
    """The tool calls of one step that are executed, all at once; the model hears that the others were not."""
    max_answer: PositiveInt | None = _DEFAULTS["max_answer"]
    """The most characters of one model call's answer: a longer one is cut off; null means no limit."""
    budget: BudgetSection | None = None
    """What one run may use; one that has used it up ends as incomplete, with what it has."""
    tool_timeout: Seconds | None = _DEFAULTS["tool_timeout"]
    """Seconds that one tool call may take; null means no limit."""
    run_timeout: Seconds | None = _DEFAULTS["run_timeout"]
    """Seconds that one run may take; null means no limit."""
    history_limit: PositiveInt | None = _DEFAULTS["history_limit"]
    """The most messages of a conversation that the model is shown; older messages are dropped, one whole exchange at
    a time."""
    history: Literal["client", "server"] = _DEFAULTS["history"]
    """Whose history of a named thread counts where the request does not say it: the client's messages, or the
    server's."""
    on_disconnect: Literal["cancel", "go_on"] = _DEFAULTS["on_disconnect"]
    """What a client's leaving means where its request does not say it: the end of the run, or nothing, if the store
    keeps runs."""
    on_takeover: Literal["continue", "hold", "restart"] = _DEFAULTS["on_takeover"]
    """What is shown of a step that another process has to make again, in protocols that cannot take anything back:
    the model goes on with its text (`continue`; where its vendor has no way to, as `restart`), nothing before the step
    is finished (`hold`), or a line and then the step anew (`restart`)."""
    context: Literal["shown", "hidden"] = _DEFAULTS["context"]
    """Whether the model reads what a client's page shows its user (AG-UI's `context`); tools always see it."""
    options: models.Options = Field(default_factory=models.Options)
    """Sampling and output parameters of all its model calls; those of a request win."""
    housekeeping: models.HousekeepingSection = Field(default_factory=models.HousekeepingSection)
    """Who answers what chat front ends ask for their own use: titles, tags, follow-up questions."""
    aliases: list[NonEmpty] = Field(default_factory=list)
    """Further names by which clients may ask for it; `*` is any that no agent has."""
    guardrails: guarding.GuardrailsSection | None = None
    """What is stopped, masked or marked before a run, in its answer, and around its tools."""
    server: settings.ServerSection | None = None
    """Where the server listens, who may use it, and its limits."""
    schedules: list[scheduling.ScheduleSection] = Field(default_factory=list)
    """Runs that start by the clock."""
    webhooks: list[hooking.WebhookSection] = Field(default_factory=list)
    """Who outside is told when kept runs end or wait."""

    @classmethod
    def complete(cls) -> None:
        _complete()

    @model_validator(mode="before")
    @classmethod
    def _write_out(cls, value: Any) -> Any:
        return models.write_out(value)

    @model_validator(mode="after")
    def _one_prompt(self) -> AgentSection:
        given = [self.instructions, self.system_prompt, self.instructions_file]
        if sum(prompt is not None for prompt in given) > 1:
            raise ValueError("give one of instructions, system_prompt and instructions_file")
        return self


class SeveralModelsSection(AgentSection):
    """An agent whose ``model`` is a list. Not a union of two types: so every error has its place in the file."""

    model: Annotated[list[models.ModelSection], Field(min_length=1)]  # type: ignore[assignment]


@cache
def _complete() -> None:
    """What a server loads only if its file has such sections, or something wrong."""
    from turnstream.config import guardrails as guarding, schedules as scheduling, settings, webhooks as hooking

    modules = {"guarding": guarding, "scheduling": scheduling, "settings": settings, "hooking": hooking}
    for section in (AgentSection, SeveralModelsSection):
        section.model_rebuild(force=True, _types_namespace=modules)
        section.hints = {
            **foreign.belongs(models.ModelSection.model_fields, "under model"),
            **foreign.belongs(models.Options.model_fields, "under options"),
            **foreign.belongs(settings.ServerSection.model_fields, "under server"),
            **foreign.AGENT,
        }


_PASSED_ON = (
    "aliases",
    "description",
    "max_steps",
    "on_max_steps",
    "max_calls",
    "max_answer",
    "tool_timeout",
    "run_timeout",
    "history_limit",
    "history",
    "on_disconnect",
    "on_takeover",
    "context",
)


def read(file: Path, environ: Mapping[str, str], *, allow_unset: bool = False) -> document.Document:
    """Raises `ConfigurationError` if it cannot be read, or is not YAML, or is empty."""
    text = files.read_text(file)
    found = document.read(text, str(file), environ, entry.names_filled_later, entry.is_json, allow_unset=allow_unset)
    if found.value is None:
        raise errors.ConfigurationError(f"{file}: the file is empty")
    return found


def read_sections(found: document.Document) -> tuple[AgentSection | None, list[entry.ToolSection | None]]:
    """The agent and each of its tools, as far as they are valid; what is wrong is reported to the document."""
    if sentence := foreign.recognize(found.value):
        found.report((), sentence)
        return None, []
    given = found.value if isinstance(found.value, dict) else {}
    kind = SeveralModelsSection if isinstance(given.get("model"), list) else AgentSection
    section = validate(kind, found, found.value)
    unread = given.get("tools")
    values = section.tools if section is not None else unread if isinstance(unread, list) else []
    return section, [_read_tool(found, entry.write_out(value), index) for index, value in enumerate(values)]


def _read_tool(found: document.Document, value: Any, index: int) -> entry.ToolSection | None:
    path = ("tools", index)
    narrow = entry.narrow_section(value)
    return try_validate(narrow, value) or validate(entry.whole_section(), found, value, path)


class _Unknown:
    """Stands for a model whose name is an unset variable, where only the rest is checked."""

    name = "(depends on a variable that is not set)"

    def stream(self, request: requests.ModelRequest) -> AbstractAsyncContextManager[protocols.ModelStream]:
        raise errors.ConfigurationError("the model depends on a variable that is not set")


class Builder:
    """Makes an agent of a document, and reports to it everything that is wrong: whatever else is, each part is looked
    at.
    """

    def __init__(self, found: document.Document, where: context.ConfigContext) -> None:
        self.document = found
        self.where = where

    def build(self, default_name: str) -> tuple[Agent | None, AgentSection | None]:
        """Without an agent if something is wrong."""
        section, entries = read_sections(self.document)
        tools = self._build_tools(entries)
        if section is None:
            return None, None
        agent = self._build_agent(section, tools, section.name or default_name)
        return None if self.document.problems else agent, section

    def _build_agent(self, section: AgentSection, tools: list[Toolbox], name: str) -> Agent | None:
        model = self._build_model(section)
        rest = {
            "tools": tools,
            "instructions": self._read_instructions(section),
            "housekeeping": self._build_housekeeping(section.housekeeping),
            "options": models.build_options(section.options),
            "budget": section.budget and Budget(**section.budget.model_dump()),
            **section.given(*_PASSED_ON),
        }
        if model is None and self.document.allow_unset:
            model = _Unknown()
        if model is None:
            return None
        agent = Agent(model, name=name, **rest)
        if section.guardrails is not None:
            from turnstream.config import guardrails as guarding

            guarding.build(section.guardrails, self.document, ("guardrails",), self.where).protect(agent)
        return agent

    def _build_model(self, section: AgentSection) -> AnyModel | None:
        if not isinstance(section, SeveralModelsSection):
            return self._attempt(("model",), models.build, section.model, self.where)
        built = [self._attempt(("model", at), models.build, each, self.where) for at, each in enumerate(section.model)]
        members = [model for model in built if model is not None]
        return fallback.Fallback(members) if len(members) == len(built) else None

    def _build_housekeeping(self, section: models.HousekeepingSection) -> AnyModel | bool:
        if not section.enabled or section.model is None:
            return section.enabled
        return self._attempt(("housekeeping", "model"), models.build, section.model, self.where) or False

    def _build_tools(self, entries: Sequence[entry.ToolSection | None]) -> list[Toolbox]:
        tools: list[Toolbox] = []
        names: set[str] = set()
        approvals = [section.approve for section in entries if section is not None and section.approve is not None]
        readers = untrusted.Readers() if any(approval.after_untrusted for approval in approvals) else None
        for index, section in enumerate(entries):
            path = ("tools", index)
            built = self._attempt(path, entry.build, section, self.where, readers) if section is not None else None
            for name in (tool.name for tool in built or () if isinstance(tool, FunctionTool)):
                if name in names:
                    self.document.report(path, f"there is already a tool named {name}")
                names.add(name)
            tools += built or ()
        return tools

    def _read_instructions(self, section: AgentSection) -> str:
        if section.instructions_file is None:
            return section.instructions or section.system_prompt or ""
        file = self.where.folder / section.instructions_file
        return self._attempt(("instructions_file",), files.read_text, file) or ""

    def _attempt(self, path: document.Path, build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return build(*args, **kwargs)
        except errors.ConfigurationError as error:
            if not self.document.depends_on_unset(path):
                self.document.report(path, error.message)
            elif self.document.allow_unset:
                self.document.skipped.append(document.format_path(path))
            return None
