"""Model options over the life of a run: the agent's, overlaid by the request's, changed from step to step."""

from __future__ import annotations

import msgspec

from turnstream.events import ModelOptions


def merged(base: ModelOptions, over: ModelOptions) -> ModelOptions:
    """``base`` with what ``over`` sets. The two names of the output limit replace each other; ``extra`` is merged."""
    given = {name: value for name in over.__struct_fields__ if (value := getattr(over, name)) is not None}
    if not given:
        return base
    if base.extra and over.extra:
        given["extra"] = {**base.extra, **over.extra}
    if "max_tokens" in given or "max_completion_tokens" in given:
        base = msgspec.structs.replace(base, max_tokens=None, max_completion_tokens=None)
    return msgspec.structs.replace(base, **given)


def after_first_step(options: ModelOptions) -> ModelOptions:
    """A forced tool choice is met by the first step; kept, it would force a call in every step and never end."""
    if options.tool_choice in (None, "auto", "none"):
        return options
    return msgspec.structs.replace(options, tool_choice=None)


def without_tools(options: ModelOptions) -> ModelOptions:
    """For a call that offers no tools: vendors refuse a tool choice there."""
    return msgspec.structs.replace(options, tool_choice=None, parallel_tool_calls=None)
