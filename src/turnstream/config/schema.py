"""What a configuration may say. The published JSON Schema is made of these models, so their descriptions are public."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from turnstream.config.section import Anything, FromEnvironment, NonEmpty, Seconds, Section, Texts, Whole, listed
from turnstream.config.tool_sections import ToolSection


def _off(value: Any) -> Any:
    """``off`` without quotes is false in YAML."""
    return "off" if value is False else value


class Options(Section):
    """Sampling and output parameters; those left out are the vendor's defaults."""

    temperature: Annotated[float | None, Field(ge=0, allow_inf_nan=False), FromEnvironment] = None
    top_p: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False), FromEnvironment] = None
    max_tokens: Annotated[Whole | None, FromEnvironment] = None
    max_completion_tokens: Annotated[Whole | None, FromEnvironment] = None
    stop: Annotated[list[str] | None, BeforeValidator(listed)] = None
    seed: Annotated[int | None, FromEnvironment] = None
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2), FromEnvironment] = None
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2), FromEnvironment] = None
    response_format: Anything | None = None
    """OpenAI's `response_format` object: `{type: json_schema, json_schema: …}`."""
    reasoning_effort: str | None = None
    tool_choice: str | Anything | None = None
    """`auto`, `none`, `required`, or one tool as `{name: …}`."""
    parallel_tool_calls: Annotated[bool | None, FromEnvironment] = None
    extra: Anything | None = None
    """Merged into the provider's request body as it is."""


class Timeouts(Section):
    """In seconds."""

    connect: Annotated[Seconds, FromEnvironment] = 10.0
    """Until the connection to the model's server stands."""
    first_token: Annotated[Seconds, FromEnvironment] = 60.0
    """From the request to the first event of the answer."""
    idle: Annotated[Seconds, FromEnvironment] = 60.0
    """The longest silence after that."""


class TextCallsSection(Section):
    """A model that writes its tool calls as text."""

    format: NonEmpty
    """The form of the calls, by its name in docs/tool-calls-as-text.md."""
    describe: Annotated[bool, FromEnvironment] = True
    """Describe the tools in the system message; false leaves that to the server's own prompt."""
    reasoning_open: Annotated[bool, FromEnvironment] = False
    """The prompt ends within the model's reasoning, so an answer begins there."""


class ModelSection(Section):
    """A model, and how to reach it."""

    name: NonEmpty
    """`provider:model`, or the model alone where `provider` is given; `auto` takes what the environment offers."""
    provider: NonEmpty | None = None
    """`openai`, `ollama`, `openai-compatible` (with `base_url`), …"""
    base_url: NonEmpty | None = None
    """The address before `/chat/completions`: `http://127.0.0.1:8080/v1`."""
    api_key: Annotated[str | None, Field(repr=False)] = None
    """Best as `${NAME}`; without it the provider's usual environment variable is read."""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Sent with each request to the model."""
    options: Options = Field(default_factory=Options)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    retries: Annotated[int, Field(ge=0), FromEnvironment] = 2
    """Tries after the first one, all before the first byte of an answer."""
    quirks: Anything = Field(default_factory=dict)
    """The provider's own switches."""
    template: NonEmpty | None = None
    """A file with the model's chat template (Jinja2), for `openai-completions`; its path is relative to this file."""
    tool_calls: Literal["native", "auto", "text"] | TextCallsSection = "native"
    """`native`: the server reads the model's tool calls; `auto`: so it does, and calls that leak into the text are
    caught; `text`: the model writes them as text, in the form of its family or in the one named by `format`."""

    @property
    def full_name(self) -> str:
        return f"{self.provider}:{self.name}" if self.provider else self.name


class HousekeepingSection(Section):
    """What chat front ends ask for their own use: titles, tags, follow-up questions."""

    enabled: Annotated[bool, FromEnvironment] = True
    """Let the model answer it alone, without tools, instructions and statuses; false leaves it to the agent."""
    model: ModelSection | None = None
    """A cheaper model for it, written as the agent's model is."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("model"), str):
            return {**value, "model": {"name": value["model"]}}
        return value


class ServerSection(Section):
    """The server. In a folder of agents one file may have this section."""

    host: NonEmpty = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535), FromEnvironment] = 8000
    """0 lets the system choose."""
    keys: Annotated[Texts, Field(repr=False)] = Field(default_factory=list)
    """API keys that open the server. None means that no key is asked, which only a loopback host may do."""
    allow_unauthenticated: Annotated[bool, FromEnvironment] = False
    """Serve on a host that is not loopback without keys."""
    cors_origins: Texts = Field(default_factory=list)
    """Origins of browsers' pages that may call the server: `https://chat.example.com`, or `*`."""
    max_body: Annotated[Whole, FromEnvironment] = 8 * 1024 * 1024
    """Bytes of a request's body."""
    heartbeat: Annotated[Seconds, FromEnvironment] = 10.0
    """Seconds of silence after which a stream sends a sign of life."""
    first_byte_hold: Annotated[float, Field(ge=0, allow_inf_nan=False), FromEnvironment] = 3.0
    """Seconds that a stream's HTTP status waits for the model's first word or failure."""
    send_timeout: Annotated[Seconds, FromEnvironment] = 120.0
    """Seconds after which a run ends whose client has stopped reading."""
    shutdown_grace: Annotated[float, Field(ge=0, allow_inf_nan=False), FromEnvironment] = 30.0
    """Seconds that running streams get when the server is told to stop."""
    statuses: Annotated[Literal["extension", "metadata", "off"], BeforeValidator(_off)] = "extension"
    """How the statuses of a run are streamed, where the request does not choose."""
    forward_headers: Texts = Field(default_factory=list)
    """Request headers that tools may see."""


class AgentSection(Section):
    """An agent: a model, its tools and its instructions."""

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    """What clients name as their model; without it the name of the file."""
    description: str = ""
    model: ModelSection
    """`provider:model`, or a mapping that says how to reach it."""
    instructions: str | None = None
    """The system prompt."""
    system_prompt: str | None = None
    """Another name of `instructions`."""
    instructions_file: NonEmpty | None = None
    """A text file with the system prompt; its path is relative to this file."""
    tools: list[ToolSection] = Field(default_factory=list)
    """Each `tools.py:function`, `package.module:function`, or a mapping with one key, the kind of tool."""
    max_steps: Annotated[Whole, FromEnvironment] = 10
    """The most model calls of one run that may ask for tools."""
    on_max_steps: Literal["answer", "stop"] = "answer"
    """After them: one last model call without tools, or the end."""
    tool_timeout: Annotated[Seconds | None, FromEnvironment] = 60.0
    """Seconds that one tool call may take; null means no limit."""
    run_timeout: Annotated[Seconds | None, FromEnvironment] = 600.0
    """Seconds that one run may take; null means no limit."""
    history_limit: Annotated[Whole | None, FromEnvironment] = None
    """The most messages of a conversation that the model is shown; older ones go by whole exchanges."""
    options: Options = Field(default_factory=Options)
    housekeeping: HousekeepingSection = Field(default_factory=HousekeepingSection)
    server: ServerSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """``model: NAME`` and ``tools: [NAME]`` stand for mappings, so that an error's path is one of the file's."""
        if not isinstance(value, dict):
            return value
        long = dict(value)
        if isinstance(long.get("model"), str):
            long["model"] = {"name": long["model"]}
        if isinstance(long.get("tools"), list):
            long["tools"] = [{"python": tool} if isinstance(tool, str) else tool for tool in long["tools"]]
        return long

    @model_validator(mode="after")
    def _one_prompt(self) -> AgentSection:
        given = [self.instructions, self.system_prompt, self.instructions_file]
        if sum(prompt is not None for prompt in given) > 1:
            raise ValueError("give one of instructions, system_prompt and instructions_file")
        return self
