"""Prompts for models that take text: the conversation through a chat template (`turnstream.prompts`).

Quirks: ``family`` names one of `prompts.families.FAMILIES`, by default that of the model's name; ``template`` is the
text of a template of one's own, with ``format`` (a name of `text_calls.FORMATS`), ``bos``, ``eos`` and ``stop`` beside
it; ``variables`` are passed to the template.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from turnstream import errors, messages, requests
from turnstream.prompts.chat_template import ChatTemplate
from turnstream.prompts.families import FAMILIES, Family, family_of, with_short_ids
from turnstream.providers import base
from turnstream.providers.encode import translate


def with_family(provider: str, given: base.Settings) -> dict[str, Any]:
    """The quirks with the template of the model's family. Raises `ConfigurationError` if none is known."""
    if "template" in given.quirks:
        return given.quirks
    return {**_of_family(_family(provider, given)), **given.quirks}


def _family(provider: str, given: base.Settings) -> Family:
    named = given.quirks.get("family")
    family = FAMILIES.get(str(named)) if named else family_of(given.model)
    if family is None:
        known = ", ".join(FAMILIES)
        raise errors.ConfigurationError(
            f"{provider}:{given.model} needs a chat template: set the quirk family to one of {known}, "
            "or template to a template's text."
        )
    return family


def _of_family(family: Family) -> dict[str, Any]:
    return {
        "template": family.source(),
        "format": family.format,
        "bos": family.bos,
        "eos": family.eos,
        "stop": list(family.stop),
        "short_ids": family.short_ids,
    }


def text_format(settings: base.Settings) -> str:
    """The form in which this model writes its tool calls, by its name in `text_calls.FORMATS`."""
    return str(settings.quirks.get("format") or "hermes")


def prompt(settings: base.Settings, model_request: requests.ModelRequest) -> str:
    """Raises `RequestError` if the template refuses the conversation, or if that is more than text."""
    for at, message in enumerate(model_request.messages):
        if isinstance(message, messages.UserMessage) and not all(
            isinstance(part, messages.TextPart) for part in translate.parts_of(message.content)
        ):
            raise errors.RequestError("This model only supports text.", param=f"messages[{at}].content")
    quirks = settings.quirks
    conversation = translate.readable_results(model_request.messages, _refuse_all_but_text)
    if quirks.get("short_ids"):
        conversation = with_short_ids(conversation)
    return _template(quirks["template"]).render(
        conversation,
        model_request.tools,
        now=datetime.fromtimestamp(model_request.time, UTC),
        bos_token=quirks.get("bos", ""),
        eos_token=quirks.get("eos", ""),
        **quirks.get("variables", {}),
    )


def _refuse_all_but_text(part: messages.ContentPart) -> None:
    if not isinstance(part, messages.TextPart):
        raise errors.RequestError("This model only supports text.")


@lru_cache(maxsize=32)
def _template(source: str) -> ChatTemplate:
    return ChatTemplate(source)
