"""What every section of a configuration is made of: its rules, and the types of its values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from turnstream.config.document import Substituted


def _typed(value: Any) -> Any:
    return value.typed() if isinstance(value, Substituted) else value


def listed(value: Any) -> Any:
    if isinstance(value, Substituted):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _plain(value: Any) -> Any:
    """Values whose type is the vendor's business, typed as YAML would type them."""
    match value:
        case Substituted():
            return value.typed()
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


FromEnvironment = BeforeValidator(_typed)
Whole = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonEmpty = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[NonEmpty], BeforeValidator(listed)]
Anything = Annotated[dict[str, Any], BeforeValidator(_plain)]


class Section(BaseModel):
    """Strict, closed, and silent about its input: a bad value may be a secret in the wrong place."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=True)
