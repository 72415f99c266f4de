"""Sending spans away, by the standard environment variables of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from turnstream import errors

if TYPE_CHECKING:
    from turnstream.telemetry.traces import Traces

_WANTED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment says where spans go, and not that there shall be none."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in _WANTED)


def set_up(environ: Mapping[str, str]) -> tuple[Traces, Callable[[], object]]:
    """Traces, and a function that sends the last spans at the end.

    A provider that is set already, as ``opentelemetry-instrument`` does, is used as it is. Raises `ConfigurationError`
    if the extra is not installed.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        message = "OpenTelemetry needs the extra 'otel': pip install 'turnstream[otel]'"
        raise errors.ConfigurationError(message) from None
    from turnstream.telemetry import traces

    content = environ.get(_CONTENT, "").lower() in ("true", "1")
    if isinstance(set_already := trace.get_tracer_provider(), TracerProvider):
        return traces.Traces(set_already, content=content), set_already.force_flush
    about = {"service.version": version("turnstream")}
    if not environ.get("OTEL_SERVICE_NAME"):
        about["service.name"] = "turnstream"
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return traces.Traces(provider, content=content), provider.shutdown
