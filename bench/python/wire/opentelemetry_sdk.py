"""opentelemetry-sdk with its batch processor and its OTLP/HTTP exporter."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Peer:
    def __init__(self, url: str) -> None:
        self.provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        # Large enough that nothing is lost.
        processor = BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces"), max_queue_size=1 << 18)
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("shop")

    def trace(self, children: int) -> None:
        tracer = self.tracer
        path = "/api/v1/items/42"
        with tracer.start_as_current_span("root"):
            for _ in range(children):
                with tracer.start_as_current_span(
                    "child", attributes={"method": "GET", "status_code": 200, "path": path}
                ):
                    pass

    def end(self) -> None:
        # The batch processor would give up what is left after its timeout.
        self.provider.force_flush(120_000)
        self.provider.shutdown()
