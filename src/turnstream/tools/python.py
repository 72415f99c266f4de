"""Python functions as tools."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import re
import sys
from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from turnstream import errors, messages, requests, toolspec
from turnstream.tools import results
from turnstream.tools.arguments import Arguments
from turnstream.tools.threads import Threads

log = logging.getLogger("turnstream.tools")

P = ParamSpec("P")
R = TypeVar("R")

Verify: TypeAlias = Callable[[dict[str, Any], requests.RunContext], Any]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what every vendor accepts
_MOST_ITEMS = 100_000
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    effect: toolspec.Effect | None = None,
    verify: Verify | None = None,
    threads: int = 16,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    effect: toolspec.Effect | None = None,
    verify: Verify | None = None,
    threads: int = 16,
) -> Any:
    """Make a tool of a function, sync or async: ``@tool``, or ``@tool(name=…, timeout=…)``.

    The name is the function's, the description its docstring's, the schema that of its annotations. A parameter
    annotated `RunContext` gets the run's context and is not shown to the model. ``timeout`` is in seconds, None takes
    the agent's. A function that is not async runs in a thread, at most ``threads`` calls at a time.

    ``effect`` says what a second call would do: nothing (``none``), the same again (``idempotent``), harm (``once``).
    Where the server stops in the middle of a call, a kept run calls the tool again, unless that does harm: then it asks
    ``verify``, a function of the call's arguments (a dict) and its `RunContext`, which gives what the tool would have
    given, or None if the call had no effect and shall be made; without it, or if it raises, the run waits for a person.

    Raises `ConfigurationError` for a name that vendors refuse; for a signature that cannot be described, that comes
    when the tool is first used or entered.
    """
    scope = sys._getframe(1).f_locals

    def make(function: Callable[..., Any]) -> FunctionTool[..., Any]:
        if is_object(function):
            from turnstream.tools.objects import ObjectTool

            options: dict[str, Any]
            options = {"name": name, "description": description, "timeout": timeout, "effect": effect, "verify": verify}
            return ObjectTool(function, **options)
        if isinstance(function, FunctionTool):
            function = function.function
        return FunctionTool(
            function,
            name=name,
            description=description,
            timeout=timeout,
            effect=effect,
            verify=verify,
            threads=threads,
            namespace=_named_locals(function, scope),
        )

    return make if function is None else make(function)


class FunctionTool(Generic[P, R]):
    """A toolbox of one function, which can still be called as the function that it is.

    It may be used without being entered; entering it (any number of times) keeps its threads for the next call, and
    makes its schema at once.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
        effect: toolspec.Effect | None = None,
        verify: Verify | None = None,
        threads: int = 16,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(function):
            raise errors.ConfigurationError(f"a tool must be a function, not {function!r}")
        self.__name__ = _name(function)
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or _name(function)
        if not _NAME.fullmatch(self.name):
            raise errors.ConfigurationError(
                f"tool {self.name!r}: a name is 1 to 64 of A-Z, a-z, 0-9, _ and -; give it name=…"
            )
        self._options: dict[str, Any] = {
            "name": name, "description": description, "timeout": timeout, "effect": effect, "verify": verify,
            "threads": threads, "namespace": namespace,
        }  # fmt: skip
        self.verify = None if verify is None else _make_verifier(verify)
        self._is_async = _is_async(function)
        self._threads = Threads(f"tool-{self.name}", threads)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> FunctionTool[..., R]:
        """A decorated method is a tool of its instance, without ``self``."""
        if instance is None:
            return self
        method: Callable[..., R] = self.function.__get__(instance, owner)
        return FunctionTool(method, **self._options)

    @functools.cached_property
    def _arguments(self) -> Arguments:
        return Arguments(self.function, self.name, self._options["namespace"])

    @functools.cached_property
    def spec(self) -> toolspec.ToolSpec:
        """The tool as the model sees it. Raises `ConfigurationError` for a signature that cannot be described."""
        description = self._options["description"]
        return toolspec.ToolSpec(
            self.name,
            self._arguments.description if description is None else description,
            self._arguments.schema,
            timeout=self._options["timeout"],
            effect=self._options["effect"] or "none",
            declared=self._options["effect"] is not None,
        )

    async def __aenter__(self) -> FunctionTool[P, R]:
        _ = self.spec
        self._threads.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.__exit__()

    @functools.cached_property
    def specs(self) -> tuple[toolspec.ToolSpec, ...]:
        """The one tool, for every run."""
        return (self.spec,)

    async def tools(self, context: requests.RunContext) -> tuple[toolspec.ToolSpec, ...]:
        return (self.spec,)

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Check the arguments, call the function, give its result.

        Raises `ToolError` for bad arguments and when the function does. Whatever else the function raises is logged
        and told to the model; the run goes on.
        """
        if call.name != self.name:
            raise errors.ToolError(f"There is no tool named {call.name}; there is {self.name}.", code="unknown_tool")
        try:
            args, kwargs = self._arguments.bind(call.arguments, context)
            value = await self._execute(args, kwargs)
            return results.output(value)
        except errors.ToolError:
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return self._fail(error, context)  # something inside the function was cancelled, not this call
        except (Exception, SystemExit) as error:  # the boundary to code that is not ours: nothing of it ends a run
            return self._fail(error, context)

    async def _execute(self, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if self._is_async:
            value = await self.function(*args, **kwargs)  # type: ignore[misc]  # P is what bind made sure of
        else:
            value = await self._threads.run(self.function, *args, **kwargs)
            value = await value if inspect.isawaitable(value) else value
        return await _collect(value) if hasattr(value, "__aiter__") else value

    def _fail(self, error: BaseException, context: requests.RunContext) -> toolspec.ToolOutput:
        log.error("tool %s failed in run %s", self.name, context.run_id, exc_info=error)
        return results.failure(error)

    def __repr__(self) -> str:
        return f"FunctionTool({self.name!r})"


def _is_cancelled() -> bool:
    """Apart from `FunctionTool.call`: its frame, which the error's traceback has, must not lead to the task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def _collect(items: AsyncIterable[Any]) -> list[Any]:
    """What an async generator that was returned gives, within reason."""
    found: list[Any] = []
    async for item in items:
        found.append(item)
        if len(found) >= _MOST_ITEMS:
            break
    return found


def _make_verifier(function: Verify) -> Any:
    from turnstream.tools import effects  # which knows toolboxes, and through them this module

    return effects.Verifier(function)


def is_object(value: Any) -> bool:
    """Whether it is a tool in the form of a class, or its object: ``name``, ``description``, ``parameters`` and
    ``execute(context, **arguments)``."""
    if inspect.isclass(value):
        return callable(getattr(value, "execute", None)) and not callable(getattr(value, "call", None))
    return callable(getattr(value, "execute", None)) and isinstance(getattr(value, "parameters", None), Mapping)


def _name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _is_async(function: Callable[..., Any]) -> bool:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise errors.ConfigurationError(
            f"tool {_name(function)} yields: return its result, and report progress by RunContext"
        )
    call = getattr(function, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _named_locals(function: Callable[..., Any], scope: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the annotations of a nested function name in the scope where it is decorated; nothing else is kept alive.

    Under ``from __future__ import annotations`` they are text, and a type that is defined in a function is found
    nowhere else.
    """
    if "<locals>" not in getattr(function, "__qualname__", ""):
        return None
    texts = [text for text in getattr(function, "__annotations__", {}).values() if isinstance(text, str)]
    return {name: scope[name] for name in _IDENTIFIER.findall(" ".join(texts)) if name in scope}
