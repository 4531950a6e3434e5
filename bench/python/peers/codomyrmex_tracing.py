"""Ours, towards the exporter that takes encoded batches, counts and drops them."""

import os

if "unsampled" in os.environ.get("BENCH_CASE", ""):
    os.environ["CODOMYRMEX_TRACES_SAMPLER"] = "parentbased_always_off"

from codomyrmex.telemetry.tracing import NullExporter, get_tracer, trace
from codomyrmex.telemetry.tracing.propagation import extract, inject

import work


class Peer:
    def __init__(self, _case: str) -> None:
        self.exporter = NullExporter()
        self.tracer = get_tracer("shop", self.exporter)
        self.decorated = trace("work", tracer_name="shop")(work.work)
        self.decorated_async = trace("work", tracer_name="shop")(work.work_async)
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
        with self.tracer.span("root"):
            call(function, times)

    def nested(self, times: int) -> None:
        tracer = self.tracer
        with tracer.span("root"):
            for _ in range(times):
                with tracer.span("child"):
                    pass

    def attributes(self, times: int) -> None:
        tracer = self.tracer
        path = "/api/v1/items/42"
        with tracer.span("root"):
            for _ in range(times):
                with tracer.span("child", method="GET", status_code=200, path=path):
                    pass

    def root(self, times: int) -> None:
        tracer = self.tracer
        for _ in range(times):
            with tracer.span("root"):
                pass

    def inject(self, times: int) -> None:
        with self.tracer.span("root"):
            for _ in range(times):
                inject({})

    def extract(self, times: int) -> None:
        headers = {"traceparent": work.TRACEPARENT}
        for _ in range(times):
            extract(headers)

    def exception(self, depth: int, times: int) -> None:
        tracer = self.tracer
        fail = work.fail
        with tracer.span("root"):
            for _ in range(times):
                try:
                    with tracer.span("child"):
                        fail(depth)
                except ValueError:
                    pass

    def settle(self) -> tuple[int, int]:
        self.tracer.force_flush(10)
        return self.exporter.span_count, self.exporter.byte_count
