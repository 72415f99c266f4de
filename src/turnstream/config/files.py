"""Files that a configuration names."""

from __future__ import annotations

import ssl
from pathlib import Path

from turnstream import errors


def read_text(path: Path) -> str:
    """Raises `ConfigurationError` if there is no such file, or if it is not UTF-8 text."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise errors.ConfigurationError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise errors.ConfigurationError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise errors.ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def find(name: str, folder: Path) -> Path:
    """Raises `ConfigurationError` if there is no such file."""
    path = folder / name
    if not path.is_file():
        raise errors.ConfigurationError(f"there is no file {path}")
    return path


def find_certificates(name: str | None, folder: Path) -> str | None:
    """The path of a file of certificates. Raises `ConfigurationError` if it has none."""
    if name is None:
        return None
    path = find(name, folder)
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError):
        raise errors.ConfigurationError(f"{path} has no certificates in PEM form") from None
    return str(path)
