"""Status first, then codes, and words only where these leave it open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from turnstream.providers.decode import failures


def judged(status: int | None, body: Any) -> tuple[str, bool]:
    error = failures.from_status("v", status, body)
    return error.code, error.retryable


def said(status: int, message: str, **members: Any) -> tuple[str, bool]:
    return judged(status, {"error": {"message": message, **members}})


@pytest.mark.parametrize(
    "message",
    [
        "Too many tokens in this minute, wait a little.",
        "Rate limit reached. Add a payment method under /settings/billing to get more.",
        "Prompt is too long for your limit of tokens per minute: try again in 3s",
        "Quota exceeded for requests per minute; see your plan and billing details",
    ],
)
def test_a_429_is_a_rate_limit_whatever_its_words(message: str) -> None:
    assert said(429, message) == ("rate_limit_exceeded", True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error": {"code": "insufficient_quota", "message": "x"}}),
        (429, {"error": {"code": "1113", "message": "x"}}),
        (429, {"error": {"type": "exceeded_current_quota_error", "message": "x"}}),
        (402, {"detail": "x"}),
        (403, {"error": {"message": "Your account has an insufficient balance"}}),
        (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}),
        (400, {"code": "Arrearage", "message": "Access denied"}),
        (429, {"error": {"message": "Your prepaid credits are depleted."}}),
        (403, {"error": "Your team doesn't have any credits yet."}),
        (400, {"error": {"message": "Your credit balance is too low to do that", "type": "invalid_request_error"}}),
        (429, {"error": {"details": [{"violations": [{"quotaId": "TokensPerDayPerUser"}]}]}}),
        (403, {"errors": [{"code": "token_quota_reached"}]}),
        (None, {"base_resp": {"status_code": 1008, "status_msg": "x"}}),
        (None, {"error": {"code": 402, "message": "x"}}),
    ],
)
def test_an_account_without_credit_is_final(status: int | None, body: Any) -> None:
    assert judged(status, body) == ("provider_quota", False)


@pytest.mark.parametrize("words", ["my billing statement", "insufficient balance", "the prompt is too long: why?"])
def test_what_a_vendor_quotes_is_no_evidence(words: str) -> None:
    assert said(400, f"Invalid value for 'messages[0]': '{words}'.")[0] == "provider_rejected_request"
    assert said(400, f'Unsupported content "{words}"')[0] == "provider_rejected_request"
    assert said(400, f"Unsupported content `{words:<60}`")[0] == "provider_rejected_request"


@pytest.mark.parametrize(
    "message",
    [
        "input token count (12) exceeds the maximum number of tokens allowed (10)",
        "Too many input tokens. Max input tokens: 1, request input token count: 2",
        "This model's maximum prompt length is 1 but the request contains 2 tokens",
        "Please reduce the length of the messages or completion.",
        "Range of input length should be [1, 30720]",
        "Your request exceeded model token limit: 1 (requested: 2)",
        "prompt token count of 12 exceeds the limit of 10",
        "The input (12 tokens) is longer than the model's context length (10 tokens)",
        "`inputs` must have less than 10 tokens. Given: 12",
        "The decoder prompt (length 12) is longer than the maximum model length of 10",
        "the number of input tokens 12 cannot exceed the total tokens limit 10 for this model",
        "Input length 12 exceeds the maximum length 10",
        "input length and `max_tokens` exceed context limit: 9 + 2 > 10, decrease `max_tokens` and try again",
        "tokens in request more than max tokens allowed",
        "The provided prompt is of length 9, but the maximum sequence length supported is 8",
        "Request body too large for gpt-4o model. Max size: 8000 tokens.",
    ],
)
def test_the_vendors_words_for_a_prompt_that_is_too_long(message: str) -> None:
    for status in (400, 413, 422):
        assert said(status, message) == ("context_length_exceeded", False)
    assert said(500, message)[0] == "provider_error"


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
        "tools[0].function.name is too long: at most 64 characters",
        "Image exceeds the limit of 5 MB",
        "You exceeded the rate limit: too many input tokens",
    ],
)
def test_what_only_looks_like_a_prompt_that_is_too_long(message: str) -> None:
    assert said(400, message)[0] == "provider_rejected_request"


def test_a_code_says_it_with_any_status() -> None:
    assert said(500, "x", type="exceed_context_size_error")[0] == "context_length_exceeded"
    assert said(413, "x", code="rate_limit_exceeded")[0] == "context_length_exceeded"


def test_clients_know_the_sentence() -> None:
    error = failures.from_status("v", 400, {"error": {"code": "context_length_exceeded"}})
    assert error.message == "prompt is too long: the conversation exceeds this model's maximum context length."


@pytest.mark.parametrize(
    "members",
    [
        {"code": "content_filter"},
        {"innererror": {"code": "ResponsibleAIPolicyViolation"}},
        {"code": "data_inspection_failed"},
        {"code": "1301"},
        {"code": "InputTextSensitiveContentDetected"},
        {"code": "content_policy_violation"},
    ],
)
def test_a_filter_is_named_by_its_code(members: dict[str, Any]) -> None:
    assert said(400, "x", **members) == ("content_filter", False)
    assert failures.from_status("v", 400, {"error": members}).status == 400


def test_an_input_that_was_flagged_was_filtered() -> None:
    assert said(403, "x", metadata={"flagged_input": "y"}) == ("content_filter", False)


def test_a_limit_may_come_with_another_status() -> None:
    assert judged(400, {"__type": "com.amazon#ThrottlingException", "message": "x"}) == ("rate_limit_exceeded", True)


def test_safety_as_a_word_is_no_filter() -> None:
    assert said(400, "Unknown parameter: safety_settings")[0] == "provider_rejected_request"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": 503, "message": "x"}}, "provider_overloaded"),
        ({"error": {"type": "overloaded_error"}}, "provider_overloaded"),
        ({"code": "rate_limit_exceeded"}, "rate_limit_exceeded"),
        ({"error": {"status": "RESOURCE_EXHAUSTED"}}, "rate_limit_exceeded"),
        ({"base_resp": {"status_code": 1002}}, "rate_limit_exceeded"),
        ({"error": {"metadata": {"raw": '{"error":{"code":"rate_limit_exceeded"}}'}}}, "rate_limit_exceeded"),
    ],
)
def test_an_error_inside_a_stream_has_a_status_of_its_own(body: Any, code: str) -> None:
    assert judged(None, body) == (code, True)


@pytest.mark.parametrize(
    ("status", "body", "wait"),
    [
        (429, {"error": {"details": [{"retryDelay": "2.5s"}]}}, 2.5),
        (429, [{"error": {"details": [{"retryDelay": "7s"}]}}], 7),
        (429, {"error": {"message": "Please try again in 500ms."}}, 0.5),
        (503, {"error": {"message": "try again in 1m2.5s"}}, 62.5),
        (429, {"error": {"message": "Try again later. Limit: 30"}}, None),
        (400, {"error": {"message": "try again in 5s"}}, None),
    ],
)
def test_the_wait_that_a_body_names(status: int, body: Any, wait: float | None) -> None:
    assert failures.from_status("v", status, body).retry_after == wait


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["429", "code", '{"error":{}}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "details", "retryDelay", "base_resp", "message"]), inner)
    ),
)


@given(st.none() | st.integers(300, 600), JSON)
def test_any_body_is_some_error(status: int | None, body: Any) -> None:
    assert failures.from_status("v", status, body).message
