"""What a vendor's error means: its status first, then the codes and types that are meant for programs, and its words
only where those leave it open.

Words mislead: vendors link their billing page in a rate limit, say "too many tokens" of a minute, and quote the user.
So words count with the statuses that say nothing more than "not like this" (400, 413, 422), or where there is none;
quotations do not count at all. Sources are in docs/models.md, section Errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from turnstream import jsontext

_STATUSES = (400, 600)
_LONGEST_TEXT = 8000
_OPEN = (None, 400, 413, 422)
_CODE_KEYS = ("code", "type", "status", "reason", "error_type", "error_code", "__type", "quotaId")
_HOLDERS = (
    *(
        "error",
        "errors",
        "innererror",
        "inner_error",
        "details",
        "detail",
        "violations",
        "metadata",
        "raw",
        "base_resp",
    ),
    *("response", "contentFilter"),
)

_STATUS_OF_CODE = {
    400: ("invalid_request_error", "invalid_argument", "bad_request", "badrequesterror", "invalid_prompt"),
    401: ("authentication_error", "invalid_api_key", "unauthenticated", "unauthorized", "invalid_authentication_error"),
    402: ("billing_error", "insufficient_quota"),
    403: ("permission_error", "permission_denied", "accessdeniedexception"),
    404: ("not_found_error", "not_found", "model_not_found", "resourcenotfoundexception"),
    413: ("request_too_large",),
    429: (
        *("rate_limit_error", "rate_limit_exceeded", "rate_limit_reached", "too_many_requests", "resource_exhausted"),
        *("throttlingexception", "throttling", "rate_limited", "1302", "1303", "1305", "1312"),
    ),
    500: (
        "api_error",
        "server_error",
        "internal_error",
        "internal_server_error",
        "internal",
        "internalservererror",
        "internalerror",
    ),
    503: (
        *("service_unavailable", "service_unavailable_error", "unavailable", "server_is_overloaded", "slow_down"),
        *("server_overloaded", "overloaded", "engine_overloaded", "serviceunavailableexception", "over_capacity"),
    ),
    504: ("timeout_error", "deadline_exceeded", "timeout", "gateway_timeout"),
    529: ("overloaded_error", "engine_overloaded_error"),
}
_BY_CODE = {code: status for status, codes in _STATUS_OF_CODE.items() for code in codes}
_BASE_RESP = {  # https://platform.minimax.io/docs/api-reference/errorcode
    **dict.fromkeys((1002, 1039, 1041, 2045, 2056), 429),
    **dict.fromkeys((1004, 2049), 401),
    1008: 402,
    1001: 504,
    **dict.fromkeys((1000, 1013, 1024, 1033), 500),
}
_FILTERED_BASE_RESP = (1026, 1027)

_SPENT_CODES = re.compile(
    r"insufficient_(quota|balance|credits?|funds)|exceeded_current_quota_error|billing_(error|not_active|hard_limit_reached)"
    r"|credits?_exhausted|token_quota_reached|arrearage|accountoverdueerror|1113|1309|1310|.*perday.*",
)
_SPENT_WORDS = re.compile(
    r"insufficient[ _](account )?(balance|quota|credits?|funds)|credit balance is too low|exceeded_current_quota"
    r"|balance is (insufficient|not enough)|(not|does not have) enough (balance|credits?|funds)|negative balance"
    r"|credits? (are |have been )?(depleted|exhausted)|used all available credits|not have any credits"
    r"|n't have any credits|out of credits?|no credits? (left|remaining)|requires more credits"
    r"|account is (in arrears|overdue)"
)
_LIMIT_WORDS = re.compile(r"rate.?limit|too many requests|throttl|tokens per (min|day)|requests per (min|day)")
_OVERLOAD_WORDS = re.compile(r"\b(overloaded|at capacity|temporarily unavailable|service unavailable)\b")
_MALFORMED_CODES = ("tool_use_failed",)  # Groq's
_FILTER_CODES = re.compile(
    r".*content_?filter.*|.*content_policy.*|.*responsibleaipolicy.*|data_?inspection_?failed|.*sensitivecontent.*"
    r"|moderation_blocked|invalid_prompt|1301"
)
_FILTER_WORDS = re.compile(r"content exists risk|considered high risk|content_filter|data_?inspection_?failed")
_LONG_CODES = re.compile(
    r".*context_(length|window|size|limit).*|exceed_context_size_error|(prompt|input|request|messages?)_too_(long|large)"
    r"|.*max_prompt_tokens.*|token_quantity_exceeded|tokens_limit_reached|1261"
)
_CONTEXT_WORDS = re.compile(
    r"context[ _](length|window|size|limit)|max(imum)? context\b|maximum (prompt|input|model|context|sequence) length"
)
# an input, and that it is more than may be; each vendor has words of its own for both
_LONG_WORDS = re.compile(
    r"\b(prompt|input|request|conversation|context|messages?)( body)?( is| are)? too (long|large)"
    r" for (the|this|requested)? ?\S*( model)?"
    r"|\b(prompt|input|conversation|context)( is|:)? too long|too many (input |prompt )?tokens"
    r"|\b(input|prompt)( token)?s?( count| length)?( \(?\d*\)?)?( of \d+)? (tokens )?"
    r"(exceeds?|cannot exceed|is above)\b"
    r"|exceed\w* (the )?(model'?s? |total |available )?(max(imum)? |allowed |model )*"
    r"(input|prompt|context|token|tokens) (limit|length)"
    r"|number of input tokens.{0,20}cannot exceed|maximum number of (input )?tokens allowed|total tokens limit"
    r"|reduce the length of (the |your )?(messages|prompt|input|conversation)|range of input length should be"
    r"|\binputs?\b.{0,40}\btokens?\b.{0,40}\bmust (be|have) (<=?|less|fewer|at most)|`inputs` must have less"
    r"|tokens in request more than max|longer than the (model'?s?|maximum) (context|model|input)|\bmodel token limit"
)
_OUTPUT_WORDS = re.compile(r"\b(output|completion|generated) tokens?\b|max_?(output|completion|new)_?tokens:? ")
_QUOTED = re.compile(r"(?<![\w'])'[^'\n]{2,}'(?!\w)|\"[^\"\n]{2,}\"|“[^”\n]{2,}”|‘[^’\n]{2,}’")
_BACKTICKS = re.compile(r"`([^`\n]*)`")
_SAID_WAIT = re.compile(
    r"(?:try again|retry|wait)\D{0,20}(?=\d)(?:(\d{1,4})h)?(?:(\d{1,4})m(?!s))?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?) ?(ms|milliseconds?|s\b|sec\w*))?",
    re.IGNORECASE,
)


class Verdict(Struct, frozen=True):
    """``kind`` is ``spent``, ``long``, ``filtered``, ``malformed`` (the model's call) or ``status``: that says it all.

    ``wait`` is in seconds.
    """

    kind: str
    status: int | None
    wait: float | None = None


def judge(status: int | None, body: Any, text: str) -> Verdict:
    """``status`` is that of the response, None inside a stream; ``body`` is the JSON value, ``text`` its words."""
    codes = list(_codes(body))
    known = status if status is not None else _inner_status(body, codes)
    if known is None and not codes:
        known = _status_of(text)
    if known == 400 and any(_BY_CODE.get(code) == 429 for code in codes):  # as AWS and some relays word a limit
        known = 429
    wait = _wait(body, text) if known in (429, 503, 529) else None
    return Verdict(_kind(known, codes, body, text), known, wait)


def _status_of(text: str) -> int | None:
    """What the words alone say, of an error in a stream that has nothing else."""
    words = _without_quotations(text[:_LONGEST_TEXT].lower())
    if _LIMIT_WORDS.search(words):
        return 429
    return 503 if _OVERLOAD_WORDS.search(words) else None


def _kind(status: int | None, codes: list[str], body: Any, text: str) -> str:
    if status == 402 or any(_SPENT_CODES.fullmatch(code) for code in codes):
        return "spent"
    words = _without_quotations(text[:_LONGEST_TEXT].lower())
    if status in (403, 429, *_OPEN) and _SPENT_WORDS.search(words):
        return "spent"
    if any(code in _MALFORMED_CODES for code in codes):
        return "malformed"
    if _holds(body, "flagged_input"):  # OpenRouter's moderation
        return "filtered"
    if any(_FILTER_CODES.fullmatch(code) for code in codes) or _base_resp(body) in _FILTERED_BASE_RESP:
        return "filtered"
    if any(_LONG_CODES.fullmatch(code) for code in codes):
        return "long"
    if status not in _OPEN:
        return "status"
    if status == 413 and "rate_limit_exceeded" in codes:  # more than the tier allows in a minute: waiting is no help
        return "long"
    if _FILTER_WORDS.search(words):
        return "filtered"
    limited = any(_BY_CODE.get(code) == 429 for code in codes) or _LIMIT_WORDS.search(words)
    long = _CONTEXT_WORDS.search(words) or (_LONG_WORDS.search(words) and not _OUTPUT_WORDS.search(words))
    return "long" if long and not limited else "status"


def _holds(value: Any, key: str, depth: int = 0) -> bool:
    if not isinstance(value, dict) or depth > 4:
        return False
    return key in value or any(_holds(value.get(holder), key, depth + 1) for holder in ("error", "metadata"))


def _without_quotations(text: str) -> str:
    """Short texts between backticks are names of parameters, and stay."""
    named = _BACKTICKS.sub(lambda found: found[0] if len(found[1]) < 40 else " ", text)
    return _QUOTED.sub(" ", named)


def _inner_status(body: Any, codes: list[str]) -> int | None:
    """What an error inside a stream says of itself: an HTTP status in its code, or a name that stands for one."""
    if (status := _BASE_RESP.get(_base_resp(body))) is not None:
        return status
    if _base_resp(body):
        return 400
    for code in codes:
        if code.isdecimal() and _STATUSES[0] <= int(code) < _STATUSES[1]:
            return int(code)
    named = (_BY_CODE.get(code) or _BY_CODE.get(code.partition(".")[0]) for code in codes)  # Throttling.RateQuota
    return next((status for status in named if status), None)


def _base_resp(body: Any) -> int:
    """MiniMax's own status in a 200; 0 is good."""
    inner = body.get("base_resp") if isinstance(body, dict) else None
    code = inner.get("status_code") if isinstance(inner, dict) else None
    return code if isinstance(code, int) else 0


def _codes(value: Any, depth: int = 0) -> Iterator[str]:
    """All that is meant for programs, in lower case: codes, types, statuses; the outermost first."""
    if isinstance(value, list):
        for item in value[:20]:
            yield from _codes(item, depth + 1)
    elif isinstance(value, dict) and depth < 8:
        for key in ("status_code", *_CODE_KEYS):
            code = value.get(key)
            if isinstance(code, (str, int)) and not isinstance(code, bool):
                yield str(code).rpartition("#")[2].strip().lower()
        for key in _HOLDERS:
            yield from _codes(value.get(key), depth + 1)
    elif isinstance(value, str) and value[:1] == "{" and depth < 8:  # a gateway quotes the body of its own vendor
        try:
            yield from _codes(jsontext.decode(value), depth + 1)
        except ValueError:
            return


def _wait(body: Any, text: str) -> float | None:
    """What the body asks to wait: Google's ``RetryInfo``, else the words "try again in 1.2s"."""
    named = next(_delays(body), None)
    return named if named is not None else _read_wait(text)


def _delays(value: Any, depth: int = 0) -> Iterator[float]:
    if isinstance(value, list):
        for item in value[:20]:
            yield from _delays(item, depth + 1)
    elif isinstance(value, dict) and depth < 8:
        delay = value.get("retryDelay")
        if isinstance(delay, str) and re.fullmatch(r"\d{1,9}(\.\d+)?s", delay):
            yield float(delay[:-1])
        for key in ("retry_after", "retryAfter", "retry_after_seconds"):
            seconds = value.get(key)
            if isinstance(seconds, (int, float)) and 0 <= seconds < 1e9:
                yield float(seconds)
        for key in ("error", "details", "metadata", "raw"):
            yield from _delays(value.get(key), depth + 1)


def _read_wait(text: str) -> float | None:
    for found in _SAID_WAIT.finditer(text[:4000]):
        hours, minutes, number, unit = found.groups()
        if hours or minutes or number:
            seconds = float(number or 0) / (1000 if unit and unit.startswith("m") else 1)
            return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
    return None
