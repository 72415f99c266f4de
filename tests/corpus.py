"""Where the recorded third-party data is read from. It is not part of the repository: its tests skip without it."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
STREAMS = CORPUS / "streams"
TOOLCALLS = CORPUS / "toolcalls"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the recorded streams are not in this checkout's ../shared/corpus"
)
