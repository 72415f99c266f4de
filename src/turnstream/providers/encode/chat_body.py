"""A model request as the JSON body of a chat completion.

Quirks (``Settings.quirks``), each absent unless a vendor needs it:

- ``output_limit``: the one name that the vendor knows for it, ``max_tokens`` or ``max_completion_tokens``.
- ``temperature``: the lowest and the highest that the vendor takes; ``most_stops``: so many stop sequences.
- ``plain_schemas``: the vendor refuses schemas of tools that are not those of an object at their top.
- ``system_role``: ``developer`` instead of ``system``.
- ``reasoning``: the field in which the vendor wants the reasoning of the current tool loop sent back
  (``reasoning_content``, ``reasoning`` or ``reasoning_details``), or ``none`` if it refuses any.
- ``thinking_switch``: the vendor knows ``thinking: {"type": "disabled"}``, or the members that say it there.
- ``thought_signatures``: calls without Google's signature get the stand-in that Gemini 3 takes for one.
- ``assistant_name``: the vendor takes the name of an assistant's message; some refuse it.
- ``alternate``: the user and the assistant must take turns, the user first. Some models' templates want it anywhere.
- ``empty_content``: ``""`` and not null beside calls.
- ``late_system``: system messages are taken anywhere; for others a late one is the user's.
- ``body``: members to send with every request, unless ``extra`` has them.
- ``continues``: the vendor goes on with an answer that the conversation ends with, if it is told to (vLLM).
- ``responses``: the vendor also has ``/responses``, for models that refuse tools here.
- ``text_only``: content must be a string; a user's parts that are not text are left out, a tool's are put into words.
- ``no_files``: the vendor takes no files.
- ``no_stream_options``: the vendor rejects ``stream_options``.
- ``without``: names of body members that the vendor rejects.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from turnstream import messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import chat_messages, chat_thinking, model_rules, tool_schemas, translate

_PLAIN = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "reasoning_effort",
)
_plain = attrgetter(*_PLAIN)


def encode(settings: base.Settings, request: requests.ModelRequest, notes: list[str]) -> bytes:
    """The body as bytes. Lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    return translate.encode(body(settings, request, notes))


def body(settings: base.Settings, request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    """The options of the request win over those of the settings; ``extra`` is merged last, over everything.

    ``notes`` gets a sentence for each option that is left out because the model refuses it.
    """
    quirks = settings.quirks
    history = chat_messages.encode(request.messages, quirks, settings.model)
    whole: dict[str, Any] = {"model": settings.model, "messages": history, "stream": True}
    if not quirks.get("no_stream_options"):
        whole["stream_options"] = {"include_usage": True}
    if request.tools:
        plain = quirks.get("plain_schemas") or tool_schemas.prefers_objects(settings.model)
        whole["tools"] = [tool(spec, plain=bool(plain)) for spec in request.tools]
    lost = chat_thinking.find_lost(history, settings.model) if quirks.get("reasoning") != "none" else []
    options = request.options
    if lost or options.are_given or settings.options.are_given:
        options = _add_options(whole, settings, request, lost, notes)
    if quirks:
        if quirks.get("continues") and request.messages and isinstance(request.messages[-1], messages.AssistantMessage):
            whole |= {"continue_final_message": True, "add_generation_prompt": False}
        whole |= quirks.get("body", {})
        for unwanted in quirks.get("without", ()):
            whole.pop(unwanted, None)
    return {**whole, **options.extra} if options.extra else whole


def _add_options(
    whole: dict[str, Any],
    settings: base.Settings,
    request: requests.ModelRequest,
    lost: list[dict[str, Any]],
    notes: list[str],
) -> requests.ModelOptions:
    """To the body. Gives those that the model is asked with; ``lost`` are messages without the thoughts that it
    demands."""
    quirks, model = settings.quirks, settings.model
    options = model_rules.fit(model, settings.options, request.options, notes)
    options = model_rules.fit_chat(model, options, notes)
    limits, most_stops = quirks.get("temperature"), quirks.get("most_stops")
    if limits or most_stops:
        options = model_rules.keep_within(options, notes, temperature=limits, stops=most_stops)
    switch = quirks.get("thinking_switch")
    forced = bool(switch and request.tools) and chat_thinking.refuses_choice(model, options)
    if lost or forced:
        if switch and chat_thinking.can_rest(model):
            whole |= switch if isinstance(switch, dict) else {"thinking": {"type": "disabled"}}
            options = msgspec.structs.replace(options, reasoning_effort=None)
            notes.append(chat_thinking.RESTS if lost else chat_thinking.RESTS_FOR_CHOICE)
        else:
            chat_thinking.stand_in(lost)
            if forced:
                options = msgspec.structs.replace(options, tool_choice="auto")
                notes.append(chat_thinking.FREED)
    if switch and (only := chat_thinking.only_tool(model, options)) is not None:
        whole["tools"] = [named for named in whole["tools"] if named["function"]["name"] == only]
        options = msgspec.structs.replace(options, tool_choice="required")
    if chat_thinking.says_it_itself(model, options):
        options = msgspec.structs.replace(options, reasoning_effort=None)
    whole |= _options(options, with_tools=bool(request.tools))
    limit_name = quirks.get("output_limit") or model_rules.output_limit(model)
    if limit_name and options.output_limit is not None:
        whole.pop("max_tokens", None)
        whole.pop("max_completion_tokens", None)
        whole[limit_name] = options.output_limit
    whole |= {name: value for name, value in (options.openai or {}).items() if name != "truncation"}
    return options


def _options(options: requests.ModelOptions, *, with_tools: bool) -> dict[str, Any]:
    given = {name: value for name, value in zip(_PLAIN, _plain(options), strict=True) if value is not None}
    if options.stop is not None:
        given["stop"] = list(options.stop)
    if with_tools:  # vendors reject these two where there are no tools
        choice = options.tool_choice
        if isinstance(choice, dict) and isinstance(choice.get("name"), str):
            given["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
        elif choice is not None:
            given["tool_choice"] = choice
        if options.parallel_tool_calls is not None:
            given["parallel_tool_calls"] = options.parallel_tool_calls
    return given


def tool(spec: toolspec.ToolSpec, *, plain: bool = False) -> dict[str, Any]:
    """A tool as chat completions spell it. ``plain`` says that its schema must be that of an object."""
    parameters = tool_schemas.as_object(spec.parameters) if plain else spec.parameters
    function: dict[str, Any] = {"name": spec.name, "description": spec.description, "parameters": parameters}
    if spec.strict is not None:
        function["strict"] = spec.strict
    return {"type": "function", "function": function}
