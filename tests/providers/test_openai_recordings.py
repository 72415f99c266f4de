"""Each recorded chat completion stream decodes to what a correct reader must get out of it, however it is cut."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import needs_corpus
from tests.providers.recorded import described, name, recordings
from turnstream.cli.recordings import batches, decode
from turnstream.events import ModelEvent, ProviderError
from turnstream.providers import openai

pytestmark = needs_corpus
RECORDINGS = recordings("openai.chat")
STREAMS = [path for path in RECORDINGS if json.loads(path.read_bytes())["status"] == 200]
REFUSED = [path for path in RECORDINGS if path not in STREAMS]
TRUNCATED = {"errors/gpustack-error-qwen3"}  # it ends in an error that the plain script does not see


def said(pieces: list[bytes]) -> tuple[list[ModelEvent], str | None]:
    events: list[ModelEvent] = []
    try:
        for batch in batches(openai.PROVIDER.decoder(), pieces):
            events += batch
    except ProviderError as error:
        return events, error.message
    return events, None


def essential(result: dict[str, Any]) -> dict[str, Any]:
    keys = ("text", "reasoning", "tool_calls", "finish_reason", "usage", "error", "refusal")
    return {key: result.get(key) for key in keys}


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_recording_decodes_to_what_is_expected(path: Path) -> None:
    description, body = described(path)
    wanted, found = essential(description["expected"]), essential(decode("openai.chat", path.name, body))
    if name(path) in TRUNCATED:
        assert found.pop("error")
        del wanted["error"]
    assert found == wanted


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_recording_decodes_the_same_however_it_is_cut(path: Path) -> None:
    description, body = described(path)
    whole = said([body])
    rng = random.Random(len(body))
    cuts = [sorted(rng.sample(range(len(body)), min(len(body), count))) for count in (1, 5, 200, 2000)]
    cuts += [list(itertools.accumulate(description.get("chunk_lengths", [])))]
    if len(body) < 6000:
        cuts += [list(range(len(body)))]
    for cut in cuts:
        edges = [0, *cut, len(body)]
        assert said([body[a:b] for a, b in itertools.pairwise(edges)]) == whole


@pytest.mark.parametrize("path", REFUSED, ids=name)
def test_a_recorded_refusal_is_an_error_with_the_vendors_object(path: Path) -> None:
    description, body = described(path)
    error = openai.PROVIDER.error(description["status"], body)
    assert (error.body, error.provider_status) == (description["expected"]["error"], description["status"])
    assert decode("openai.chat", path.name, body, cut=7)["error"] == description["expected"]["error"]
