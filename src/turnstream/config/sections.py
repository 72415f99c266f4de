"""What every section of a configuration is made of: its rules, and the types of its values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from turnstream.config.document import EnvText


def _type_values(value: Any) -> Any:
    """Values whose type is the vendor's business, typed as YAML would type them."""
    match value:
        case EnvText():
            return value.read_typed()
        case dict():
            return {key: _type_values(item) for key, item in value.items()}
        case list():
            return [_type_values(item) for item in value]
        case _:
            return value


PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonEmpty = Annotated[str, Field(min_length=1)]
Secret = Annotated[NonEmpty, Field(repr=False)]
OptionalSecret = Annotated[NonEmpty | None, Field(repr=False)]
StrList = list[NonEmpty]
StrMap = dict[str, str]
ScopeName: TypeAlias = Literal["runs", "approve", "metrics", "admin"]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_type_values)]


class Section(BaseModel):
    """Strict, closed, and silent about its input: a bad value may be a secret in the wrong place.

    What stands below a field describes it. Only the JSON Schema needs that: `turnstream.config.schema` reads it.
    """

    hints: ClassVar[Mapping[str, str]] = {}
    """What to say of keys that belong elsewhere, or that others call by another name."""
    seldom: ClassVar[Sequence[str]] = ()
    """Fields that few files have and whose sections take long to make ready: see `turnstream.config.validation`."""

    @classmethod
    def complete(cls) -> None:
        """Load the sections of seldom fields, if that was left for when they are needed."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _read_environment(cls, value: Any) -> Any:
        """Each field decides what a text from the environment is: a text, a list with commas, or what YAML reads. As
        this validator is the first that is defined, it is the last before the fields' own. (One of the fields would
        be a step of each: they would take twice as long to make ready.)"""
        if not isinstance(value, dict) or EnvText not in map(type, value.values()):
            return value
        fields = {one.alias or name: one for name, one in cls.model_fields.items()}
        return {
            key: _read_as(fields[key].annotation, given) if type(given) is EnvText and key in fields else given
            for key, given in value.items()
        }

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the fields that the file has: for whoever fills in the others."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


def _read_as(annotation: Any, value: EnvText) -> Any:
    accepted = set(_plain_types(annotation))
    if str in accepted:
        return value
    return value.split_at_commas() if list in accepted else value.read_typed()


def _plain_types(annotation: Any) -> Iterator[type]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain_types(get_args(annotation)[0])
    elif isinstance(annotation, type):
        yield annotation
    elif isinstance(origin, type) and issubclass(origin, list | dict):
        yield origin
    else:  # a union, or a literal
        for part in get_args(annotation):
            yield from _plain_types(part if isinstance(part, type) or get_origin(part) else type(part))


def defaults_of(filled: Callable[..., Any]) -> Mapping[str, Any]:
    """The defaults of a function or a class which a section fills: so each default is written once, there."""
    parameters = inspect.signature(filled).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}
