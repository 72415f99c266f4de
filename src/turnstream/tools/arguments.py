"""A function's arguments: their JSON Schema, and what a model wrote, checked against it."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from turnstream.events import ConfigurationError, RunContext, ToolError
from turnstream.tools import docstrings, schemas
from turnstream.tools.complaints import complaint

if TYPE_CHECKING:
    from pydantic import BaseModel


class Arguments:
    """Made of a function's signature and docstring. ``context_name`` is its parameter for the `RunContext`, if any.

    Raises `ConfigurationError` for a signature that no schema can describe.
    """

    def __init__(self, function: Callable[..., Any], tool: str, namespace: Mapping[str, Any] | None = None) -> None:
        self._tool = tool
        parameters = self._parameters(function, namespace)
        contexts = [name for name, parameter in parameters.items() if _takes_context(parameter.annotation)]
        self.context_name = contexts.pop(0) if contexts else None
        self._positional = sum(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters.values())
        self._order = tuple(parameters)
        parameters.pop(self.context_name or "", None)
        self._names = tuple(parameters)
        self._field_defaults = {name for name, parameter in parameters.items() if _is_field(parameter.default)}
        docs = docstrings.read(inspect.getdoc(function), self._names)
        self.description = docs.description
        self._model = self._build(parameters, docs.arguments)
        self.schema = self._schema()

    def _parameters(
        self, function: Callable[..., Any], namespace: Mapping[str, Any] | None
    ) -> dict[str, inspect.Parameter]:
        annotated = function
        if not (inspect.isroutine(function) or inspect.isclass(function)) and not hasattr(function, "__wrapped__"):
            annotated = getattr(function, "func", type(function).__call__)  # a partial, or an object with __call__
        try:
            hints = typing.get_type_hints(annotated, localns=dict(namespace or {}) or None, include_extras=True)
        except Exception as error:  # evaluating somebody's annotation may raise anything
            raise ConfigurationError(f"tool {self._tool}: its annotations cannot be resolved: {error}") from error
        parameters = dict(inspect.signature(function).parameters)
        for name, parameter in parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise ConfigurationError(
                    f"tool {self._tool}: {parameter} cannot be described to a model; name each argument"
                )
            parameters[name] = parameter.replace(annotation=hints.get(name, Any))
        return parameters

    def _build(self, parameters: Mapping[str, inspect.Parameter], docs: Mapping[str, str]) -> type[BaseModel]:
        from pydantic import ConfigDict, create_model
        from pydantic.errors import PydanticUserError

        # Fields have neutral names and the arguments' as aliases: any name is a good argument, "json" and "_x" too.
        fields: dict[str, Any] = {
            f"arg_{position}": _field(name, parameter, docs.get(name))
            for position, (name, parameter) in enumerate(parameters.items())
        }
        config = ConfigDict(extra="forbid", allow_inf_nan=False)
        try:
            return create_model(self._tool, __config__=config, **fields)
        except (PydanticUserError, TypeError) as error:
            raise self._no_schema(error) from error

    def _schema(self) -> dict[str, Any]:
        from pydantic.errors import PydanticUserError
        from pydantic.json_schema import GenerateJsonSchema

        class Quiet(GenerateJsonSchema):
            ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

        try:
            schema = self._model.model_json_schema(schema_generator=Quiet)
        except PydanticUserError as error:
            raise self._no_schema(error) from error
        return {"type": "object", "properties": {}, **schemas.tidy(schema)}

    def _no_schema(self, error: Exception) -> ConfigurationError:
        reason = str(error).partition("\n")[0]
        return ConfigurationError(f"tool {self._tool}: an argument's type has no schema: {reason}")

    def bind(self, text: str, context: RunContext) -> tuple[list[Any], dict[str, Any]]:
        """The positional and named arguments to call the function with, from the JSON text that a model wrote.

        Raises `ToolError`, which tells the model what is wrong and where.
        """
        from pydantic import ValidationError

        text = _unwrapped(text)
        try:
            model = self._model.model_validate_json(text.encode("utf-8", "replace"))
        except ValidationError as error:
            raise ToolError(complaint(error, text, self._tool, self._names), code="invalid_arguments") from error
        # what the model left out is left to the function's own defaults, unless those are pydantic's Field(…)
        values = {
            name: getattr(model, f"arg_{position}")
            for position, name in enumerate(self._names)
            if f"arg_{position}" in model.model_fields_set or name in self._field_defaults
        }
        if self.context_name is not None:
            values[self.context_name] = context
        positional = []
        for name in self._order[: self._positional]:
            if name not in values:
                break
            positional.append(values.pop(name))
        return positional, values


def _field(name: str, parameter: inspect.Parameter, doc: str | None) -> tuple[Any, Any]:
    from pydantic import Field

    default = ... if parameter.default is parameter.empty else parameter.default
    description = _annotated_doc(parameter.annotation) or doc
    # An Annotated[…, Field(…)] or a Field as the default keeps what it says: ours only adds.
    annotated: Any = typing.Annotated
    annotation = annotated[parameter.annotation, Field(alias=name)]
    if description is not None and not _describes_itself(parameter):
        annotation = annotated[annotation, Field(description=description)]
    return annotation, default


def _annotated_doc(annotation: Any) -> str | None:
    """The text in ``Annotated[str, "the text"]`` or ``Annotated[str, Doc("the text")]``."""
    for item in getattr(annotation, "__metadata__", ()):
        text = item if isinstance(item, str) else getattr(item, "documentation", None)
        if isinstance(text, str):
            return text
    return None


def _describes_itself(parameter: inspect.Parameter) -> bool:
    places = (*getattr(parameter.annotation, "__metadata__", ()), parameter.default)
    return any(isinstance(getattr(place, "description", None), str) for place in places)


def _is_field(default: Any) -> bool:
    from pydantic.fields import FieldInfo

    return isinstance(default, FieldInfo)


def _takes_context(annotation: Any) -> bool:
    return annotation is RunContext or RunContext in typing.get_args(annotation)


def _unwrapped(text: str) -> str:
    """Some models write nothing for no arguments, and some write the object as a JSON string."""
    text = text.strip() or "{}"
    if text.startswith('"'):
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        return inner if inner.lstrip().startswith("{") else text
    return text
