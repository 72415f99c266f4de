"""What Open WebUI shows of each story: the frame rules of its middleware over our default stream."""

from __future__ import annotations

import pytest

from tests.dialects.open_webui import Page, read
from tests.dialects.stories import STORIES
from turnstream.dialects.openai_chat import Encoder
from turnstream.dialects.statuses import STOPPED
from turnstream.events import RunEvent, TextDelta


def page(name: str) -> Page:
    encoder = Encoder("chatcmpl-1", 1, "assistant", usage=True)
    return read(b"".join(encoder.feed(batch) for batch in STORIES[name]) + encoder.heartbeat() + encoder.close())


@pytest.mark.parametrize("name", STORIES)
def test_the_text_is_the_runs_and_nothing_is_ignored(name: str) -> None:
    events: list[RunEvent] = [event for batch in STORIES[name] for event in batch]
    shown = page(name)
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert shown.text == (STOPPED if name == "max_steps_stop" else said)
    assert shown.ignored == []


def test_our_tools_are_shown_as_statuses_and_never_executed() -> None:
    shown = page("parallel_tools")
    visible = [(status["description"], status["done"]) for status in shown.of("status") if not status["hidden"]]
    assert visible == [
        ("Running get_weather, get_time", False),
        ("Ran get_weather, get_time; failed: get_time", True),
    ]
    assert shown.executes == []


def test_a_tool_of_the_client_is_executed() -> None:
    assert page("client_tools").executes == ["open_window", "ring"]


@pytest.mark.parametrize("name", ["tool_round", "parallel_tools", "mixed_tools", "max_steps_answer"])
def test_the_last_status_is_done_so_that_the_page_stops_to_wait(name: str) -> None:
    assert page(name).of("status")[-1]["done"]


def test_sources_are_citations() -> None:
    first, second, _ = page("sources").of("source")
    assert first["source"] == {"name": "A page", "url": "https://example.org/a"}
    assert first["metadata"] == [{"source": "https://example.org/a", "name": "A page"}]
    assert len(first["document"]) == len(first["metadata"])
    assert second["source"] == {"name": "A note"}


def test_reasoning_and_usage_are_told_once() -> None:
    shown = page("reasoning")
    assert (shown.reasoning, shown.prompt_tokens) == ("Let me think.", 30)


def test_a_failure_is_an_error() -> None:
    assert page("error_midway").error["code"] == "provider_error"
