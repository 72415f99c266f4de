"""Model options as they change from step to step of a run."""

from __future__ import annotations

import msgspec

from turnstream import requests


def after_first_step(options: requests.ModelOptions) -> requests.ModelOptions:
    """A forced tool choice is met by the first step; kept, it would force a call in every step and never end."""
    if options.tool_choice in (None, "auto", "none"):
        return options
    return msgspec.structs.replace(options, tool_choice=None)


def without_tools(options: requests.ModelOptions) -> requests.ModelOptions:
    """For a call that offers no tools: vendors refuse a tool choice there."""
    return msgspec.structs.replace(options, tool_choice=None, parallel_tool_calls=None)
