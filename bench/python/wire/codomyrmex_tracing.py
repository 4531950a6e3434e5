"""Ours, over OTLP/HTTP."""

import os

# Large enough that nothing is lost.
os.environ["CODOMYRMEX_QUEUE_BYTES"] = str(64 << 20)

from codomyrmex.telemetry.tracing import OTLPExporter, Tracer


class Peer:
    def __init__(self, url: str) -> None:
        self.tracer = Tracer("shop", OTLPExporter(f"{url}/v1/traces"))

    def trace(self, children: int) -> None:
        tracer = self.tracer
        path = "/api/v1/items/42"
        with tracer.span("root"):
            for _ in range(children):
                with tracer.span("child", method="GET", status_code=200, path=path):
                    pass

    def end(self) -> None:
        self.tracer.shutdown()
