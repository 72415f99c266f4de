"""The recorded streams of one wire protocol, and what a correct reader gets out of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.corpus import STREAMS


def recordings(api: str) -> list[Path]:
    """The description of each recording, the body being beside it; none where there is no corpus."""
    return [path for path in sorted(STREAMS.glob("*/*.json")) if json.loads(path.read_bytes())["api"] == api]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def described(path: Path) -> tuple[dict[str, Any], bytes]:
    return json.loads(path.read_bytes()), path.with_suffix(".sse").read_bytes()
