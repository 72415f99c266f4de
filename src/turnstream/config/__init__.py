"""A file, a folder of files, or a Python object → the service to run."""

from turnstream.config.load import find, load
from turnstream.config.schema import json_schema

__all__ = ["find", "json_schema", "load"]
