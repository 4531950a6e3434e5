"""Ours, over OTLP/HTTP."""

from codomyrmex.telemetry.tracing import OTLPExporter, Tracer


class Peer:
    def __init__(self, url: str) -> None:
        exporter = OTLPExporter(f"{url}/v1/traces")
        # Large enough that nothing is lost.
        self.tracer = Tracer("shop", exporter, queue_bytes=64 << 20)

    def trace(self, children: int) -> None:
        tracer = self.tracer
        path = "/api/v1/items/42"
        with tracer.span("root"):
            for _ in range(children):
                with tracer.span("child", method="GET", status_code=200, path=path):
                    pass

    def end(self) -> None:
        self.tracer.shutdown()
