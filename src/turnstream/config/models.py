"""Validated sections → a model and its options."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from turnstream import providers
from turnstream.config import automatic
from turnstream.config.schema import ModelSection, Options, TextCallsSection
from turnstream.config.tools import Place
from turnstream.events import ConfigurationError, ModelOptions
from turnstream.models.text_mode import TextMode
from turnstream.parsing.text_calls import FORMATS, format_for
from turnstream.protocols import AnyModel


def make_options(section: Options) -> ModelOptions:
    values = section.model_dump(exclude_none=True)
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return ModelOptions(**values)


def make_model(section: ModelSection, place: Place) -> AnyModel:
    """Only what the file says is passed on: the provider's defaults stand in one place, its own."""
    name = section.full_name
    given = section.model_fields_set
    more: dict[str, Any] = {key: getattr(section, key) for key in ("base_url", "api_key", "headers") if key in given}
    if name == "auto":
        name, base_url, _ = automatic.choose(place.environ)
        more = {"base_url": base_url, **more}
    if "quirks" in given or section.template is not None:
        more["quirks"] = {**section.quirks, **_template(section, place)}
    if "options" in given:
        more["options"] = make_options(section.options)
    if "retries" in given:
        more["retries"] = section.retries
    if "timeouts" in given:
        more["timeouts"] = section.timeouts.model_dump()
    model: AnyModel = providers.model(name, environ=place.environ, client=place.client, **more)
    return reading_calls(model, section.tool_calls)


def _template(section: ModelSection, place: Place) -> dict[str, str]:
    if section.template is None:
        return {}
    try:
        return {"template": (place.folder / section.template).read_text("utf-8")}
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("there is no file that template names, or it is not UTF-8 text") from None


def reading_calls(model: AnyModel, how: str | TextCallsSection) -> AnyModel:
    """``model``, with the tool calls that it writes as text read by us."""
    match how:
        case "auto" | "text":
            return TextMode(model, format_for(model.name.partition(":")[2]), describe=how == "text")
        case TextCallsSection(format=format):
            if format not in FORMATS:
                close = get_close_matches(format, FORMATS, 3, 0.5)
                hint = f" Did you mean {' or '.join(close)}?" if close else ""
                raise ConfigurationError(f"there is no form of tool calls named {format!r}.{hint}")
            return TextMode(model, format, describe=how.describe, reasoning_open=how.reasoning_open)
        case _:
            return model
