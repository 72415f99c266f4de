"""What chat front ends ask for their own use: titles, tags, follow-up questions, search queries, completions of what is
being typed.

They send these requests to the agent like any other, so it would run its tools for a title. They are known by their
default prompts: Open WebUI's (``DEFAULT_…_GENERATION_PROMPT_TEMPLATE`` of its environment configuration) and
LibreChat's (``title.ts`` of ``@librechat/agents``). Prompts that somebody has rewritten get the agent's own answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnstream.events import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage, content_text

_TASK, _HISTORY = "### Task:", "<chat_history>"  # Open WebUI: all of its prompts have both
_TITLES = (
    "Provide a concise, 5-word-or-less title for the conversation",
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title",
)


def is_housekeeping(messages: Sequence[Message]) -> bool:
    """Whether a front end asks for itself. Such a request is one message, maybe with a system message before it; the
    conversation is quoted in it."""
    asked = ""
    for message in messages:
        match message:
            case SystemMessage(content=text):
                pass
            case UserMessage(content=content) if not asked:
                asked = text = content_text(content)
            case UserMessage() | AssistantMessage() | ToolMessage():
                return False
        if _is_prompt(text.lstrip()):
            return True
    return False


def _is_prompt(text: str) -> bool:
    return text.startswith(_TITLES) or (text.startswith(_TASK) and _HISTORY in text)
