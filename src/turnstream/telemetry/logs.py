"""Lines of the log: for people on a terminal, JSON elsewhere."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import IO, Literal, TypeAlias

from turnstream import text

Format: TypeAlias = Literal["auto", "text", "json"]

_QUIET = ("uvicorn", "httpx2")  # one says what ours say; the other tells URLs, which may hold a key


@lru_cache(1)  # most lines are of the second of the one before
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


@lru_cache(1)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class TextFormatter(logging.Formatter):
    """``2026-11-30 20:28:37,973 INFO turnstream.runs.supervisor: …``, and a traceback behind it: what the library's own
    formatter makes of such a format, for a third of its cost."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        moment = f"{_local_time(int(record.created))},{int(record.msecs):03}"
        return f"{moment} {record.levelname} {record.name}: {record.getMessage()}"


class JsonFormatter(logging.Formatter):
    """One object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, then the record's ``fields`` that say
    something, and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{_utc(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in getattr(record, "fields", {}).items():
            if value not in (None, ""):
                line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Redacting(logging.Formatter):
    """Another formatter's lines without secrets, tracebacks and what libraries log included."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._formatter, self._secrets = formatter, set(secrets)
        self._redactor = text.Redactor(self._secrets)

    def add(self, secrets: Iterable[str]) -> None:
        self._secrets |= set(secrets)
        self._redactor = text.Redactor(self._secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(self._formatter.format(record))


class Lines(logging.StreamHandler[IO[str]]):
    """To a stream. The library's own takes its lock a second time to flush each line, and asks whether it can; a line
    is half a dozen calls of its there."""

    def handle(self, record: logging.LogRecord) -> bool:
        if self.filters or self.lock is None:
            return super().handle(record)
        with self.lock:
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.stream.write(f"{self.format(record)}\n")
            self.stream.flush()
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self.stream.flush()


def set_up(level: str, format: Format, stream: IO[str], secrets: Iterable[str] = ()) -> bool:
    """``auto`` is for people if ``stream`` is a terminal. Changes no handler where logging is set up already. No line
    has one of the ``secrets``.

    Gives back whether the lines are JSON.
    """
    handler = Lines(stream)
    is_json = format == "json" or (format == "auto" and not stream.isatty())
    formatter = JsonFormatter() if is_json else TextFormatter()
    handler.setFormatter(Redacting(formatter, secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return is_json


def _is_news(record: logging.LogRecord) -> bool:
    """Why a request is not HTTP is in a line of ours."""
    return record.msg != "Invalid HTTP request received."


def redact_also(secrets: Iterable[str]) -> None:
    """From now on no line has these either."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, Redacting):
            handler.formatter.add(secrets)
