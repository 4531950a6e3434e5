"""ddtrace, with a writer that encodes as its agent's writer does (msgpack v0.4), counts and drops."""

import os

for _name in (
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED",
    "DD_REMOTE_CONFIGURATION_ENABLED",
    "DD_TRACE_STARTUP_LOGS",
    "DD_TRACE_STATS_COMPUTATION_ENABLED",
    "DD_CRASHTRACKING_ENABLED",
    "DD_RUNTIME_METRICS_ENABLED",
    "DD_DYNAMIC_INSTRUMENTATION_ENABLED",
):
    os.environ[_name] = "false"
# Nobody listens there; the writer below sends nothing anyway.
os.environ["DD_TRACE_AGENT_URL"] = "http://127.0.0.1:1"

from ddtrace.constants import USER_REJECT  # noqa: E402
from ddtrace.internal.encoding import MsgpackEncoderV04  # noqa: E402
from ddtrace.internal.writer import TraceWriter  # noqa: E402
from ddtrace.trace import tracer  # noqa: E402

import work  # noqa: E402


class CountingWriter(TraceWriter):
    def __init__(self) -> None:
        self.encoder = MsgpackEncoderV04(8 << 20, 8 << 20)
        self.spans = 0
        self.bytes = 0

    def recreate(self, *_arguments, **_options):
        return self

    def stop(self, timeout=None) -> None:
        pass

    def write(self, spans=None) -> None:
        if spans:
            self.encoder.put(spans)
            self.spans += len(spans)

    def flush_queue(self, *_arguments, **_options) -> None:
        for payload, _ in self.encoder.encode() or []:
            self.bytes += len(payload or b"")


class Peer:
    def __init__(self, case: str) -> None:
        self.sampled = case != "unsampled"
        aggregator = tracer._span_aggregator
        aggregator.writer = self.writer = CountingWriter()
        self.decorated = tracer.wrap("work")(work.work)
        self.decorated_async = tracer.wrap("work")(work.work_async)
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
            "exception-1": lambda times: self.exception(1, times),
            "exception-20": lambda times: self.exception(20, times),
        }

    def below(self, call, function, times: int) -> None:
        with tracer.trace("root"):
            call(function, times)

    def nested(self, times: int) -> None:
        with tracer.trace("root") as root:
            if not self.sampled:
                root.context.sampling_priority = USER_REJECT
            for _ in range(times):
                with tracer.trace("child"):
                    pass

    def attributes(self, times: int) -> None:
        path = "/api/v1/items/42"
        with tracer.trace("root"):
            for _ in range(times):
                with tracer.trace("child") as span:
                    span.set_tag("method", "GET")
                    span.set_metric("status_code", 200)
                    span.set_tag("path", path)

    def root(self, times: int) -> None:
        for _ in range(times):
            with tracer.trace("root"):
                pass

    def exception(self, depth: int, times: int) -> None:
        fail = work.fail
        with tracer.trace("root"):
            for _ in range(times):
                try:
                    with tracer.trace("child"):
                        fail(depth)
                except ValueError:
                    pass

    def settle(self) -> tuple[int, int]:
        self.writer.flush_queue()
        return self.writer.spans, self.writer.bytes
