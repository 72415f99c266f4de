"""What Open WebUI shows of each story: the frame rules of its middleware over our default stream."""

from __future__ import annotations

import pytest

from tests.dialects.open_webui import Page, read
from tests.dialects.stories import STORIES
from turnstream.dialects import asking
from turnstream.dialects.openai_chat import Encoder
from turnstream.dialects.statuses import STOPPED
from turnstream.events import (
    RunEvent,
    RunFailed,
    RunWaiting,
    Source,
    SourceFound,
    TextDelta,
    ToolCall,
    ToolCallsDetected,
    Usage,
)


def page(name: str) -> Page:
    encoder = Encoder("chatcmpl-1", 1, "assistant", usage=True)
    return read(b"".join(encoder.feed(batch) for batch in STORIES[name]) + encoder.heartbeat() + encoder.close())


@pytest.mark.parametrize("name", STORIES)
def test_the_text_is_the_runs_and_nothing_is_ignored(name: str) -> None:
    events: list[RunEvent] = [event for batch in STORIES[name] for event in batch]
    shown = page(name)
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    said += "".join(asking.message(event) for event in events if isinstance(event, RunWaiting))
    assert shown.text == (STOPPED if name == "max_steps_stop" else said)
    assert shown.ignored == []


def test_our_tools_are_shown_as_statuses_and_never_executed() -> None:
    shown = page("parallel_tools")
    assert [(status["description"], status["done"]) for status in shown.of("status")] == [
        ("Running get_weather, get_time", False),
        ("Ran get_weather, get_time; failed: get_time", True),
    ]
    assert shown.executes == []


def test_a_run_that_waits_for_a_person_does_not_keep_the_page_waiting() -> None:
    assert page("waiting").of("status")[-1] | {"hidden": False} == {
        "description": "Waiting for your answer",
        "done": True,
        "hidden": False,
    }


def test_a_tool_of_the_client_is_executed() -> None:
    assert page("client_tools").executes == ["open_window", "ring"]


@pytest.mark.parametrize("name", ["tool_round", "parallel_tools", "mixed_tools", "max_steps_answer"])
def test_the_last_status_is_done_so_that_the_page_stops_to_wait(name: str) -> None:
    assert page(name).of("status")[-1]["done"]


def test_so_it_is_when_a_run_fails_while_its_tools_run() -> None:
    encoder = Encoder("chatcmpl-1", 1, "assistant")
    called = ToolCallsDetected(1, (ToolCall("call_1", "get_weather", "{}"),))
    shown = read(encoder.feed([called, RunFailed("run_timeout", "Too long.", 504, Usage())]))
    assert [(status["description"], status["done"]) for status in shown.of("status")] == [
        ("Running get_weather", False),
        ("Stopped", True),
    ]
    assert shown.error["code"] == "run_timeout"


def test_the_status_of_the_tools_stays_when_the_model_goes_on() -> None:
    assert page("tool_round").status == "Ran get_weather"


def test_sources_are_citations_by_their_titles() -> None:
    shown = page("sources")
    assert list(shown.citations) == ["A page", "A note", "https://example.org/b"]
    first, second, *_ = shown.of("source")
    assert first["source"] == {"name": "A page", "url": "https://example.org/a"}
    assert second["source"] == {"name": "A note"}


def test_the_document_of_a_citation_is_what_was_found_there() -> None:
    encoder = Encoder("chatcmpl-1", 1, "assistant")
    shown = read(encoder.feed([SourceFound(Source("1", "A page", "https://example.org/a", "It rains."))]))
    assert shown.citations == {"A page": ["It rains."]}


def test_reasoning_and_usage_are_told_once() -> None:
    shown = page("reasoning")
    assert (shown.reasoning, shown.prompt_tokens) == ("Let me think.", 30)


def test_a_failure_is_an_error() -> None:
    assert page("error_midway").error["code"] == "provider_error"
