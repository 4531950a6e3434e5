"""opentelemetry-sdk with its batch processor and an exporter that encodes OTLP bytes and drops them."""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import work


class EncodingExporter(SpanExporter):
    def __init__(self) -> None:
        self.spans = 0
        self.bytes = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.bytes += len(encode_spans(spans).SerializeToString())
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


class Peer:
    def __init__(self, case: str) -> None:
        self.exporter = EncodingExporter()
        root = ALWAYS_OFF if case == "unsampled" else ALWAYS_ON
        self.provider = TracerProvider(
            sampler=ParentBased(root), resource=Resource({"service.name": "shop"}), shutdown_on_exit=False
        )
        # Large enough that nothing is lost between two flushes.
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter, max_queue_size=8192))
        self.tracer = tracer = self.provider.get_tracer("shop")
        self.decorated = tracer.start_as_current_span("work")(work.work)
        self.decorated_async = tracer.start_as_current_span("work")(work.work_async)
        self.plain = {
            "decorator": lambda times: work.call(work.work, times),
            "decorator-async": lambda times: work.call_async(work.work_async, times),
        }
        self.cases = {
            "nested": self.nested,
            "unsampled": self.nested,
            "cpu": self.nested,
            "attributes": self.attributes,
            "cpu-attributes": self.attributes,
            "root": self.root,
            "decorator": lambda times: self.below(work.call, self.decorated, times),
            "decorator-async": lambda times: self.below(work.call_async, self.decorated_async, times),
            "inject": self.inject,
            "extract": self.extract,
            "exception-1": lambda times: self.exception(1, times),
            "exception-20": lambda times: self.exception(20, times),
        }

    def below(self, call, function, times: int) -> None:
        with self.tracer.start_as_current_span("root"):
            call(function, times)

    def nested(self, times: int) -> None:
        tracer = self.tracer
        with tracer.start_as_current_span("root"):
            for _ in range(times):
                with tracer.start_as_current_span("child"):
                    pass

    def attributes(self, times: int) -> None:
        tracer = self.tracer
        path = "/api/v1/items/42"
        with tracer.start_as_current_span("root"):
            for _ in range(times):
                with tracer.start_as_current_span(
                    "child", attributes={"method": "GET", "status_code": 200, "path": path}
                ):
                    pass

    def root(self, times: int) -> None:
        tracer = self.tracer
        for _ in range(times):
            with tracer.start_as_current_span("root"):
                pass

    def inject(self, times: int) -> None:
        propagator = TraceContextTextMapPropagator()
        with self.tracer.start_as_current_span("root"):
            for _ in range(times):
                propagator.inject({})

    def extract(self, times: int) -> None:
        propagator = TraceContextTextMapPropagator()
        headers = {"traceparent": work.TRACEPARENT}
        for _ in range(times):
            propagator.extract(headers)

    def exception(self, depth: int, times: int) -> None:
        tracer = self.tracer
        fail = work.fail
        with tracer.start_as_current_span("root"):
            for _ in range(times):
                try:
                    with tracer.start_as_current_span("child"):
                        fail(depth)
                except ValueError:
                    pass

    def settle(self) -> tuple[int, int]:
        self.provider.force_flush()
        return self.exporter.spans, self.exporter.bytes
