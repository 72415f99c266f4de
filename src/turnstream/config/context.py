"""What builders know of a configuration besides their own section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from turnstream.providers.http import Client


@dataclass(frozen=True, slots=True)
class ConfigContext:
    """Where a configuration lives: its folder, the environment that it is read with, and the connections to models
    that all of its agents share.
    """

    folder: Path
    environ: Mapping[str, str]
    client: Client
