"""A function's arguments: their JSON Schema, and what a model wrote, checked against it."""

from __future__ import annotations

import functools
import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typing_extensions

from turnstream import errors, plugins, requests
from turnstream.tools import docstrings, schemas

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
        self._defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
        parameters.pop(self.context_name or "", None)
        self._names = tuple(parameters)
        self._fields = [(name, _field_name(position)) for position, name in enumerate(parameters)]
        self._offered = tuple(_alias(parameter) or name for name, parameter in parameters.items())
        self._field_defaults = {name for name, parameter in parameters.items() if _has_default_in_field(parameter)}
        docs = docstrings.read(_docstring(function), self._names)
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
            raise errors.ConfigurationError(
                f"tool {self._tool}: its annotations cannot be resolved: {error}"
            ) from error
        parameters = dict(inspect.signature(function).parameters)
        for name in _bound_arguments(function):
            parameters.pop(name, None)
        for name, parameter in list(parameters.items()):
            if parameter.kind is parameter.VAR_KEYWORD and (members := _members(hints.get(name))) is not None:
                del parameters[name]
                parameters.update(members)
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise errors.ConfigurationError(
                    f"tool {self._tool}: {parameter} cannot be described to a model; name each argument"
                )
            parameters[name] = parameter.replace(annotation=hints.get(name, Any))
        return parameters

    def _build(self, parameters: Mapping[str, inspect.Parameter], docs: Mapping[str, str]) -> type[BaseModel]:
        # Fields have neutral names and the arguments' as aliases: any name is a good argument, "json" and "_x" too.
        fields: dict[str, Any] = {
            _field_name(position): _field(name, parameter, docs.get(name))
            for position, (name, parameter) in enumerate(parameters.items())
        }
        try:
            return _make_model(self._tool, fields)
        except Exception as error:  # of whatever library an annotation is made with
            culprit = _culprit(self._tool, self._names, fields)
            annotation = parameters[culprit].annotation if culprit else None
            raise self._no_schema(error, culprit, getattr(annotation, "__name__", "its type")) from error

    def _schema(self) -> dict[str, Any]:
        from pydantic.json_schema import GenerateJsonSchema

        class Quiet(GenerateJsonSchema):
            ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

        try:
            schema = self._model.model_json_schema(schema_generator=Quiet)
        except Exception as error:  # the same boundary
            raise self._no_schema(error, "") from error
        return {"type": "object", "properties": {}, **schemas.tidy(schema)}

    def _no_schema(self, error: Exception, argument: str, kind: str = "its type") -> errors.ConfigurationError:
        which = f"argument {argument}" if argument else "its arguments"
        hint = "use str, int, float, bool, a list or dict of these, an enum, a dataclass or a pydantic model"
        if type(error).__name__ == "PydanticSchemaGenerationError":  # whose text is about pydantic's own settings
            return errors.ConfigurationError(
                f"tool {self._tool}: {which}: a model cannot write a value of {kind}; {hint}"
            )
        reason = str(error).partition("\n")[0]
        return errors.ConfigurationError(f"tool {self._tool}: {which}: no schema for its type: {reason}")

    def bind(self, text: str, context: requests.RunContext) -> tuple[list[Any], dict[str, Any]]:
        """The positional and named arguments to call the function with, from the JSON text that a model wrote.

        Raises `ToolError`, which tells the model what is wrong and where.
        """
        text = _unwrap(text)
        try:
            model = self._model.model_validate_json(text.encode("utf-8", "replace"))
        except ValueError as error:
            from pydantic import ValidationError

            if not isinstance(error, ValidationError):
                raise
            coerced = self._coerce(text)
            if coerced is None:
                from turnstream.tools.complaints import complaint

                raise errors.ToolError(
                    complaint(error, text, self._tool, self._offered), code="invalid_arguments"
                ) from error
            model = coerced
        # what the model left out is left to the function's own defaults, unless those are pydantic's Field(…)
        values: dict[str, Any] = {}
        given = model.model_fields_set
        for name, field in self._fields:
            if field in given or name in self._field_defaults:
                values[name] = getattr(model, field)
        if self.context_name is not None:
            values[self.context_name] = context
        return self._positional_values(values) if self._positional else [], values

    def _positional_values(self, values: dict[str, Any]) -> list[Any]:
        """Takes them out of ``values``; what is left out before one that is given has its default."""
        names = list(self._order[: self._positional])
        while names and names[-1] not in values:
            names.pop()
        return [values.pop(name) if name in values else self._defaults[name] for name in names]

    def _coerce(self, text: str) -> BaseModel | None:
        """The same with JSON within strings read, and null for what may be left out; None if that does not fit."""
        from pydantic import ValidationError

        from turnstream.tools import coercion  # as the complaint's, it is not needed before a model is wrong

        try:
            given = json.loads(text)
            coerced = coercion.coerce(given, self.schema) if isinstance(given, dict) else given
            return None if coerced == given else self._model.model_validate_json(json.dumps(coerced))
        except (ValueError, RecursionError, ValidationError):
            return None


def _field_name(position: int) -> str:
    return f"arg_{position}"


def _field(name: str, parameter: inspect.Parameter, doc: str | None) -> tuple[Any, Any]:
    from pydantic import Field

    default = ... if parameter.default is parameter.empty else parameter.default
    description = _annotated_doc(parameter.annotation) or doc
    # An Annotated[…, Field(…)] or a Field as the default keeps what it says: ours only adds.
    annotated: Any = typing.Annotated
    annotation = annotated[parameter.annotation, Field(alias=_alias(parameter) or name)]
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


def _fields(parameter: inspect.Parameter) -> list[Any]:
    """What pydantic's ``Field(…)`` says of it, in its annotation and as its default; what counts more comes last."""
    from pydantic.fields import FieldInfo

    places = (*getattr(parameter.annotation, "__metadata__", ()), parameter.default)
    return [place for place in places if isinstance(place, FieldInfo)]


def _has_default_in_field(parameter: inspect.Parameter) -> bool:
    """The model fills it, and not the function."""
    fields = _fields(parameter)
    return bool(fields) and (parameter.default is parameter.empty or parameter.default is fields[-1])


def _alias(parameter: inspect.Parameter) -> str | None:
    """The name that is offered, if it is another than the function's."""
    names = [name for field in _fields(parameter) for name in (field.alias, field.validation_alias)]
    return next((name for name in reversed(names) if isinstance(name, str)), None)


def _members(hint: Any) -> dict[str, inspect.Parameter] | None:
    """Those of ``**name: Unpack[SomeTypedDict]`` (PEP 692), None for any other annotation."""
    if typing.get_origin(hint) not in (typing.Unpack, typing_extensions.Unpack):
        return None
    (described,) = typing.get_args(hint)
    if not typing_extensions.is_typeddict(described):
        return None
    hints = typing_extensions.get_type_hints(described, include_extras=True)
    return {
        name: inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if _is_required(one, name in described.__required_keys__) else None,
            annotation=_bare(one),
        )
        for name, one in hints.items()
    }


def _is_required(hint: Any, otherwise: bool) -> bool:
    """What the member says itself: annotations that are texts hide it from the class."""
    origin = typing.get_origin(hint)
    if origin in (typing.NotRequired, typing_extensions.NotRequired):
        return False
    return otherwise or origin in (typing.Required, typing_extensions.Required)


def _bare(hint: Any) -> Any:
    """Without ``Required[…]`` and ``NotRequired[…]``."""
    origin = typing.get_origin(hint)
    if origin in (typing.Required, typing.NotRequired, typing_extensions.Required, typing_extensions.NotRequired):
        return typing.get_args(hint)[0]
    return hint


def _bound_arguments(function: Any) -> set[str]:
    """The arguments that a partial already gives by name."""
    names: set[str] = set()
    while isinstance(function, functools.partial):
        names |= set(function.keywords)
        function = function.func
    return names


def _docstring(function: Any) -> str | None:
    """That of the function in a partial; a class's own, not the one that it inherits."""
    while isinstance(function, functools.partial):
        function = function.func
    own = vars(function).get("__doc__") if inspect.isclass(function) else inspect.getdoc(function)
    return inspect.cleandoc(own) if isinstance(own, str) else None


def _make_model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    """Expressions that Rust's engine does not know (look-around) run in Python's."""
    from pydantic import ConfigDict, create_model
    from pydantic_core import SchemaError

    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    with plugins.without_those_of_pydantic():
        try:
            return create_model(name, __config__=config, **fields)
        except SchemaError:
            config = ConfigDict(extra="forbid", allow_inf_nan=False, regex_engine="python-re")
            return create_model(name, __config__=config, **fields)


def _culprit(tool: str, names: Sequence[str], fields: dict[str, Any]) -> str:
    """The first argument that has no schema by itself."""
    for name, (key, field) in zip(names, fields.items(), strict=True):
        try:
            _make_model(tool, {key: field})
        except Exception:  # the same boundary
            return name
    return ""


def _takes_context(annotation: Any) -> bool:
    return annotation is requests.RunContext or requests.RunContext in typing.get_args(annotation)


def _unwrap(text: str) -> str:
    """Some models write nothing for no arguments, and some write the object as a JSON string."""
    text = text.strip() or "{}"
    if text.startswith('"'):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return inner if inner.lstrip().startswith("{") else text
    return text
