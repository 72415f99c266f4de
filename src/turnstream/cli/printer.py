"""Run events → the terminal. Colours only where the output is a terminal."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from rich.console import Console

from turnstream import events, jsontext, messages

EXCERPT = 120
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""What a model or a tool says must not steer the terminal."""


class Printer:
    """Answers go to standard output; statuses, notes and failures to standard error, unless ``quiet``."""

    def __init__(self, *, quiet: bool = False, output: Console | None = None, notes: Console | None = None) -> None:
        self.output = output or Console(highlight=False, soft_wrap=True)
        self.notes = notes or Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self._open = False  # in the middle of a line of the answer
        self._thinking = False
        self._question = ""

    def note(self, text: str) -> None:
        """A line beside the answers."""
        if not self.quiet:
            self.end()
            self._line(text, "dim")

    def tell(self, text: str) -> None:
        """A line to whoever is asked something, even if quiet."""
        self.end()
        self._line(text, "bold")

    def ask(self, text: str) -> None:
        """A question, to which the answer is typed on the same line. It is asked even if quiet, and again after
        whatever is shown before it is answered."""
        self.end()
        self._question = text
        self._write(self.notes, text, "bold")
        self._thinking = True

    def end_question(self, *, by_a_line: bool = True) -> None:
        """Whoever typed a line has ended that of the question."""
        self._question = ""
        if by_a_line:
            self._open = self._thinking = False
        self.end()

    def show(self, batch: Iterable[events.RunEvent]) -> None:
        for event in batch:
            match event:
                case events.TextDelta(text=text) | events.RefusalDelta(text=text):
                    self._text(text)
                case events.ReasoningDelta(text=text):
                    self._reasoning(text)
                case events.RunFailed(message=message):
                    self.end()
                    self._line(f"✗ {message}", "red")
                case _:
                    self._status(event)
        if self._question and not self._open:
            self.ask(self._question)
        self.output.file.flush()

    def _status(self, event: events.RunEvent) -> None:
        match event:
            case events.StepStarted(step=step):
                self.note("· starting_generation" if step == 1 else "· continuing_generation")
            case events.ToolCallsDetected(tool_calls=calls) | events.ClientToolCalls(tool_calls=calls):
                self.note("· tool_call_detected")
                for call in calls:
                    self.note(f"  → {spell(call)}")
            case events.ToolProgress(name=name, message=message):
                self.note(f"  … {name}: {message}")
            case events.ToolResult(ok=ok, tool_call=call, output=output, duration=duration):
                text = " ".join(output.shown_text.split())
                self.note(f"  {'✓' if ok else '✗'} {call.name} ({duration:.1f} s): {excerpt(text)}")
            case events.ToolsExecuted():
                self.note("· tools_executed")
            case events.MaxStepsReached():
                self.note("· max_depth_reached")
            case events.HostedToolCall(name=name, arguments=arguments):
                self.note(f"  → {name}({excerpt(arguments)}), run by the model's vendor")
            case events.SourceFound(source=source):
                self.note(f"  [{source.id}] {source.title} {source.url or ''}".rstrip())
            case events.RunFinished(usage=usage, steps=steps, reason=reason):
                parts = [f"{steps} step{'s' if steps > 1 else ''}"]
                if usage.total:
                    parts.append(f"{usage.input} + {usage.output} tokens")
                if reason != "stop":
                    parts.append(f"ended by {reason}")
                self.note(", ".join(parts))
            case events.RunCancelled():
                self.note("stopped")
            case _:
                pass

    def _text(self, text: str) -> None:
        if self._thinking:
            self.end()
        self._write(self.output, text)

    def _reasoning(self, text: str) -> None:
        if self.quiet:
            return
        if not self._thinking:
            self.end()
            self._thinking = True
        self._write(self.notes, text, "dim italic")

    def _write(self, console: Console, text: str, style: str | None = None) -> None:
        console.print(text.translate(_CONTROLS), style=style, end="", markup=False, emoji=False)
        self._open = not text.endswith("\n")

    def _line(self, text: str, style: str) -> None:
        self.notes.print(text.translate(_CONTROLS), style=style, markup=False, emoji=False)

    def end(self) -> None:
        """Close the line that is being written."""
        if self._open:
            (self.notes if self._thinking else self.output).print()
        self._open = self._thinking = False


class _ShownFailures(logging.Filter):
    """The sentence of a failed run is shown already, so that its line tells the detail alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and str(record.msg).startswith("run %s failed: %s %s"):
            record.msg, record.args = str(record.args[2]), ()
            return bool(record.msg.strip())
        return True


class _Sentences(logging.Formatter):
    """The message alone: what a defect looks like inside is for `--debug`."""

    def formatException(self, ei: object) -> str:
        return ""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None
        return super().format(record).rstrip()


def log_to_terminal(*, tracebacks: bool) -> None:
    """Warnings and errors of the run go to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter() if tracebacks else _Sentences())
    if not tracebacks:
        handler.addFilter(_ShownFailures())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def spell(call: messages.ToolCall, most: int | None = EXCERPT) -> str:
    """``weather(city="Paris")``."""
    arguments = jsontext.decode_object(call.arguments)
    if arguments is None:
        inside = call.arguments
    else:
        inside = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{call.name}({excerpt(inside, most)})"


def excerpt(text: str, most: int | None = EXCERPT) -> str:
    return text if most is None or len(text) <= most else text[:most] + "…"
