"""One entry of ``tools``: which kinds there are, and what may be wrapped around any of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, Optional

from pydantic import Field, create_model, model_validator

from turnstream import errors
from turnstream.config import context, document, foreign, references
from turnstream.config.approvers import ApproverSection
from turnstream.config.sections import Number, PositiveInt, Seconds, Section, StrList
from turnstream.config.tools.kind import EffectName, Kind
from turnstream.protocols import Toolbox
from turnstream.tools import effects, untrusted, wrap

KINDS = ("python", "mcp", "rest", "openapi", "ready", "retrieval")
"""A new kind is a file beside this one and a word here. It is loaded when a configuration has it."""


def find_kind(name: str) -> Kind:
    found: Kind = import_module(f"turnstream.config.tools.{name}").KIND
    return found


def kinds() -> tuple[Kind, ...]:
    return tuple(map(find_kind, KINDS))


class RateLimitSection(Section):
    """At most `calls` in any `seconds`, for each user."""

    calls: PositiveInt
    seconds: Seconds = 60.0
    wait: Number = 0.0
    """Seconds that one more call may wait for its turn; one that would wait longer is refused at once."""


class ApproveSection(Section):
    """Calls that are made only after a yes. A list of names alone means `{calls: […]}`; `after_untrusted` alone means
    `{calls: ["*"], after_untrusted: true, once: true}`."""

    calls: Annotated[StrList, Field(min_length=1)]
    """Of tools with these names (without the prefix); `*` stands for anything: `delete_*`."""
    ask: Annotated[str | None, Field(pattern=references.PATTERN)] = None
    """A function of the call and the run's context that says True or False: `tools.py:ask`. Without it the run waits
    for the user, who is asked in whatever protocol asked for the run, and in `turnstream chat` at the terminal."""
    by: ApproverSection | None = None
    """Who may say it, if not the user that the run works for."""
    expires: Seconds | None = None
    """Seconds after which a question that nobody has answered counts as a no; a week without it."""
    once: bool = False
    """Only tools whose effect must not happen twice (`effect: once`)."""
    after_untrusted: bool = False
    """Only after a tool of another kind than `python` has answered in the same run: then what the model asks for may be
    the wish of whoever wrote that."""


class ToolSection(Section):
    """One source of tools: one of the kinds, and what is wrapped around it."""

    kinds: ClassVar[Sequence[Kind]] = ()
    hints = foreign.TOOL

    prefix: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = None
    """Stands before the name of each tool: `fs_`."""
    allow: StrList | None = None
    """Only tools with these names (without the prefix); `*` stands for anything: `read_*`."""
    deny: StrList = Field(default_factory=list)
    """No tools with these names."""
    timeout: Seconds | None = None
    """Seconds that one call may take."""
    cache: Seconds | None = None
    """Seconds for which a result is kept for the same call of the same user, if the tool has no effect."""
    rate_limit: RateLimitSection | None = None
    effect: EffectName | None = None
    """What a second call of its tools would do: nothing (`none`), the same again (`idempotent`), or harm (`once`)."""
    verify: Annotated[str | None, Field(pattern=references.PATTERN)] = None
    """A function of a call's arguments and its context, `tools.py:was_paid`, that is asked where the server stopped in
    the middle of a call that must not happen twice: it gives the tool's result, or None if the call had no effect."""
    approve: ApproveSection | None = None
    """Calls that somebody must agree to: `[delete_*]`."""

    @model_validator(mode="before")
    @classmethod
    def _write_out_approve(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("approve") == "after_untrusted":
            return {**value, "approve": {"calls": ["*"], "after_untrusted": True, "once": True}}
        if isinstance(value, dict) and isinstance(value.get("approve"), str | list):
            return {**value, "approve": {"calls": value["approve"]}}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> ToolSection:
        if sum(getattr(self, kind.name) is not None for kind in self.kinds) != 1:
            raise ValueError(f"give exactly one of: {', '.join(kind.name for kind in self.kinds)}")
        return self

    @property
    def kind(self) -> Kind:
        return next(kind for kind in self.kinds if getattr(self, kind.name) is not None)


def make_section(kinds: Sequence[Kind]) -> type[ToolSection]:
    """The section of an entry that may be of any of these kinds: each is a key of it."""
    fields: dict[str, Any] = {
        kind.name: (Optional[kind.section], Field(default=None, description=kind.description))  # noqa: UP045
        for kind in kinds
    }
    section = create_model("ToolSection", __base__=ToolSection, __doc__=ToolSection.__doc__, **fields)
    section.kinds = tuple(kinds)
    return section


@cache
def whole_section() -> type[ToolSection]:
    """That of all kinds: what is wrong with an entry is said by it."""
    return make_section(kinds())


@cache
def _section_of(name: str) -> type[ToolSection]:
    return make_section([find_kind(name)])


def narrow_section(value: Any) -> type[ToolSection] | None:
    """A section for an entry of one kind, which need not load the others; None where it is not clear which."""
    named = [name for name in KINDS if isinstance(value, dict) and name in value]
    return _section_of(named[0]) if len(named) == 1 else None


def write_out(value: Any) -> Any:
    """``file.py:name`` alone stands for ``{python: …}``."""
    return {"python": value} if isinstance(value, str) else value


def names_filled_later(path: document.Path) -> Sequence[str]:
    """The ``${names}`` that are not variables in this text of a configuration: a tool fills them at each call."""
    for kind in _kinds_at(path):
        for place, names in kind.filled_later.items():
            if path[2 : 3 + len(place)] == (kind.name, *place):
                return names
    return ()


def is_json(path: document.Path) -> bool:
    """Whether what stands at this path of a configuration is JSON, and read as YAML 1.2 has it."""
    places = ((kind.name, *place) for kind in _kinds_at(path) for place in kind.as_json)
    return any(path[2 : 2 + len(place)] == place for place in places)


def _kinds_at(path: document.Path) -> Sequence[Kind]:
    """The kind in whose section of a configuration the path is."""
    is_inside = path[:1] == ("tools",) and len(path) > 2 and path[2] in KINDS
    return (find_kind(str(path[2])),) if is_inside else ()


def build(
    section: ToolSection, where: context.ConfigContext, readers: untrusted.Readers | None = None
) -> list[Toolbox]:
    """The toolboxes of one entry. ``readers`` are the runs that have read from outside, None if nobody asks about them.

    Raises `ConfigurationError`, without file and line.
    """
    boxes = section.kind.build(getattr(section, section.kind.name), where)
    asked = None if section.approve is None else section.approve.ask
    ask = _resolve(asked, where, "approve.ask must name a function of the call")
    verify = _resolve(section.verify, where, "verify must name a function of the arguments")
    if section.effect is not None or verify is not None:
        boxes = [effects.Declared(box, section.effect, verify) for box in boxes]
    if readers is not None and section.kind.name != "python":
        boxes = [untrusted.FromOutside(box, readers) for box in boxes]
    return [_wrap(box, section, ask, readers) for box in boxes]


def _resolve(reference: str | None, where: context.ConfigContext, wanted: str) -> Any:
    """The function of two arguments that approves or verifies; one that cannot be called so is found now."""
    if reference is None:
        return None
    found: Any = references.resolve(reference, where.folder)
    try:
        inspect.signature(found).bind(None, None)
    except (TypeError, ValueError):
        raise errors.ConfigurationError(f"{wanted} and the run's context") from None
    return found


def _wrap(box: Toolbox, section: ToolSection, ask: wrap.Ask | None, readers: untrusted.Readers | None) -> Toolbox:
    """The filter stands innermost, the prefix outermost, so that all between know the tools by their own names; what
    is kept in the cache costs no call; who is asked for approval has all the time in the world."""
    if section.allow is not None or section.deny:
        box = wrap.Filtered(box, section.allow, section.deny)
    if section.timeout is not None:
        box = wrap.Timed(box, section.timeout)
    if section.rate_limit is not None:
        limit = section.rate_limit
        box = wrap.RateLimited(box, limit.calls, limit.seconds, wait=limit.wait)
    if section.cache is not None:
        box = wrap.Cached(box, section.cache)
    if section.approve is not None:
        runs = readers if section.approve.after_untrusted else None
        by = section.approve.by.rule if section.approve.by is not None else ""
        expires, once = section.approve.expires, section.approve.once
        box = wrap.Approved(box, section.approve.calls, ask, runs, by, expires, once)
    if section.prefix is not None:
        box = wrap.Prefixed(box, section.prefix)
    return box
