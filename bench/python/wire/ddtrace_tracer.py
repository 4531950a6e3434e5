"""ddtrace with its own agent writer."""

import os
import sys

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
os.environ["DD_TRACE_AGENT_URL"] = sys.argv[2]
# A trace in one piece, so that the sink can count it.
os.environ["DD_TRACE_PARTIAL_FLUSH_ENABLED"] = "false"
# Large enough that nothing is lost.
os.environ["DD_TRACE_WRITER_BUFFER_SIZE_BYTES"] = str(256 << 20)

from ddtrace.trace import tracer  # noqa: E402


class Peer:
    def __init__(self, _url: str) -> None:
        pass

    def trace(self, children: int) -> None:
        path = "/api/v1/items/42"
        with tracer.trace("root"):
            for _ in range(children):
                with tracer.trace("child") as span:
                    span.set_tag("method", "GET")
                    span.set_metric("status_code", 200)
                    span.set_tag("path", path)

    def end(self) -> None:
        tracer.flush()
        tracer.shutdown()
