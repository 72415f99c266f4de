"""Which parameters a model refuses, by its name, at any host that passes them on. Facts of November 2026.

A name that tells nothing gets everything, and what the operator puts into ``extra`` is sent in any case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from turnstream import requests

_OPENAI = re.compile(r"(?:^|[/.:])(o[1-9]|gpt-5(?:\.(\d+))?)(?![\d.])(?!.*chat)")
_KIMI_FIXED = re.compile(r"kimi-k2[.p-]?[5-9]")
_GROK = re.compile(r"(?:^|[/.:])grok-")
_GROK_THINKS = re.compile(r"grok-3-mini|grok-4\.(?:[3-9]|\d\d-multi)|multi-agent|grok-[5-9]")
_SEARCHES = re.compile(r"gpt-[\w.-]*-search-(?:preview|api)")
_GEMINI = re.compile(r"(?:^|[/.:])gemini-(?:2\.5|[3-9])")  # of the older ones some take penalties
_ALL = ("temperature", "top_p", "stop", "presence_penalty", "frequency_penalty")
_PENALTIES = ("presence_penalty", "frequency_penalty")
_BIAS = "logit_bias"
_O_EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}


@lru_cache(256)  # a server has few models, and asks for each of them with each request
def generation(model: str) -> tuple[int, int] | None:
    """(0, 0) for OpenAI's o-series, (5, 4) for gpt-5.4, None for models that do not reason."""
    found = _OPENAI.search(model.lower())
    if found is None:
        return None
    return (0, 0) if found[1].startswith("o") else (5, int(found[2] or 0))


def output_limit(model: str) -> str | None:
    """The one name that OpenAI's models that think know for it, at any host that passes it on."""
    return "max_completion_tokens" if generation(model) is not None else None


def patience(model: str) -> dict[str, float]:
    """The time-outs, in seconds, for OpenAI's models that think: they send nothing meanwhile, not even a comment."""
    return {"first_token": 180.0, "idle": 180.0} if generation(model) is not None else {}


def fit_chat(model: str, options: requests.ModelOptions, notes: list[str]) -> requests.ModelOptions:
    """The options without what the model refuses at chat completions alone."""
    if options.parallel_tool_calls is None or generation(model) != (0, 0):
        return options
    notes.append("parallel_tool_calls is left out: this model refuses it.")
    return msgspec.structs.replace(options, parallel_tool_calls=None)


def keep_within(
    options: requests.ModelOptions,
    notes: list[str],
    *,
    temperature: tuple[float, float] | None = None,
    stops: int | None = None,
) -> requests.ModelOptions:
    """The options within what a vendor takes: the nearest temperature, and so many stop sequences."""
    given = options.temperature
    if temperature is not None and given is not None and not temperature[0] <= given <= temperature[1]:
        nearest = min(max(given, temperature[0]), temperature[1])
        side, most = ("above", "highest") if given > nearest else ("below", "lowest")
        notes.append(f"A temperature {side} {nearest:g} is sent as {nearest:g}, this vendor's {most}.")
        options = msgspec.structs.replace(options, temperature=nearest)
    if stops is not None and options.stop is not None and len(options.stop) > stops:
        notes.append(f"Only {stops} stop sequences are sent: this vendor accepts no more.")
        options = msgspec.structs.replace(options, stop=options.stop[:stops])
    return options


def needs_responses(model: str, defaults: requests.ModelOptions, asked: requests.ModelRequest) -> bool:
    """Whether it refuses the request's tools at chat completions, with that effort."""
    number, effort = generation(model), asked.options.reasoning_effort or defaults.reasoning_effort
    if not asked.tools or number is None or number < (5, 2) or effort == "none":
        return False
    return number >= (5, 6) or effort is not None


def fit(
    model: str, defaults: requests.ModelOptions, asked: requests.ModelOptions, notes: list[str]
) -> requests.ModelOptions:
    """The options of the request over the operator's, without those that the model refuses.

    ``notes`` says what was left out. What the operator has in ``extra`` stays, what a client passes on need not.
    """
    options = defaults.overlaid(asked)
    changed: dict[str, Any] = {}
    extra = options.extra or {}
    if _BIAS in extra and _BIAS not in (defaults.extra or {}) and "stop" in _refuse(model, options.reasoning_effort):
        changed["extra"] = {name: value for name, value in extra.items() if name != _BIAS}
        notes.append(f"{_BIAS} is left out: this model refuses it.")
    effort = _fit_effort(model, options.reasoning_effort)
    if effort != options.reasoning_effort:
        changed["reasoning_effort"] = effort
        what = f"sent as {effort}" if effort else "left out"
        notes.append(f"reasoning_effort {options.reasoning_effort} is {what}: this model does not take it.")
    for name in _refuse(model, effort):
        value = getattr(options, name)
        if value is not None and not (name == "temperature" and value == 1 and generation(model) is not None):
            changed[name] = None
            notes.append(f"{name} is left out: this model refuses it.")
    return msgspec.structs.replace(options, **changed) if changed else options


@lru_cache(256)
def _refuse(model: str, effort: str | None) -> tuple[str, ...]:
    lower, number = model.lower(), generation(model)
    if _SEARCHES.search(lower):
        return ("temperature", "top_p", *_PENALTIES)
    if number is not None:
        calm = effort == "none" or (effort is None and (5, 1) <= number < (5, 6))
        return ("stop", *_PENALTIES) if number >= (5, 1) and calm else _ALL
    if _KIMI_FIXED.search(lower):
        return ("temperature", "top_p")
    return _PENALTIES if _GROK.search(lower) or _GEMINI.search(lower) else ()


def _fit_effort(model: str, effort: str | None) -> str | None:
    """The effort that is nearest to the one asked for, among those that the model knows."""
    lower, number = model.lower(), generation(model)
    if effort is None:
        return None
    if _GROK.search(lower) and not _GROK_THINKS.search(lower):
        return None
    if number is None:
        return effort
    if number == (0, 0):
        return None if effort == "none" else _O_EFFORTS.get(effort, effort)
    if number >= (5, 1):
        most = "xhigh" if number >= (5, 2) else "high"
        return {"minimal": "low", "xhigh": most, "max": most}.get(effort, effort)
    return {"none": "minimal", "xhigh": "high", "max": "high"}.get(effort, effort)
