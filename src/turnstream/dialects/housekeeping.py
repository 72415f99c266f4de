"""What chat front ends ask for their own use: titles, tags, follow-up questions, search queries, completions of what is
being typed, summaries of long chats, what to remember of a chat, which of their own tools to use.

They send these requests to the agent like any other, so it would run its tools for a title. They are known by their
default prompts: Open WebUI's (of its ``config.py``, ``utils/context_compaction.py`` and ``utils/memory.py``) and
LibreChat's (``title.ts`` of ``@librechat/agents``). Prompts that somebody has rewritten get the agent's own answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnstream import messages

_STARTS = (
    "You are Open WebUI's private memory reviewer.",
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji.",
    "Provide a concise, 5-word-or-less title for the conversation",
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title",
)
_MARKS = (  # of Open WebUI: how a prompt starts and what else is in it
    ("### Task:", "<chat_history>"),
    ("### Task:", "### Messages Being Compacted:"),
    ("Available Tools:", "Your task is to choose and return the correct tool(s)"),  # with "legacy" function calling
)


_ALL_STARTS = (*_STARTS, *{start for start, _ in _MARKS})


def is_housekeeping(conversation: Sequence[messages.Message]) -> bool:
    """Whether a front end asks for itself. Such a request is one message, maybe with a system message before it; the
    conversation is quoted in it."""
    asked = ""
    for message in conversation:
        match message:
            case messages.SystemMessage(content=text):
                pass
            case messages.UserMessage(content=content) if not asked:
                asked = text = messages.content_text(content)
            case messages.UserMessage() | messages.AssistantMessage() | messages.ToolMessage():
                return False
        if _is_prompt(text.lstrip()):
            return True
    return False


def _is_prompt(text: str) -> bool:
    if not text.startswith(_ALL_STARTS):
        return False
    return text.startswith(_STARTS) or any(text.startswith(start) and mark in text for start, mark in _MARKS)
