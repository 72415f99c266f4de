"""A file, a folder of files, or a Python object → the service to run."""

from typing import Any

from turnstream.config.load import find, load

__all__ = ["find", "json_schema", "load"]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration. It loads every kind of tools."""
    from turnstream.config import schema

    return schema.json_schema()
