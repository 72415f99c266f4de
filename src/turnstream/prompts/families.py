"""Model families whose prompts we can write: one row each. A template of the user's own makes a family too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources

import msgspec
from msgspec import Struct

from turnstream import messages


class Family(Struct, frozen=True):
    """``template`` is a file in ``templates/``; ``format`` names the form of its calls in `parsing.text_calls`.

    ``stop`` are the texts that end an answer, for servers which do not know them. ``short_ids``: call ids must be nine
    letters and digits. ``models`` matches the names of its models.
    """

    name: str
    template: str
    format: str
    models: str
    bos: str = ""
    eos: str = ""
    stop: tuple[str, ...] = ()
    short_ids: bool = False

    def source(self) -> str:
        """The text of the template that we ship."""
        return (resources.files(__package__) / "templates" / self.template).read_text("utf-8")


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "granite4",
            template="granite4.jinja",
            format="granite4",
            models=r"granite[-_ ]?4",
            eos="<|end_of_text|>",
            stop=("<|end_of_text|>",),
        ),
        Family(
            "granite3",
            template="granite3.jinja",
            format="granite3",
            models=r"granite",
            eos="<|end_of_text|>",
            stop=("<|end_of_text|>",),
        ),
        Family(
            "llama4",
            template="llama4.jinja",
            format="pythonic",
            models=r"llama[-_ ]?4",
            bos="<|begin_of_text|>",
            eos="<|eot|>",
            stop=("<|eot|>", "<|eom|>"),
        ),
        Family(
            "llama3",
            template="llama3.jinja",
            format="llama3_json",
            models=r"llama[-_ ]?3",
            bos="<|begin_of_text|>",
            eos="<|eot_id|>",
            stop=("<|eot_id|>", "<|eom_id|>"),
        ),
        Family(
            "mistral",
            template="mistral.jinja",
            format="mistral_json_array",
            models=r"mi[sx]tral|nemo",
            bos="<s>",
            eos="</s>",
            stop=("</s>",),
            short_ids=True,
        ),
        Family(
            "hermes",
            template="hermes.jinja",
            format="hermes",
            models=r"qwen|qwq|hermes",
            eos="<|im_end|>",
            stop=("<|im_end|>",),
        ),
    )
}


def family_of(model: str) -> Family | None:
    """The family by the model's name, None if no row knows it."""
    return next((family for family in FAMILIES.values() if re.search(family.models, model, re.IGNORECASE)), None)


def with_short_ids(messages: Sequence[messages.Message]) -> tuple[messages.Message, ...]:
    """The same conversation with call ids of nine letters and digits, as Mistral's models were trained."""
    return tuple(_short(message) for message in messages)


def short_id(id: str) -> str:
    """Nine letters and digits, always the same for the same id; an id of that form stays as it is."""
    if len(id) == 9 and id.isascii() and id.isalnum():
        return id
    return hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def _short(message: messages.Message) -> messages.Message:
    match message:
        case messages.ToolMessage(tool_call_id=id):
            return msgspec.structs.replace(message, tool_call_id=short_id(id))
        case messages.AssistantMessage(parts=parts):
            return messages.AssistantMessage(
                tuple(
                    msgspec.structs.replace(part, id=short_id(part.id)) if isinstance(part, messages.ToolCall) else part
                    for part in parts
                )
            )
        case _:
            return message
