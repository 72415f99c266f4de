"""Reasoning in the history of chat completions: to whom it goes back, under which name, and what stands in for it;
and what a model does not take while it thinks.

DeepSeek V4 and Kimi since K2.5 refuse an assistant message with calls whose reasoning is missing, in every later
request and at every host. Others refuse the field itself (the quirk ``reasoning: none``). What a gateway signed goes
back to it as it came. https://api-docs.deepseek.com/guides/thinking_mode
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from turnstream import messages, requests

_DEMANDS = re.compile(r"deepseek[-_ .]?v(?:[4-9]|\d\d)|kimi-k2[.p-][5-9](?!\d)|kimi-k(?:[3-9]|\d\d)|kimi-k2-thinking")
_IN_LOOP = re.compile(r"glm-(?:4\.[7-9]|[5-9])")
_ALWAYS_THINKS = re.compile(r"thinking|kimi-k2[.p-]7-code")
_SAID = (messages.TextPart, messages.ToolCall)  # what is no thought
_NAMES = ("reasoning_content", "reasoning", "reasoning_details")
# These think unless they are told not to, and refuse a forced tool meanwhile (https://github.com/BerriAI/litellm/pull/37470,
# https://github.com/UKGovernmentBEIS/inspect_ai/pull/5152, https://github.com/cloudwego/eino/issues/994).
_REFUSES_CHOICE = re.compile(
    r"deepseek[-_ .]?v(?:[4-9]|\d\d)|deepseek-reasoner|kimi-k2[.p-][5-9](?!\d)|kimi-k2-thinking"
    r"|qwen3\.(?:[5-9]|\d\d)|qwen3-\d+(?:\.\d+)?b(?!.*(?:instruct|coder))"
)
RESTS_FOR_CHOICE = "Thinking is off where a tool is forced: this model does not take both."
FREED = "tool_choice is sent as auto: this model thinks always, and takes no other then."
RESTS = "Thinking is off where a client did not keep what the model had thought before its calls."
STAND_IN = " "  # vendors refuse nothing at all, and models go on with words that they never thought


def members(message: messages.AssistantMessage, field: str, model: str, *, in_loop: bool) -> dict[str, Any]:
    """Of the assistant's message. ``field`` is the quirk ``reasoning``; ``in_loop``: the user has not spoken since."""
    if field == "none" or all(part.__class__ in _SAID for part in message.parts):
        return {}
    kept = _items_of_vendor(message)
    result: dict[str, Any] = {}
    if kept.get("reasoning_opaque"):
        result |= {"reasoning_opaque": kept["reasoning_opaque"]}
        result |= {"reasoning_text": message.reasoning} if message.reasoning else {}
    if in_loop and kept.get("thinking_blocks"):
        result["thinking_blocks"] = kept["thinking_blocks"]
    details = kept.get("reasoning_details")
    if in_loop and details and (field == "reasoning_details" or _is_signed(details)):
        return {**result, "reasoning_details": details}
    usual = {"reasoning_details": "reasoning", "": "reasoning_content"}.get(field, field)
    name = str(kept.get("field") or usual)  # the vendor's own word for it, if it sent any
    demanded = demands(model)
    if not demanded and not (in_loop and (field or _IN_LOOP.search(model.lower()))):
        return result
    if message.reasoning:
        result[name] = message.reasoning
    elif "reasoning_content" in kept:  # it was empty, which is not the same as none
        result[name] = STAND_IN
    return result


@lru_cache(256)
def demands(model: str) -> bool:
    return _DEMANDS.search(model.lower()) is not None


def find_lost(history: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    """The messages with calls whose reasoning the model demands, and that a client did not keep."""
    if not demands(model):
        return []
    return [message for message in history if message.get("tool_calls") and not message.keys() & set(_NAMES)]


def can_rest(model: str) -> bool:
    """Whether it can be told not to think; then it demands nothing."""
    return _ALWAYS_THINKS.search(model.lower()) is None


def refuses_choice(model: str, options: requests.ModelOptions) -> bool:
    """Whether the choice forces a tool, and the model thinks, which it does not take together."""
    if options.tool_choice in (None, "auto", "none") or not _refuses_choice(model):
        return False
    extra = options.extra or {}
    thinking = extra.get("thinking")
    told_off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    return not told_off and extra.get("enable_thinking") is not False


@lru_cache(256)
def _refuses_choice(model: str) -> bool:
    return _REFUSES_CHOICE.search(model.lower()) is not None


def only_tool(model: str, options: requests.ModelOptions) -> str | None:
    """The tool that is forced by its name, where the model takes no name: with no other tool, any call is one of it."""
    choice = options.tool_choice
    named = choice.get("name") if isinstance(choice, dict) else None
    return named if isinstance(named, str) and "kimi-k3" in model.lower() else None


def says_it_itself(model: str, options: requests.ModelOptions) -> bool:
    """Whether the request has Kimi's own word for thinking, which refuses an effort beside it."""
    return options.reasoning_effort is not None and "thinking" in (options.extra or {}) and "kimi" in model.lower()


def stand_in(lost_ones: list[dict[str, Any]]) -> None:
    for message in lost_ones:
        message["reasoning_content"] = STAND_IN


def _items_of_vendor(message: messages.AssistantMessage) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, messages.ProviderItem) and part.provider == "openai":
            kept |= part.data
    return kept


def _is_signed(details: Any) -> bool:
    return isinstance(details, list) and any(
        isinstance(detail, dict) and (detail.get("signature") or detail.get("data")) for detail in details
    )
