"""A model: what a configuration may say of it, and the model that this describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from turnstream import errors, providers, requests
from turnstream.config import automatic, context, files, foreign
from turnstream.config.sections import (
    Count,
    JsonObject,
    NonEmpty,
    PositiveInt,
    Seconds,
    Section,
    StrMap,
    defaults_of,
)
from turnstream.protocols import AnyModel
from turnstream.providers import base

_TIMEOUTS = defaults_of(base.Timeouts)


class Options(Section):
    """Sampling and output parameters; those left out are the vendor's defaults."""

    hints = foreign.OPTIONS

    temperature: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)] = None
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    stop: list[str] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    response_format: JsonObject | None = None
    """OpenAI's `response_format` object: `{type: json_schema, json_schema: …}`."""
    reasoning_effort: str | None = None
    tool_choice: str | JsonObject | None = None
    """`auto`, `none`, `required`, or one tool as `{name: …}`."""
    parallel_tool_calls: bool | None = None
    extra: JsonObject | None = None
    """Merged into the provider's request body as it is."""


class Timeouts(Section):
    """In seconds."""

    connect: Seconds = _TIMEOUTS["connect"]
    """Until the connection to the model's server stands."""
    first_token: Seconds = _TIMEOUTS["first_token"]
    """From the request to the first event of the answer."""
    idle: Seconds = _TIMEOUTS["idle"]
    """The longest silence after that."""


class TextCallsSection(Section):
    """A model that writes its tool calls as text."""

    format: NonEmpty | None = None
    """The format of the calls, by its name in docs/tool-calls-as-text.md; without it, that of the model's family."""
    describe: bool = True
    """Describe the tools in the system message; false leaves that to the server's own prompt."""
    prompt: NonEmpty | None = None
    """How the tools are described: `{tools}` stands for their definitions, `{example}` for a call, `{date}` for today's
    date."""
    reasoning_open: bool = False
    """The prompt ends within the model's reasoning, so an answer begins there."""

    @model_validator(mode="after")
    def _prompt_has_tools(self) -> TextCallsSection:
        if self.prompt is not None and "{tools}" not in self.prompt:
            raise ValueError("prompt must have {tools}, where the tools are described")
        return self


class ModelSection(Section):
    """A model, and how to reach it."""

    hints: ClassVar[Mapping[str, str]] = {**foreign.MODEL, **foreign.belongs(Options.model_fields, "under options")}

    name: NonEmpty
    """`provider:model`, or the model alone where `provider` is given; `auto` takes what the environment offers."""
    provider: NonEmpty | None = None
    """`openai`, `ollama`, `openai-compatible` (with `base_url`), …"""
    base_url: NonEmpty | None = None
    """The address before `/chat/completions`: `http://127.0.0.1:8080/v1`."""
    api_key: Annotated[str | None, Field(repr=False)] = None
    """Best as `${NAME}`; without it the provider's usual environment variable is read."""
    headers: StrMap = Field(default_factory=dict, repr=False)
    """Sent with each request to the model."""
    options: Options = Field(default_factory=Options)
    """Sampling and output parameters of this model; those of the agent win."""
    timeouts: Timeouts = Field(default_factory=Timeouts)
    """How long the model's server may take, in seconds."""
    retries: Count = defaults_of(providers.model)["retries"]
    """Tries after the first one, all before the first byte of an answer."""
    quirks: JsonObject = Field(default_factory=dict)
    """The provider's own switches."""
    web_search: bool = False
    """Let the model use the search of the web that its vendor runs, for providers that have one."""
    template: NonEmpty | None = None
    """A file with the model's chat template (Jinja2), for `openai-completions`; its path is relative to this file."""
    tool_calls: Literal["native", "auto", "text"] | TextCallsSection = "native"
    """`native`: the server reads the model's tool calls; `auto`: as native, and also reads calls that leak into the
    text; `text`: the model writes them as text, in the format of its family or in the one named by `format`."""

    @property
    def full_name(self) -> str:
        return f"{self.provider}:{self.name}" if self.provider else self.name


def write_out(value: Any) -> Any:
    """``model: NAME`` stands for a mapping, also within a list: written out, an error's path is one of the file's."""
    if not isinstance(value, dict):
        return value
    match value.get("model"):
        case str(name):
            return {**value, "model": {"name": name}}
        case list(names):
            return {**value, "model": [{"name": name} if isinstance(name, str) else name for name in names]}
        case _:
            return value


class HousekeepingSection(Section):
    """What chat front ends ask for their own use: titles, tags, follow-up questions."""

    enabled: bool = True
    """Let the model answer it alone, without tools, instructions and statuses; false leaves it to the agent."""
    model: ModelSection | None = None
    """A cheaper model for it, written as the agent's model is."""

    @model_validator(mode="before")
    @classmethod
    def _write_out(cls, value: Any) -> Any:
        return write_out(value)


def build_options(section: Options) -> requests.ModelOptions:
    values = section.model_dump(exclude_none=True)
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return requests.ModelOptions(**values)


def build(section: ModelSection, where: context.ConfigContext) -> AnyModel:
    """Only what the file says is passed on: what it leaves out is the provider's business."""
    name = section.full_name
    given = section.given("base_url", "api_key", "headers", "retries", "web_search")
    if name == "auto":
        name, base_url, _ = automatic.choose(where.environ)
        given = {"base_url": base_url, **given}
    quirks = {**section.quirks, **_read_template(section, where)}
    if quirks:
        given["quirks"] = quirks
    if "options" in section.model_fields_set:
        given["options"] = build_options(section.options)
    if "timeouts" in section.model_fields_set:
        given["timeouts"] = section.timeouts.model_dump(exclude_unset=True)
    model: AnyModel = providers.model(name, environ=where.environ, client=where.client, **given)
    return read_text_calls(model, section.tool_calls)


def _read_template(section: ModelSection, where: context.ConfigContext) -> dict[str, str]:
    if section.template is None:
        return {}
    try:
        return {"template": files.read_text(where.folder / section.template)}
    except errors.ConfigurationError as error:
        raise errors.ConfigurationError(f"template: {error.message}") from None


def read_text_calls(model: AnyModel, how: str | TextCallsSection) -> AnyModel:
    """``model``, with the tool calls that it writes as text read by us."""
    if how == "native":
        return model
    from turnstream.models import text_mode
    from turnstream.parsing import text_calls

    family = text_calls.format_for(model.name.partition(":")[2])
    if not isinstance(how, TextCallsSection):
        return text_mode.TextMode(model, family, describe=how == "text")
    format = how.format or family
    text_calls.check_format(format)
    more = how.given("prompt") if how.prompt else {}
    return text_mode.TextMode(model, format, describe=how.describe, reasoning_open=how.reasoning_open, **more)
