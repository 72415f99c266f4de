"""Events, messages and requests as bytes in a database, and back.

What a log holds is read by other versions of the program: in a rolling deployment by an older one, after an upgrade by
a newer one. So each value says which version of this form it has, and one that this program does not know is refused
with a sentence instead of being misread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from turnstream import errors, events, messages, protocols, text

T = TypeVar("T")
VERSION = 1

Appended: TypeAlias = tuple[str, int, str, Sequence[events.LogEvent]]
"""What was appended to one log of many: of which run, the seq of the first event, who owned it, the events."""


class _Envelope(Struct, Generic[T]):
    v: int
    value: T


class _Version(Struct):
    v: int


class _Form(Generic[T]):
    """One type of value."""

    def __init__(self, type: Any, written: Any = msgspec.json) -> None:
        self._encode, self._decoder = written.encode, written.Decoder(_Envelope[type])
        self._version = written.Decoder(_Version)

    def encode(self, value: T) -> bytes:
        envelope = _Envelope(VERSION, value)
        try:
            data: bytes = self._encode(envelope, enc_hook=str)
            return data
        except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot carry
            joined: bytes = self._encode(text.join_surrogates_in(msgspec.to_builtins(envelope, enc_hook=str)))
            return joined

    def decode(self, data: bytes) -> T:
        try:
            envelope: _Envelope[T] = self._decoder.decode(data)
        except msgspec.ValidationError as error:
            raise _unknown(self._version.decode(data).v) from error
        if envelope.v != VERSION:
            raise _unknown(envelope.v)
        return envelope.value


def _unknown(version: int) -> errors.StoreError:
    if version > VERSION:
        reason = (
            f"The stored value was written by a newer version of Turnstream (form {version}; this one knows {VERSION})."
        )
    else:
        reason = "The stored value was written by another version of Turnstream, which knows other events."
    return errors.StoreError(reason)


_events: _Form[Sequence[events.LogEvent]] = _Form(list[events.LogEvent])
_appended: _Form[Sequence[Appended]] = _Form(list[tuple[str, int, str, list[events.LogEvent]]], msgspec.msgpack)
_message: _Form[messages.Message] = _Form(messages.Message)
_ending: _Form[protocols.Ending] = _Form(protocols.Ending)
_new_run: _Form[protocols.NewRun] = _Form(protocols.NewRun)

encode_events = _events.encode
encode_appended, decode_appended = _appended.encode, _appended.decode
encode_message, decode_message = _message.encode, _message.decode
encode_ending, decode_ending = _ending.encode, _ending.decode
encode_new_run, decode_new_run = _new_run.encode, _new_run.decode


def decode_events(seq: int, data: bytes) -> protocols.NumberedEvents:
    """The events of one append, numbered from its ``seq`` on."""
    return list(enumerate(_events.decode(data), seq))
