"""What decoders of AWS event streams have in common."""

from __future__ import annotations

from turnstream.parsing import aws_event_stream
from turnstream.providers.decode import frames


class AwsDecoder(frames.FramedDecoder[aws_event_stream.Message]):
    """Over AWS event streams."""

    def __init__(self) -> None:
        super().__init__(aws_event_stream.Decoder())
