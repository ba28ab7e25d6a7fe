"""OpenTelemetry traces of requests, if the settings say where to send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2pcli import __version__
from a2pcli.errors import InvalidInput
from a2pcli.listening.listener import Part

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener
    from a2pcli.listening.observing import Seen

NANO = 1_000_000_000


def part(listener: Listener) -> Part | None:
    """A span for each request; callers that send ``traceparent`` find it in their traces."""
    where = listener.settings.settings.listen.traces
    if where is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ModuleNotFoundError:
        hint = "install them with: pip install 'a2pcli[otel]'"
        message = "traces need packages that are not installed"
        problem = listener.settings.problem(message, ("listen", "traces"), hint=hint, code="missing-extra")
        raise InvalidInput(problem) from None
    named = {"service.name": "a2pcli-listen", "service.version": __version__}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=where, timeout=5)))
    tracer, propagator = provider.get_tracer("a2pcli", __version__), TraceContextTextMapPropagator()

    def observe(seen: Seen) -> None:
        began = int(seen.began * NANO)
        attributes: dict[str, str | int] = {
            "http.request.method": seen.method,
            "http.route": seen.route,
            "http.response.status_code": seen.status,
            **({"a2pcli.gateway": seen.gateway} if seen.gateway else {}),
        }
        span = tracer.start_span(
            f"{seen.method} {seen.route}",
            context=propagator.extract(seen.trace),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=began,
        )
        if seen.status >= 500 or seen.status == 0:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + int(seen.seconds * NANO))

    return Part((), [f"traces are sent to {where}"], close=provider.shutdown, observe=observe)
