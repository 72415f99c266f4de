"""What the rules found, for a person to read and for a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from turnstream.doctor.recording import Recording, parse
from turnstream.doctor.rules import RULES, Finding, examine

Paint: TypeAlias = Callable[[str, str], str]
"""Text and the name of a colour give coloured text."""

_COLOURS = {"error": "red", "warning": "yellow", "ok": "green", "refused": "red"}
_MOST_PLACES = 3
_HINTS = {
    401: "Give its key with --key, or in TURNSTREAM_KEY.",
    403: "Give its key with --key, or in TURNSTREAM_KEY.",
    404: "Is that the base URL? It often ends with /v1. --model names the model to ask.",
}


class Report:
    """``ok`` is whether no client fails: nothing was refused that should be answered, and no rule has an error."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings
        self._findings = list(examine(recordings))
        self._refused = [one for one in recordings if one.status >= 400 and not one.refusal_wanted]
        self.ok = not self._refused and not any(finding.rule.level == "error" for finding in self._findings)

    def as_json(self) -> dict[str, Any]:
        answers = [{"name": one.name, "status": one.status, "bytes": len(one.body)} for one in self._recordings]
        return {"ok": self.ok, "answers": answers, "findings": [finding.as_json() for finding in self._findings]}

    def lines(self, paint: Paint) -> Iterator[str]:
        for recording in self._recordings:
            state = self._state(recording)
            yield f"{paint(f'{state:8}', _COLOURS[state])} {recording.name}: {_about(recording)}"
        if self._refused and (hint := _HINTS.get(self._refused[0].status)):
            yield f"         {hint}"
        for rule, found in groupby(sorted(self._findings, key=_order), lambda finding: finding.rule):
            yield ""
            yield f"{paint(f'{rule.level:8}', _COLOURS[rule.level])} {paint(rule.id, 'bold')}: {rule.law}"
            yield from _places(list(found))
            yield f"         Fails: {', '.join(rule.clients)}."
        errors = sum(finding.rule.level == "error" for finding in self._findings)
        yield ""
        warnings = len(self._findings) - errors
        yield f"{_count(len(RULES), 'rule')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"

    def _state(self, recording: Recording) -> str:
        if recording in self._refused:
            return "refused"
        levels = {finding.rule.level for finding in self._findings if finding.recording == recording.name}
        return "error" if "error" in levels else "warning" if levels else "ok"


def _order(finding: Finding) -> tuple[bool, int]:
    """Errors first, in the order of the table."""
    return finding.rule.level != "error", RULES.index(finding.rule)


def _places(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings[:_MOST_PLACES]:
        yield f"         {finding.what} ({finding.recording}, bytes {finding.start} to {finding.end})"
    if len(findings) > _MOST_PLACES:
        yield f"         and at {_count(len(findings) - _MOST_PLACES, 'more place')}"


def _about(recording: Recording) -> str:
    if recording.status >= 400:
        return f"status {recording.status}{_reason(recording)}"
    summary = f"{_count(len(recording.frames), 'event')}, {_count(len(recording.body), 'byte')}"
    if recording.tools_offered:
        calls = len({call.get("index") for _, call in recording.calls})
        summary += f", {_count(calls, 'tool call')}" + ("" if calls > 1 else ": too few tool calls to check")
    return summary


def _reason(recording: Recording) -> str:
    """The server's own words."""
    body = parse(recording.body.decode("utf-8", "replace"))
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f", {message[:200]!r}" if isinstance(message, str) else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
