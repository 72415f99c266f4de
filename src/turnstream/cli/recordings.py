"""Recorded response bodies, decoded: what ``turnstream decode`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from turnstream import errors, events
from turnstream.parsing.collect import Collector
from turnstream.providers import base, catalogue
from turnstream.providers.decode import aws_frames


def pieces(body: bytes, cut: int | None) -> Iterator[bytes]:
    """The body in pieces of ``cut`` bytes, whole for None."""
    if cut is not None and cut < 1:
        raise errors.ConfigurationError(f"A piece has at least 1 byte, not {cut}.")
    size = cut or max(len(body), 1)
    return (body[at : at + size] for at in range(0, len(body), size))


def batches(reader: base.Decoder, body: Iterable[bytes]) -> Iterator[list[events.ModelEvent]]:
    """Everything that a body says, by the contract of `Decoder`. Raises `ProviderError` where it says that."""
    for piece in body:
        if batch := reader.feed(piece):
            yield batch
    while batch := reader.close():
        yield batch


def read_events(
    api: str, body: bytes, *, cut: int | None = None
) -> tuple[list[events.ModelEvent], errors.ProviderError | None]:
    """All events of one body, and the error that ended it."""
    found: list[events.ModelEvent] = []
    reader = catalogue.decoder(api)
    if _is_framed(reader) and body[:1] == b"{":  # a refusal: a JSON document where a stream of frames was to be
        return found, catalogue.PROVIDERS[catalogue.apis()[api]].provider.error(400, body)
    try:
        for batch in batches(reader, pieces(body, cut)):
            found.extend(batch)
    except errors.ProviderError as error:
        return found, error
    return found, None


def _is_framed(reader: base.Decoder) -> bool:
    """Whether it reads AWS's binary framing."""
    return isinstance(reader, aws_frames.AwsDecoder)


def decode(api: str, file: str, body: bytes, *, cut: int | None = None) -> dict[str, Any]:
    """One body as the members of a JSON line: what was said, in the vendor's own words where there are such.

    A tool call's ``id`` is None if the wire had none. ``error`` is the vendor's error object, or our sentence.
    """
    found, error = read_events(api, body, cut=cut)
    collector = Collector()
    collector.feed(_with_hosted_calls(found) if _is_framed(catalogue.decoder(api)) else found)
    named = {event.index for event in found if isinstance(event, events.ToolCallStart)}
    whole: dict[str, Any] = {
        "file": file,
        "text": collector.text,
        "reasoning": collector.reasoning,
        "tool_calls": [
            {"id": call.id or None, "name": call.name, "arguments": call.arguments}
            for call in collector.tool_calls
            if call.name or (call.arguments and not named)
        ],
        "finish_reason": collector.finish.raw if collector.finish else None,
        "usage": collector.usage.raw if collector.usage else None,
        "error": None if error is None else (error.message if error.body is None else error.body),
    }
    if collector.refusal:
        whole["refusal"] = collector.refusal
    plans = [event.item.data.get("tool_plan") for event in found if isinstance(event, events.ItemAdded)]
    if plan := "".join(str(plan) for plan in plans if plan):  # Cohere's
        whole["tool_plan"] = plan
    return whole


def _with_hosted_calls(batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
    """Converse lists the calls that Bedrock runs itself among the others, so they are printed there too."""
    listed: list[events.ModelEvent] = []
    for at, event in enumerate(batch):
        if isinstance(event, events.HostedToolCall):
            index = -1 - at  # no other call has it
            listed += (events.ToolCallStart(index, event.id, event.name), events.ToolCallDelta(index, event.arguments))
        else:
            listed.append(event)
    return listed
