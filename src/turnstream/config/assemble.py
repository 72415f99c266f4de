"""Validated sections → an agent and the server's settings."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from turnstream import providers
from turnstream.agent import Agent
from turnstream.agent.protocols import Model, Toolbox
from turnstream.config import automatic
from turnstream.config.document import Document
from turnstream.config.schema import AgentSection, ModelSection, Options, ServerSection, TextCallsSection
from turnstream.config.tools import Place, build
from turnstream.events import ConfigurationError, ModelOptions
from turnstream.parsing.text_calls import FORMATS
from turnstream.providers.text_mode import TextMode, best_format
from turnstream.service import ServerSettings
from turnstream.tools.python import FunctionTool


def make_settings(section: ServerSection) -> ServerSettings:
    """Header names become lower case: that is how requests carry them."""
    values = section.model_dump()
    for name in ("keys", "cors_origins", "forward_headers"):
        values[name] = tuple(values[name])
    values["forward_headers"] = tuple(name.lower() for name in values["forward_headers"])
    return ServerSettings(**values)


def make_agent(section: AgentSection, document: Document, place: Place, *, default_name: str) -> Agent:
    """Raises `ConfigurationError` with everything that model, tools and instructions have against them."""
    problems: list[str] = []
    model: Model | None = None
    try:
        model = make_model(section.model, place)
    except ConfigurationError as error:
        problems.append(document.error(("model",), error.message))
    tools = _tools(section, document, place, problems)
    instructions = _instructions(section, document, place, problems)
    if problems or model is None:
        raise ConfigurationError("\n".join(problems))
    return Agent(
        model,
        tools,
        instructions,
        name=section.name or default_name,
        description=section.description,
        max_steps=section.max_steps,
        on_max_steps=section.on_max_steps,
        tool_timeout=section.tool_timeout,
        run_timeout=section.run_timeout,
        history_limit=section.history_limit,
        options=make_options(section.options),
    )


def _tools(section: AgentSection, document: Document, place: Place, problems: list[str]) -> list[Toolbox]:
    tools: list[Toolbox] = []
    names: set[str] = set()
    for index, entry in enumerate(section.tools):
        try:
            made = build(entry, place)
        except ConfigurationError as error:
            problems.append(document.error(("tools", index), error.message))
            continue
        for name in (tool.name for tool in made if isinstance(tool, FunctionTool)):
            if name in names:
                problems.append(document.error(("tools", index), f"there is a tool named {name} already"))
            names.add(name)
        tools.extend(made)
    return tools


def make_options(section: Options) -> ModelOptions:
    values = section.model_dump(exclude_none=True)
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return ModelOptions(**values)


def make_model(section: ModelSection, place: Place) -> Model:
    """Only what the file says is passed on: the provider's defaults stand in one place, its own."""
    name = section.full_name
    if name == "auto":
        name = automatic.choose(place.environ).model
    given = section.model_fields_set
    more: dict[str, Any] = {key: getattr(section, key) for key in ("base_url", "api_key", "headers") if key in given}
    if "quirks" in given or section.template is not None:
        more["quirks"] = {**section.quirks, **_template(section, place)}
    if "options" in given:
        more["options"] = make_options(section.options)
    if "retries" in given:
        more["retries"] = section.retries
    if "timeouts" in given:
        more["timeouts"] = section.timeouts.model_dump()
    make: Callable[..., Model] = providers.model
    return reading_calls(make(name, environ=place.environ, **more), section.tool_calls)


def _template(section: ModelSection, place: Place) -> dict[str, str]:
    if section.template is None:
        return {}
    try:
        return {"template": (place.folder / section.template).read_text("utf-8")}
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"there is no file {section.template!r}, or it is not UTF-8 text") from None


def reading_calls(model: Model, how: str | TextCallsSection) -> Model:
    """``model``, with the tool calls that it writes as text read by us."""
    match how:
        case "auto":
            return TextMode(model, "auto", describe=False)
        case "text":
            return TextMode(model, best_format(model.name))
        case TextCallsSection(format=format):
            if format not in FORMATS:
                close = get_close_matches(format, FORMATS, 3, 0.5)
                hint = f" Did you mean {' or '.join(close)}?" if close else ""
                raise ConfigurationError(f"there is no form of tool calls named {format!r}.{hint}")
            return TextMode(model, format, describe=how.describe, reasoning_open=how.reasoning_open)
        case _:
            return model


def _instructions(section: AgentSection, document: Document, place: Place, problems: list[str]) -> str:
    if section.instructions_file is None:
        return section.instructions or section.system_prompt or ""
    path = place.folder / section.instructions_file
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        problems.append(document.error(("instructions_file",), "there is no such file, or it is not UTF-8 text"))
        return ""
