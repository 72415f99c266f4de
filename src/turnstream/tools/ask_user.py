"""A tool by which the model asks the user: the run waits for the answer, in whatever protocol asked for the run."""

from __future__ import annotations

from typing import Any

from turnstream import asks, errors, messages, protocols, requests, toolspec
from turnstream.tools.json_arguments import arguments_of

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {
            "type": "string",
            "minLength": 1,
            "description": "What the user is asked, in one or two sentences.",
        },
        "choices": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 2,
            "maxItems": 20,
            "description": "The answers to choose from, if there are only these.",
        },
    },
    "required": ["question"],
}


class AskUser:
    """A toolbox of the one tool ``ask_user``. ``schema`` is the JSON Schema of each answer; without it the answer is a
    text, or one of the choices that the model gives."""

    asks = True

    def __init__(self, schema: dict[str, Any] | None = None, *, description: str = "", by: str = "") -> None:
        self._schema, self._by = schema, by
        text = description or "Ask the user a question and wait for the answer. Use it when you cannot go on without."
        self.specs = (toolspec.ToolSpec("ask_user", text, _PARAMETERS),)

    async def tools(self, context: requests.RunContext) -> tuple[toolspec.ToolSpec, ...]:
        return self.specs

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Raises `AskError`, and `ToolError` where nobody can be asked."""
        arguments = arguments_of(call)
        question, choices = arguments.get("question"), arguments.get("choices")
        if not isinstance(question, str) or not question.strip():
            raise errors.ToolError("ask_user needs a question, as a text.")
        if not context.can_wait:
            raise errors.ToolError("The user cannot be asked here. Go on without, or say what you need to know.")
        schema = self._schema
        if schema is None and isinstance(choices, list) and choices:
            schema = {"type": "string", "enum": [str(choice) for choice in choices]}
        raise protocols.AskError(asks.Ask(call.id, "question", question, schema, by=self._by))

    def __repr__(self) -> str:
        return "AskUser()"
