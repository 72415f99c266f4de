"""JSON into a Struct, at full speed where it fits; where a member has another type than it should, without that member.

Vendors and their imitators do send a number for a string, a null for a list, half of a surrogate pair, bytes that are
no UTF-8. An answer must not break over that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from turnstream.providers.halves import Halves
from turnstream.providers.leniency import loads

S = TypeVar("S", bound=Struct)


def decoder(kind: type[S]) -> Callable[[bytes, Halves], S]:
    """Raises `msgspec.DecodeError` for what is no JSON object. Every member of ``kind`` must have a default."""
    strict = msgspec.json.Decoder(kind).decode

    def decode(data: bytes, halves: Halves) -> S:
        try:
            return strict(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            try:
                value = loads(halves.joined(data))
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise msgspec.DecodeError(str(error)) from None
            return fitted(kind, value)

    return decode


def fitted(kind: type[S], value: dict[str, Any]) -> S:
    made = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            fits, member = _member(field.type, value[field.encode_name])
            if fits:
                made[field.name] = member
    return kind(**made)


def _member(wanted: Any, value: Any) -> tuple[bool, Any]:
    if wanted is msgspec.Raw:
        return True, msgspec.Raw(msgspec.json.encode(value))
    try:
        return True, msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        pass
    for kind in get_args(wanted) or (wanted,):
        if isinstance(kind, type) and issubclass(kind, Struct) and isinstance(value, dict):
            return True, fitted(kind, value)
        if get_origin(kind) is list and isinstance(value, list):
            members = [_member(get_args(kind)[0], item) for item in value]
            return True, [member for fits, member in members if fits]
    return False, None
