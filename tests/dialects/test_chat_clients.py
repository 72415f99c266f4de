"""Chat completions as real clients write them: what they have in their histories, tools and parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from turnstream.dialects.base import ClientRequest, is_exchange
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.events import (
    AssistantMessage,
    ImagePart,
    Message,
    ReasoningPart,
    RequestError,
    RunRequest,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from turnstream.messages import MediaPart

USER = {"role": "user", "content": "hi"}
PARAMETERS = {"type": "object", "properties": {"a": {"type": "string"}}}


def request(**body: Any) -> RunRequest:
    decoded = ChatCompletions().decode(ClientRequest(json.dumps({"messages": [USER], **body}).encode(), "run1", 0.0))
    assert is_exchange(decoded)
    return decoded.request


def heard(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return request(messages=list(messages)).messages


def refused(**body: Any) -> str | None:
    with pytest.raises(RequestError) as caught:
        request(**body)
    assert caught.value.status == 400
    return caught.value.param


def calls(*named: tuple[Any, str]) -> dict[str, Any]:
    made = [{"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}} for id, name in named]
    return {"role": "assistant", "content": None, "tool_calls": made}


def answers(conversation: tuple[Message, ...]) -> list[tuple[str, Any]]:
    return [(each.tool_call_id, each.content) for each in conversation if isinstance(each, ToolMessage)]


# ------------------------------------------------------------------------------------------- results without an id


@pytest.mark.parametrize("id", [{}, {"tool_call_id": None}, {"tool_call_id": ""}])
def test_a_result_without_an_id_answers_the_open_call(id: dict[str, Any]) -> None:
    said = heard(USER, calls(("c1", "f")), {"role": "tool", "content": "REAL", **id})
    assert answers(said) == [("c1", "REAL")]


def test_a_result_without_an_id_answers_the_call_of_its_name_first() -> None:
    results = [{"role": "tool", "content": "G", "name": "g"}, {"role": "tool", "content": "F"}]
    assert answers(heard(USER, calls(("c1", "f"), ("c2", "g")), *results)) == [("c2", "G"), ("c1", "F")]


def test_calls_without_ids_meet_results_without_ids_in_order() -> None:
    said = heard(USER, calls((None, "f"), (None, "g")), *({"role": "tool", "content": text} for text in "FG"))
    first, second = next(each for each in said if isinstance(each, AssistantMessage)).tool_calls
    assert answers(said) == [(first.id, "F"), (second.id, "G")]


def test_ids_may_be_numbers_on_both_sides() -> None:
    said = heard(USER, calls((7, "f")), {"role": "tool", "content": "R", "tool_call_id": 7})
    assert answers(said) == [("7", "R")]


def test_an_id_that_is_given_is_never_paired_by_name() -> None:
    said = heard(USER, calls(("c1", "f")), {"role": "tool", "content": "R", "tool_call_id": "other", "name": "f"})
    assert answers(said) == [("other", "R")]


@pytest.mark.parametrize("before", [[], [calls(("c1", "f")), {"role": "tool", "content": "1", "tool_call_id": "c1"}]])
def test_a_result_without_an_id_and_without_an_open_call_is_refused(before: list[dict[str, Any]]) -> None:
    at = 1 + len(before)
    assert refused(messages=[USER, *before, {"role": "tool", "content": "x"}]) == f"messages[{at}].tool_call_id"


@given(st.lists(st.tuples(st.sampled_from(["call", "by id", "next"]), st.sampled_from("ab"), st.sampled_from("fg"))))
def test_results_close_calls_in_their_order(steps: list[tuple[str, str, str]]) -> None:
    conversation, expected, open_calls = [USER], [], list[tuple[str, str]]()
    for kind, id, name in steps:
        mine = [call for call in open_calls if call[1] == name]
        if kind == "call":
            conversation.append(calls((id, name)))
            open_calls.append((id, name))
        elif kind == "by id":
            conversation.append({"role": "tool", "content": "", "tool_call_id": id})
            expected.append(id)
            open_calls = [call for call in open_calls if call[0] != id]
        elif mine:
            conversation.append({"role": "tool", "content": "", "name": name})
            expected.append(mine[0][0])
            open_calls.remove(mine[0])
    assert [id for id, _ in answers(heard(*conversation))] == expected


# ------------------------------------------------------------------------------------------------------ usual messages

TEXTS = st.sampled_from(["", " ", "hi"])
USUAL = st.one_of(
    st.builds(lambda text: {"role": "user", "content": text}, TEXTS),
    st.builds(lambda text: {"role": "assistant", "content": text}, TEXTS),
    st.builds(lambda text: {**calls(("a", "f"), (None, "g")), "content": text}, TEXTS),
    st.builds(lambda text: {"role": "tool", "content": text, "tool_call_id": "a", "name": "f"}, TEXTS),
    st.just({"role": "assistant", "content": "", "refusal": "no", "name": "b"}),
    st.just({"role": "assistant", "images": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}),
)


@given(st.lists(USUAL, min_size=1))
def test_a_text_and_parts_that_are_texts_are_read_alike(given: list[dict[str, Any]]) -> None:
    texts = [each.get("content") or "" for each in given]
    in_parts = [[{"type": "text", "text": text[:1]}, {"type": "text", "text": text[1:]}] for text in texts]
    for contents in (in_parts, [[text] for text in texts]):  # any string may be a part, though few are
        assert heard(*given) == heard(*({**a, "content": b} for a, b in zip(given, contents, strict=True)))


# ------------------------------------------------------------------------------------------------ thoughts and media


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "thinking", "thinking": "mm", "signature": "s"},
        {"type": "think", "think": "mm"},
        {"type": "reasoning", "reasoning": "mm"},
        {"type": "reasoning", "text": "mm"},
        {"type": "thinking", "thinking": [{"type": "text", "text": "mm"}]},
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_thought_in_the_history_is_reasoning(thought: dict[str, Any], first: bool) -> None:
    text = {"type": "text", "text": "b"}
    content = [thought, text] if first else [text, thought]
    assert heard(USER, {"role": "assistant", "content": content})[1] == AssistantMessage(
        (ReasoningPart("mm"), TextPart("b"))
    )


def test_a_thought_alone_may_stand_beside_calls() -> None:
    said = heard(USER, {**calls(("c1", "f")), "content": [{"type": "thinking", "thinking": "mm"}]})
    assert said[1] == AssistantMessage((ReasoningPart("mm"), ToolCall("c1", "f", "{}")))


@pytest.mark.parametrize("kind", ["thinking", "novelty"])
def test_an_unknown_part_of_a_user_is_refused_with_its_path(kind: str) -> None:
    content = [{"type": "text", "text": "a"}, {"type": kind, kind: "x"}]
    assert refused(messages=[{"role": "user", "content": content}]) == "messages[0].content[1]"


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("value", [{"url": "https://x/a"}, "https://x/a"])
def test_film_and_sound_by_address_go_on_as_they_are(kind: str, value: Any) -> None:
    [said] = heard({"role": "user", "content": [{"type": f"{kind}_url", f"{kind}_url": value}]})
    assert said == UserMessage((MediaPart(kind, "https://x/a"),))  # type: ignore[arg-type]  # of the two


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
            ImagePart("data:image/png;base64,QQ=="),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, ImagePart("https://x/y.png")),
        ({"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}, ImagePart("https://x/y.png", "low")),
    ],
)
def test_images_are_understood_in_other_vendors_words(part: dict[str, Any], expected: ImagePart) -> None:
    assert heard({"role": "user", "content": [part]}) == (UserMessage((expected,)),)


def test_a_text_part_of_null_is_left_out() -> None:
    content = [{"type": "text", "text": None}, {"type": "text", "text": "hi"}]
    assert heard({"role": "user", "content": content}) == (UserMessage("hi"),)


# ------------------------------------------------------------------------------------------------- Cursor and Claude


@pytest.mark.parametrize(
    "given", ["hi", [{"role": "user", "content": "hi"}], [{"type": "message", "role": "user", "content": "hi"}]]
)
def test_without_messages_input_is_the_conversation(given: Any) -> None:
    assert request(messages=None, input=given).messages == (UserMessage("hi"),)


def test_messages_count_where_both_are_given() -> None:
    assert request(input="other").messages == (UserMessage("hi"),)


def test_a_body_with_neither_is_refused() -> None:
    assert refused(messages=None) == "messages"


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "name": "f", "description": "d", "parameters": PARAMETERS},
        {"name": "f", "description": "d", "input_schema": PARAMETERS},
        {"type": "custom", "name": "f", "description": "d", "input_schema": PARAMETERS},
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": PARAMETERS}},
    ],
)
def test_tools_are_understood_flat_and_in_anthropics_form(tool: dict[str, Any]) -> None:
    [spec] = request(tools=[tool]).tools
    assert (spec.name, spec.description, spec.parameters, spec.source) == ("f", "d", PARAMETERS, "client")


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_tool_choice_may_be_an_object_with_a_type(mode: str) -> None:
    assert request(tool_choice={"type": mode}).options.tool_choice == mode


def test_calls_and_results_in_anthropics_form_are_calls_and_results() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "R"}]}
    said = heard(
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "so"}, call]},
        {"role": "user", "content": [result, {"type": "text", "text": "and?"}]},
    )
    assert said[1:] == (
        AssistantMessage((TextPart("so"), ToolCall("t1", "f", '{"a":1}'))),
        ToolMessage("t1", "R"),
        UserMessage("and?"),
    )


# --------------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [("prompt_cache_key", "t1"), ("safety_identifier", "s"), ("prediction", {"type": "content", "content": "x"})],
)
def test_keys_for_a_cache_reach_vendors_that_speak_openais_words(name: str, value: Any) -> None:
    assert request(**{name: value}).options.openai == {name: value}


def test_nothing_is_made_up_where_a_client_sends_nothing() -> None:
    assert (request().options.openai, request().options.extra) == (None, None)


def test_log_probabilities_are_refused_and_not_silently_left_out() -> None:
    assert refused(logprobs=True) == "logprobs"
    assert refused(logprobs=True, stream=True) == "logprobs"
    assert request(logprobs=False) == request(logprobs=None) == request()


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"reasoning": {"effort": "xhigh"}}, "xhigh"),
        ({"reasoning": {"enabled": True}}, None),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "high"),
        ({"reasoning": {"effort": ""}}, None),
        ({"reasoning_effort": "", "reasoning": {"effort": "low"}}, "low"),
        ({"reasoning": "high"}, None),
        ({"reasoning": ["high"]}, None),
    ],
)
def test_openrouters_reasoning_is_an_effort(body: dict[str, Any], effort: str | None) -> None:
    assert request(**body).options.reasoning_effort == effort


def declared(*names: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name}} for name in names]


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("nested", [True, False])
def test_allowed_tools_are_all_that_is_offered(mode: str, nested: bool) -> None:
    inner = {"mode": mode, "tools": declared("f")}
    choice = {"type": "allowed_tools", **({"allowed_tools": inner} if nested else inner)}
    found = request(tools=declared("f", "g"), tool_choice=choice)
    assert ([tool.name for tool in found.tools], found.options.tool_choice) == (["f"], mode)


def test_allowed_tools_may_be_none_and_must_be_declared() -> None:
    empty = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    assert request(tools=declared("f"), tool_choice=empty).tools == ()
    other = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": declared("other")}}
    assert refused(tools=declared("f"), tool_choice=other) == "tool_choice.allowed_tools.tools"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "seed"])
def test_json_has_one_kind_of_number(name: str) -> None:
    found = getattr(request(**{name: 100.0}).options, name)
    assert (found, type(found)) == (100, int)
    assert refused(**{name: 10.5}) == name
    assert refused(**{name: "100"}) == name


@pytest.mark.parametrize("limit", [-1, 0, -1.0])
def test_a_limit_below_one_is_no_limit(limit: float) -> None:
    options = request(max_tokens=limit, max_completion_tokens=limit).options
    assert (options.max_tokens, options.max_completion_tokens) == (None, None)


@pytest.mark.parametrize(("stop", "expected"), [("", None), ([""], None), (["", "END"], ("END",)), ("END", ("END",))])
def test_an_empty_stop_is_none(stop: Any, expected: Any) -> None:
    assert request(stop=stop).options.stop == expected


def test_the_answer_has_the_models_name_that_was_asked_for() -> None:
    body = json.dumps({"messages": [USER], "model": "gpt-x"}).encode()
    decoded = ChatCompletions().decode(ClientRequest(body, "run1", 0.0))
    assert is_exchange(decoded)
    assert b'"model":"gpt-x"' in decoded.encoder("agent").feed([])
