"""What a command's arguments and options are, for typer and without it.

To load typer takes as long as to load the server's dialects. So a command line that is plain, as those of service
files are, is read here; for any other (help, a mistake, another way to write it) typer has the same declarations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints


class Declaration:
    """The rest is what typer's class of the same name takes."""

    def __init__(self, *flags: str, **rest: Any) -> None:
        self.flags, self.rest = flags, rest


class Option(Declaration): ...


class Argument(Declaration): ...


class Context(NamedTuple):
    """A command that wants to know how it was called has one as its first parameter. ``inherited`` are the parameters
    whose values came from the environment."""

    command: Callable[..., None]
    values: Mapping[str, Any]
    inherited: frozenset[str]
    debug: bool


class _UnusualError(Exception):
    """To be read by typer."""


class _Parameter(NamedTuple):
    name: str
    kind: Any
    """`str`, `int`, `bool` or a literal; another is left to typer."""
    declared: Declaration

    @property
    def flags(self) -> Sequence[str]:
        return self.declared.flags or (f"--{self.name.replace('_', '-')}",)

    def convert(self, word: str) -> Any:
        if self.kind is str:
            return word
        if get_origin(self.kind) is Literal:
            spelled = word if self.declared.rest.get("case_sensitive", True) else word.lower()
            if spelled in get_args(self.kind):
                return spelled
        if self.kind is int and word.isascii() and word.isdecimal():
            least, most = self.declared.rest.get("min", 0), self.declared.rest.get("max")
            if int(word) >= least and (most is None or int(word) <= most):
                return int(word)
        raise _UnusualError


def parameters(command: Callable[..., None]) -> Iterator[_Parameter]:
    """Those that are declared here, without a context."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        kind, declared, *_ = get_args(hint)
        if isinstance(declared, Declaration):
            yield _Parameter(name, _without_none(kind), declared)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) is UnionType:
        kind, *_ = (one for one in get_args(kind) if one is not type(None))
    return kind


def read(
    command: Callable[..., None], words: Sequence[str], environ: Mapping[str, str], *, debug: bool
) -> dict[str, Any] | None:
    """What to call the command with; None if this is not plain, or not all of its parameters are declared here."""
    every = list(parameters(command))
    signature = inspect.signature(command).parameters
    has_context = next(iter(signature), None) == "context"
    if len(every) + has_context != len(signature):
        return None
    try:
        values = _read(every, words)
        inherited = _inherit(every, values, environ)
    except _UnusualError:
        return None
    values |= inherited
    for name, one in signature.items():
        if name not in values and one.default is not one.empty:
            values[name] = one.default
    if has_context:
        values["context"] = Context(command, dict(values), frozenset(inherited), debug)
    return values if len(values) == len(signature) else None


def _read(every: Sequence[_Parameter], words: Sequence[str]) -> dict[str, Any]:
    options = {flag: one for one in every if isinstance(one.declared, Option) for flag in one.flags}
    arguments = [one for one in every if isinstance(one.declared, Argument)]
    values: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            one, value = arguments.pop(0) if arguments else None, word
        else:
            flag, has_value, value = word.partition("=")
            one = options.get(flag)
            if one is not None and one.kind is bool:
                if has_value:
                    raise _UnusualError
            elif not has_value:
                value = next(rest, "-")
                if value.startswith("-"):
                    raise _UnusualError
            elif not flag.startswith("--"):
                raise _UnusualError
        if one is None or one.name in values:
            raise _UnusualError
        values[one.name] = True if one.kind is bool else one.convert(value)
    return values


def _inherit(every: Sequence[_Parameter], given: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    named = ((one, one.declared.rest.get("envvar")) for one in every if one.name not in given)
    return {one.name: one.convert(environ[name]) for one, name in named if name is not None and environ.get(name)}


def for_typer(command: Callable[..., None]) -> Callable[..., Any]:
    """The command with typer's declarations instead of ours."""
    import typer

    kinds = {Option: typer.Option, Argument: typer.Argument}
    every = {one.name: one.declared for one in parameters(command)}
    if not every:
        return command
    hints = get_type_hints(command, include_extras=True)
    for name, declared in every.items():
        made = kinds[type(declared)](*declared.flags, **declared.rest)
        kind = get_args(hints[name])[0]
        hints[name] = Annotated[kind, made]
    has_context = hints.get("context") is Context
    if has_context:
        hints["context"] = typer.Context

    def call(**values: Any) -> None:
        if has_context:
            values["context"] = _context(command, values)
        command(**values)

    signature = inspect.signature(command)
    made_of = [one.replace(annotation=hints[one.name]) for one in signature.parameters.values()]
    call.__signature__ = signature.replace(parameters=made_of)  # type: ignore[attr-defined]
    call.__annotations__, call.__doc__, call.__name__ = hints, command.__doc__, command.__name__
    return call


def _context(command: Callable[..., None], values: Mapping[str, Any]) -> Context:
    asked, rest = values["context"], {name: value for name, value in values.items() if name != "context"}
    sources = {name: asked.get_parameter_source(name) for name in rest}
    inherited = frozenset(name for name, source in sources.items() if source and source.name == "ENVIRONMENT")
    return Context(command, rest, inherited, bool(asked.obj))
