"""Validated sections → an agent and the server's settings."""

from __future__ import annotations

from turnstream.agent import Agent
from turnstream.config.document import Document
from turnstream.config.models import make_model, make_options
from turnstream.config.schema import AgentSection, ServerSection
from turnstream.config.tools import Place, build
from turnstream.events import ConfigurationError
from turnstream.protocols import AnyModel, Toolbox
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
    model: AnyModel | None = None
    try:
        model = make_model(section.model, place)
    except ConfigurationError as error:
        problems.append(document.error(("model",), error.message))
    housekeeping = _housekeeping(section, document, place, problems)
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
        housekeeping=housekeeping,
    )


def _housekeeping(section: AgentSection, document: Document, place: Place, problems: list[str]) -> AnyModel | bool:
    kept = section.housekeeping
    if not kept.enabled or kept.model is None:
        return kept.enabled
    try:
        return make_model(kept.model, place)
    except ConfigurationError as error:
        problems.append(document.error(("housekeeping", "model"), error.message))
        return False


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


def _instructions(section: AgentSection, document: Document, place: Place, problems: list[str]) -> str:
    if section.instructions_file is None:
        return section.instructions or section.system_prompt or ""
    path = place.folder / section.instructions_file
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        problems.append(document.error(("instructions_file",), "there is no such file, or it is not UTF-8 text"))
        return ""
