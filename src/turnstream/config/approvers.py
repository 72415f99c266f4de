"""Who may answer what a run waits for, if not whom it works for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from turnstream.config.sections import ScopeName, Section


class ApproverSection(Section):
    """Whoever has a scope, or is in a group: one of the two."""

    scope: ScopeName | None = None
    """`approve`, or another of those that keys and tokens give."""
    group: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    """A group that keys or tokens name."""

    @model_validator(mode="after")
    def _one_of_them(self) -> ApproverSection:
        if (self.scope is None) == (self.group is None):
            raise ValueError("give scope or group")
        return self

    @property
    def rule(self) -> str:
        return f"scope:{self.scope}" if self.scope is not None else f"group:{self.group}"
