"""Tools in the form of a class: ``name``, ``description``, ``parameters`` (a JSON Schema), ``execute(context,
**arguments)``, as Flexo has them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.tools import coercion, json_schema, schema_check
from turnstream.tools.json_arguments import arguments_of
from turnstream.tools.python import FunctionTool, Verify

_CONTEXT = "context"


class ObjectTool(FunctionTool[..., Any]):
    """``tool`` is such an object, or a class that is made without arguments. ``context`` is the run's `RunContext`, and
    is given to an ``execute`` that takes it. Of an answer with a ``result`` (and a ``context``), that is the result.
    """

    def __init__(
        self,
        tool: Any,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
        effect: toolspec.Effect | None = None,
        verify: Verify | None = None,
    ) -> None:
        if inspect.isclass(tool):
            try:
                tool = tool()
            except Exception as error:  # the boundary to code that is not ours
                reason = f"{type(error).__name__}: {error}"
                raise errors.ConfigurationError(
                    f"{tool.__name__} cannot be made without arguments ({reason})"
                ) from error
        self._tool = tool
        said = str(tool.description or "") if description is None else description
        named = name or str(tool.name or type(tool).__name__)
        super().__init__(tool.execute, name=named, description=said, timeout=timeout, effect=effect, verify=verify)

    @cached_property
    def _arguments(self) -> Any:
        return _Declared(self.name, self._tool.parameters or {}, self._tool.execute)

    async def _execute(self, args: list[Any], kwargs: dict[str, Any]) -> Any:
        value = await super()._execute(args, kwargs)
        return value.result if hasattr(value, "result") and hasattr(value, "context") else value


class _Declared:
    """Arguments that a JSON Schema declares. Raises `ConfigurationError` for one that is not valid."""

    description = ""

    def __init__(self, tool: str, parameters: Mapping[str, Any], execute: Any) -> None:
        from jsonschema import SchemaError

        self._tool = tool
        self.schema = json_schema.modern({"type": "object", "properties": {}, **parameters})
        try:
            schema_check.check_schema(self.schema)
        except SchemaError as error:
            raise errors.ConfigurationError(
                f"tool {tool}: parameters is not a valid JSON Schema: {error.message}"
            ) from error
        self._validator = schema_check.validator(self.schema)
        taken = inspect.signature(execute).parameters
        self._takes_context = _CONTEXT in taken and _CONTEXT not in self.schema["properties"]

    def bind(self, text: str, context: requests.RunContext) -> tuple[list[Any], dict[str, Any]]:
        """Raises `ToolError`."""
        arguments = coercion.coerce(arguments_of(messages.ToolCall("", self._tool, text)), self.schema)
        schema_check.check(self._validator, arguments, self._tool)
        return [], ({_CONTEXT: context, **arguments} if self._takes_context else arguments)
