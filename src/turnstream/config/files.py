"""Files that a configuration names."""

from __future__ import annotations

import ssl
from pathlib import Path

from turnstream.events import ConfigurationError


def existing(name: str, folder: Path) -> Path:
    """Raises `ConfigurationError` if there is no such file."""
    path = folder / name
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    return path


def certificates(name: str, folder: Path) -> Path:
    """Raises `ConfigurationError` if it is no file of certificates."""
    path = existing(name, folder)
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError):
        raise ConfigurationError(f"{path} has no certificates in PEM form") from None
    return path
